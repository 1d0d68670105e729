# SPDX-License-Identifier: Apache-2.0
"""The command line, as ``python -m jina_omni``."""

from jina_omni.cli import run

if __name__ == "__main__":  # processes that draw pages import this module too
    run()
