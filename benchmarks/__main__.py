"""Run a benchmark: ``python -m benchmarks scoreboard``, or one of the parts that it is made of.

The sides that libllama's sources make, and any quantised text file, need ``python -m testing.engine.build`` before;
libmtmd and llama-server are built when they are first asked for.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import (
    accelerator,
    audio,
    cancel,
    documents,
    image,
    latency,
    mixed,
    pdf,
    roofline,
    scaling,
    scoreboard,
    serving,
    text,
    video,
)
from benchmarks.checkpoint import default_cache

_MODULES = (
    *(scoreboard, text, image, audio, video, pdf, documents, mixed),
    *(roofline, scaling, latency, serving, cancel, accelerator),
)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for module in _MODULES:
        name = module.__name__.rpartition(".")[2]
        command = commands.add_parser(name, help=module.__doc__, description=module.__doc__)
        command.add_argument("--size", choices=("small", "nano"), default="small")
        command.add_argument("--threads", type=int, default=2)
        command.add_argument("--repeats", type=int, default=3, help="turns that count (default: %(default)s)")
        command.add_argument(
            "--cache", type=Path, default=default_cache(), help="keeps the files (default: %(default)s)"
        )
        command.add_argument("--json", type=Path, help="write the figures to this file")
        clock = "wall time, or processor time over the threads: for a machine that others use too (default: wall)"
        command.add_argument("--clock", choices=("wall", "cpu"), default="wall", help=clock)
        module.add_options(command)
        # the scoreboard is made of other commands
        command.set_defaults(run=module.run, parse=parser.parse_args)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
