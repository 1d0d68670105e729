# SPDX-License-Identifier: Apache-2.0
"""Check before a release that its tag, the version, the changelog and the addresses of the project agree.

    python tools/check_release.py TAG REPOSITORY

REPOSITORY is the address of the repository that publishes, with which all of [project.urls] must begin.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def read(path: str) -> str:
    """Return a file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def find_problems(tag: str, repository: str) -> list[str]:
    """Return what keeps this tag from being released."""
    match = re.search(r'^__version__ = "(.+)"$', read("src/jina_omni/_version.py"), re.MULTILINE)
    version = match[1] if match else ""
    problems = []
    if tag != f"v{version}":
        problems.append(f"the tag is {tag}, but src/jina_omni/_version.py has {version}")
    if not re.search(rf"^## {re.escape(version)}, \d{{4}}-\d\d-\d\d$", read("CHANGELOG.md"), re.MULTILINE):
        problems.append(f"CHANGELOG.md has no heading '## {version}, YYYY-MM-DD'")
    section = read("pyproject.toml").partition("[project.urls]\n")[2].partition("\n\n")[0]
    urls = re.findall(r'^\w+ = "(.+)"$', section, re.MULTILINE)
    if not urls:
        problems.append("pyproject.toml has no [project.urls]")
    problems += [f"{url} in pyproject.toml is not in {repository}" for url in urls if not url.startswith(repository)]
    return problems


if __name__ == "__main__":
    if found := find_problems(*sys.argv[1:]):
        raise SystemExit("\n".join(found))
