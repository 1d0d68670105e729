# SPDX-License-Identifier: Apache-2.0
"""Standard streams that were closed before this process began."""

from __future__ import annotations

import os
import sys

__all__ = ["replace_closed_streams"]


def replace_closed_streams() -> None:
    """Open the null device in the place of each standard stream that is closed.

    Otherwise the next file that is opened would get its number, and whatever writes to the stream would write into
    that file. Reading stdin and writing to stdout fail afterwards with an OSError, so that no input or result is lost
    silently; what is written to stderr is dropped.
    """
    # Of the null device, each is opened for what it is not meant for.
    streams = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
    for number, (name, mode, flags) in enumerate(streams):
        if getattr(sys, name) is None:  # by which Python says that it is closed
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)  # noqa: FBT003 - takes no keyword
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - until this process ends
