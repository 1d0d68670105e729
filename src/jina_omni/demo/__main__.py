# SPDX-License-Identifier: Apache-2.0
"""``python -m jina_omni.demo``, which is ``jina-omni demo``."""

from __future__ import annotations

import sys

from jina_omni.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
