#!/usr/bin/env bash
# Asks pip-audit (pip install pip-audit) for known vulnerabilities in everything that pip would install for jina-omni and its
# extras. It needs the network; it builds nothing, and looks at the newest versions that pyproject.toml admits.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
python3 - >"$requirements" <<'PYTHON'
import pathlib
import tomllib

project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
wanted = {*project["dependencies"], *(item for name in extras for item in extras[name])}
print(*sorted(item for item in wanted if not item.startswith("jina-omni")), sep="\n")
PYTHON
pip-audit --requirement "$requirements"
