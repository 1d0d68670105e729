"""Audio: ours against torch, from a file to pooled rows, and the tower's rows against libmtmd's."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import media
from benchmarks.report import Figures
from benchmarks.towers import LlamaAudio, OursAudio
from benchmarks.turns import Turns
from benchmarks.turns import add_options as add_shared_options

_UNIT = "s of sound"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of this benchmark."""
    add_shared_options(parser, mtmd=True)
    parser.add_argument("--seconds", default="3,11,30", help="lengths of the clip (default: %(default)s)")


def run(args: argparse.Namespace) -> Figures:
    """Run the benchmark."""
    libmtmd = (
        "always encodes 30 s, whatever the clip's length, which is what its users pay; its rows are others than the "
        "model's, so no cosine is given"
    )
    turns = Turns(args, **({} if args.no_mtmd else {"libmtmd": libmtmd}))
    with tempfile.TemporaryDirectory() as folder:
        for seconds in map(float, args.seconds.split(",")):
            row = f"one clip of {seconds:g} s"
            path = media.write_sound(Path(folder, f"{seconds:g}.wav"), seconds, seed=0)
            turns.models(row, [path], seconds, _UNIT, "audio")
            engines = {"jina_omni": OursAudio, "libmtmd": LlamaAudio}
            work = [media.samples(seconds, seed=0)]
            turns.towers(f"the tower on {row}", engines, "audio", work, seconds, _UNIT, comparable=False)
    return turns.figures
