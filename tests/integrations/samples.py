"""The Python of the pages in docs/, and the files that it opens."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.integrations.conftest import DATA

_DOCS = Path(__file__).parents[2] / "docs"
_FILES = {
    "text.gguf": "text.gguf",
    "vision-mmproj.gguf": "vision.gguf",
    "red-circle.png": "circle.png",
    "blue-square.png": "square.png",
}


def samples(page: str) -> dict[str, str]:
    """Return the Python of each section of a page."""
    sections = re.split(r"^## ", (_DOCS / page).read_text("utf-8"), flags=re.MULTILINE)
    return {s.partition("\n")[0]: "\n".join(re.findall(r"```python\n(.*?)```", s, re.DOTALL)) for s in sections}


def put_files(folder: Path) -> None:
    """Put the packaged model's files where the samples look for them."""
    for packaged, name in _FILES.items():
        shutil.copy(DATA / packaged, folder / name)
