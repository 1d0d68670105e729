# SPDX-License-Identifier: Apache-2.0
"""The command line, as ``python -m jina_omni``."""

import sys

from jina_omni.cli import main

if __name__ == "__main__":  # processes that draw pages import this module too
    sys.exit(main())
