# SPDX-License-Identifier: Apache-2.0
"""The command line ``jina-omni``: a file for each command, and `main`, which calls them.

Exit status: 0 for success, 1 when some inputs failed, 2 for an error that stops the command, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from jina_omni import __version__
from jina_omni.cli import bench, db, demo, download, duplicates, embed, index, info, models, search
from jina_omni.cli import map as map_
from jina_omni.cli.parser import CommandParser
from jina_omni.cli.problems import CommandError, escape_line
from jina_omni.cli.streams import replace_closed_streams
from jina_omni.cli.wording import OptionFormatter, name_options
from jina_omni.errors import JinaOmniError

__all__ = ["create_parser", "main", "run"]

_STOPPED = 2
_INTERRUPTED = 130

_COMMANDS = (demo, models, download, info, bench, embed, index, search, duplicates, map_, db)

_EXAMPLES = """\
examples:
  jina-omni demo --html demo.html
  jina-omni info text.gguf --mmproj vision-mmproj.gguf
  jina-omni embed photos/ notes.txt --model small-retrieval --out vectors.npz
  jina-omni index ~/documents --db ~/documents.db --model small-retrieval
  jina-omni search "a cat asleep in the sun" --db ~/documents.db --html found.html

jina-omni COMMAND --help shows the options of a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; by default those of this process.
    """
    replace_closed_streams()
    handler = logging.StreamHandler()
    handler.setFormatter(OptionFormatter())
    logging.basicConfig(handlers=[handler])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the terminal may lack characters of a file's name
    try:
        args = create_parser().parse_args(argv)
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader closed the pipe
        _drop_output()
        return _STOPPED
    except OSError as error:
        message = (
            f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error.strerror or str(error)
        )
        return _fail(_flush_output() or message)
    except SystemExit:  # after --help, or wrong options
        if message := _flush_output():
            return _fail(message)
        raise
    except CommandError as error:
        return _fail(str(error))
    except (JinaOmniError, ValueError) as error:  # a ValueError names a wrong argument
        return _fail(name_options(str(error)))
    return status


def run() -> NoReturn:
    """Run the command of this process, and end the process with its exit status."""
    status = main()
    if status == _INTERRUPTED:
        # A decoder that has begun can't be stopped, and Python would wait for it. What runs here ends the processes
        # that draw.
        atexit._run_exitfuncs()  # noqa: SLF001 - has no public name
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # the reader closed the pipe
                stream.flush()
        os._exit(status)
    sys.exit(status)


def create_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with all commands."""
    parser = CommandParser(
        prog="jina-omni",
        description="Embed text, images, video, audio and PDFs into one shared vector space.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=lambda _: _print_help(parser))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for module in _COMMANDS:
        command = commands.add_parser(
            module.__name__.rpartition(".")[2],
            help=module.HELP,
            description=module.HELP,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_options(command)
        command.set_defaults(run=module.run, parser=command)
    return parser


def _flush_output() -> str:
    """Write what is buffered for stdout; return what is wrong where that fails, and drop it."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _drop_output()
        return "stdout is closed" if error.errno == errno.EBADF else f"can't write to stdout: {error.strerror}"
    return ""


def _drop_output() -> None:
    """Redirect stdout to devnull, so that Python can flush the rest of the output when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_help(parser: argparse.ArgumentParser) -> int:
    """Print what ``--help`` prints: it is what someone needs who runs the program by its name alone."""
    parser.print_help()
    return 0


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning in one line, without the place in the source."""
    print("warning:", name_options(str(message)), file=sys.stderr)


def _fail(message: str) -> int:
    """Print an error in one line and return the exit status."""
    print("error:", escape_line(re.sub(r"\s*\n\s*", " ", message)), file=sys.stderr)
    return _STOPPED
