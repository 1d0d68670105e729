"""Which folders may import which."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("attacks", "benchmarks", "cmake", "demo_model", "docs", "examples", "src", "testing", "tools")


def read_imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, those in functions and behind TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def list_files() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def test_only_tests_import_tests() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): module
        for path in list_files()
        for module in read_imports(path)
        if module.partition(".")[0] == "tests"
    }
    assert found == {}


def test_no_modules_around_the_library_import_each_other_in_a_circle() -> None:
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in list_files()
        if not path.is_relative_to(ROOT / "src")
    }
    assert len(names) > 60
    graph = {name: {module for module in read_imports(path) if module in names} for name, path in names.items()}
    graphlib.TopologicalSorter(graph).prepare()  # else CycleError, which lists the circle
