"""The sources and the pages do without the words that docs/glossary.md retires."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
TITLE = "## Words that are not used"
TABLE = GLOSSARY.read_text("utf-8").partition(TITLE)[2]
# In a table of Markdown a | is escaped.
PATTERNS = [pattern.replace(r"\|", "|") for pattern in re.findall(r"^\| `(.+?)` \|", TABLE, re.MULTILINE)]

PLACES = (
    "src",
    "csrc",
    "README.md",
    "docs",
    "examples",
    "CONTRIBUTING.md",
    "benchmarks",
    "testing",
    "attacks",
    "tools",
    "cmake",
    "accelerators",
)
SUFFIXES = {".py", ".cpp", ".h", ".c", ".md", ".cmake", ".sh", ".toml"}


def find_files() -> Iterator[Path]:
    for place in PLACES:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*"))


def join_lines(text: str) -> str:
    """Return a text on one line without the marks of comments, so that a phrase is found across line breaks."""
    return re.sub(r"\s*\n\s*(#+|//+|\*+)?\s*", " ", text)


@functools.cache
def read_texts() -> dict[str, str]:
    texts = {}
    for path in find_files():
        if path.suffix in SUFFIXES or path.name == "CMakeLists.txt":
            text = path.read_text("utf-8")
            texts[str(path.relative_to(ROOT))] = join_lines(text.partition(TITLE)[0] if path == GLOSSARY else text)
    return texts


def search(pattern: str, text: str) -> list[str]:
    """Return what a pattern finds, each with the text around it."""
    found = re.finditer(pattern, text, re.IGNORECASE)
    return [text[max(0, each.start() - 40) : each.end() + 40] for each in found]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_retired_word_is_not_used(pattern: str) -> None:
    hits = [f"{name}: {hit}" for name, text in read_texts().items() for hit in search(pattern, text)]
    assert not hits, "\n".join(hits)


def test_the_table_and_the_files_are_read() -> None:
    assert len(PATTERNS) == TABLE.count("\n| `")
    assert all(any(name.startswith(place) for name in read_texts()) for place in PLACES if (ROOT / place).exists())


@pytest.mark.parametrize(
    ("text", "retired"),
    [
        ("the cost may be reckoned", True),
        ("Put uploads of\n    // strangers into", True),
        ("each is told on stderr", True),
        ("told apart by their names, and told to stop", False),
        ("value.strip()", False),
        ("a strip of the weights", True),
        ("there is no file of this name", False),
        ("which is no file", True),
        ("code_form_of(type)", True),
        ("text.find_first_not_of(space)", False),
    ],
)
def test_the_patterns_find_the_retired_meaning_alone(text: str, retired: bool) -> None:  # noqa: FBT001
    assert any(search(pattern, join_lines(text)) for pattern in PATTERNS) == retired
