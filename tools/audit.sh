#!/usr/bin/env bash
# Asks pip-audit (pip install pip-audit) for known vulnerabilities in what pip would install for jina-omni and the extras that users
# take, in the newest versions that pyproject.toml admits. It needs the network, and builds nothing.
# A package that the index knows nothing about is a failure too: an audit that was none must not pass.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
python3 - >"$requirements" <<'PYTHON'
import pathlib
import tomllib

project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
for_us = {"dev", "parity", "test"}
wanted = {*project["dependencies"], *(item for name in extras.keys() - for_us for item in extras[name])}
print(*sorted(item for item in wanted if not item.startswith("jina-omni")), sep="\n")
PYTHON
pip-audit --strict --requirement "$requirements"
