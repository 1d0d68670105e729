"""The Python samples of the pages in docs/, and the files that they open."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.integrations.conftest import TEXT, VISION, draw

_DOCS = Path(__file__).parents[2] / "docs"


def read_samples(page: str) -> dict[str, str]:
    """Return the Python of each section of a page, by its title."""
    sections = re.split(r"^## ", (_DOCS / page).read_text("utf-8"), flags=re.MULTILINE)
    return {s.partition("\n")[0]: "\n".join(re.findall(r"```python\n(.*?)```", s, re.DOTALL)) for s in sections}


def put_files(folder: Path) -> None:
    """Put the packaged model's files where the samples look for them."""
    shutil.copy(TEXT, folder / "text.gguf")
    shutil.copy(VISION, folder / "vision.gguf")
    draw("circle", "red", folder / "circle.png")
    draw("square", "blue", folder / "square.png")
