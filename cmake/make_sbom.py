# SPDX-License-Identifier: Apache-2.0
"""Write the bill of materials (CycloneDX) of what is compiled into the extension, for the wheel's ``dist-info/sboms``.

What a wheel asks pip for is not in it: that is in its METADATA.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fetch_source import Lock


def bill(name: str, number: str, backend: str, commit: str, ggml: str, lock: Lock) -> dict[str, Any]:
    """Return the bill.

    Parameters
    ----------
    name, number : str
        The distribution and its version.
    backend : str
        Compiled in beside the CPU's.
    commit : str
        Of llama.cpp; ``unknown`` for a tree of the builder's own.
    ggml : str
        The version of ggml in that tree.
    lock : Lock
        Of the pinned tree.
    """
    llama: dict[str, Any] = {
        "type": "library",
        "bom-ref": "llama.cpp",
        "name": "llama.cpp",
        "version": commit,
        "licenses": [{"license": {"id": "MIT"}}],
        "components": [
            {
                "type": "library",
                "bom-ref": "ggml",
                "name": "ggml",
                "version": ggml,
                "licenses": [{"license": {"id": "MIT"}}],
                "properties": [{"name": "jina_omni:backend", "value": backend}],
            }
        ],
    }
    if commit == lock.commit:
        llama["purl"] = f"pkg:github/ggml-org/llama.cpp@{commit}"
        llama["externalReferences"] = [
            {
                "type": "source-distribution",
                "url": f"pkg:pypi/{lock.package}@{lock.version}",
                "hashes": [{"alg": "SHA-256", "content": lock.sha256}],
            }
        ]
    cffi = version("cffi")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": name,
                "name": name,
                "version": number,
                "purl": f"pkg:pypi/{name}@{number}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [
            llama,
            {
                "type": "library",
                "bom-ref": "cffi",
                "name": "cffi",
                "version": cffi,
                "description": "the code of its headers around the C boundary",
                "purl": f"pkg:pypi/cffi@{cffi}",
                "licenses": [{"license": {"id": "MIT"}}],
            },
        ],
        "dependencies": [
            {"ref": name, "dependsOn": ["llama.cpp", "cffi"]},
            {"ref": "llama.cpp", "dependsOn": ["ggml"]},
        ],
    }


def main(output: Path, lock: Path, name: str, number: str, backend: str, commit: str, ggml: str) -> None:
    """Write the bill to `output`."""
    text = json.dumps(bill(name, number, backend, commit, ggml, Lock.read(lock)), indent=2)
    output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
