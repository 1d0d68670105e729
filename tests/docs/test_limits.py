"""docs/limits.md and the README quote the limits of media as they are."""

from __future__ import annotations

import re
from pathlib import Path

from jina_omni.media import limits
from jina_omni.media.file_types import list_names

ROOT = Path(__file__).parents[2]
CONSTANTS = {name: value for name, value in vars(limits).items() if name.isupper()}


def test_the_page_has_each_limit_with_its_value() -> None:
    page = (ROOT / "docs" / "limits.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", page, re.MULTILINE)
    assert {name: int(value.replace(",", "")) for name, value in rows} == CONSTANTS
    assert len(rows) == len(CONSTANTS)


OWN_LIMIT = re.compile(r"^_?(MAX|MIN|MOST)_(PIXELS|BYTES|DPI|SECONDS|CHANNELS|SCANS)\b", re.MULTILINE)


def test_no_other_module_of_media_has_a_limit_of_its_own() -> None:
    for path in Path(limits.__file__).parent.glob("*.py"):
        if path.name != "limits.py":
            assert not OWN_LIMIT.search(path.read_text()), path


def test_the_pages_list_the_file_types_that_are_read() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "inputs.md"):
        text = page.read_text()
        for kind in ("image", "video", "audio"):
            for name in list_names(kind).split(", "):
                assert re.search(rf"\b{name.partition(' ')[0]}\b", text), f"{page.name} lacks {name}"
