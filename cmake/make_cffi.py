# SPDX-License-Identifier: Apache-2.0
"""Write the C source of the extension ``jina_omni.native._lib`` from ``csrc/jina_omni.h``.

The header is the only list of prototypes: what C++ implements is what Python calls.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import cffi


def declarations(header: str) -> str:
    """Return the header's declarations without the lines that only a preprocessor understands."""
    header = re.sub(r"^#ifdef __cplusplus\n.*?^#endif\n", "", header, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^#.*\n", "", header, flags=re.MULTILINE)


def main(header: Path, output: Path) -> None:
    """Write the C source of the extension to `output`."""
    ffi = cffi.FFI()
    ffi.cdef(declarations(header.read_text(encoding="utf-8")))
    ffi.set_source("jina_omni.native._lib", f'#include "{header.name}"', py_limited_api=True)
    ffi.emit_c_code(str(output))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
