# SPDX-License-Identifier: Apache-2.0
"""``python -m jina_omni.demo``: what ``jina-omni demo`` prints."""

from jina_omni.demo.comparison import print_comparison

if __name__ == "__main__":
    print_comparison()
