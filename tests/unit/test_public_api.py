# SPDX-License-Identifier: Apache-2.0
"""The public API: its names and signatures are those of the stored file, so that a change of them is seen in review.

``python -m tests.unit.test_public_api`` writes the file anew.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

STORED = Path(__file__).parent / "data" / "public_api.txt"
MODULES = ("jina_omni", "jina_omni.errors", "jina_omni.native", "jina_omni.requests", "jina_omni.demo")


def public_names(module: str) -> Iterator[tuple[str, Any]]:
    """Yield what a module offers."""
    loaded = import_module(module)
    for name in loaded.__all__:
        yield f"{module}.{name}", getattr(loaded, name)


def members(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield the public members of a class of ours, those of its bases in the package included."""
    seen = set()
    for base in owner.__mro__:
        if base.__module__.partition(".")[0] != "jina_omni":
            continue
        for name, value in vars(base).items():
            if not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name, value


def signature(function: Any) -> str:
    """Return a signature in a form that does not depend on the version of Python."""
    found = inspect.signature(function)
    parts, kind = [], inspect.Parameter.POSITIONAL_OR_KEYWORD
    for parameter in found.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and kind is not parameter.kind:
            parts.append("*")
        if kind is inspect.Parameter.POSITIONAL_ONLY and parameter.kind is not kind:
            parts.append("/")
        kind = parameter.kind
        star = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(kind, "")
        annotation = "" if parameter.annotation is inspect.Parameter.empty else f": {parameter.annotation}"
        default = "" if parameter.default is inspect.Parameter.empty else f" = {parameter.default!r}"
        parts.append(f"{star}{parameter.name}{annotation}{default}")
    result = "" if found.return_annotation is inspect.Signature.empty else f" -> {found.return_annotation}"
    return f"({', '.join(parts)}){result}"


def describe(name: str, value: Any) -> Iterator[str]:
    """Yield the lines of one name: a class with its members, a function, or a constant."""
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"{name}({bases}) {signature(value.__init__) if '__init__' in vars(value) else ''}".rstrip()
        for member, found in sorted(members(value)):
            if isinstance(found, property):
                yield f"  {member} -> {inspect.signature(found.fget).return_annotation}"
            elif isinstance(found, (classmethod, staticmethod)):
                yield f"  {type(found).__name__} {member}{signature(found.__func__)}"
            elif inspect.isfunction(found):
                yield f"  {member}{signature(found)}"
        for field, annotation in vars(value).get("__annotations__", {}).items():
            yield f"  .{field}: {annotation}"
    elif callable(value) and hasattr(value, "__code__"):
        yield f"{name}{signature(value)}"
    else:
        yield name


def describe_all() -> str:
    """Return the whole file."""
    names = [name for module in MODULES for name in sorted(public_names(module))]
    return "".join(f"{line}\n" for name, value in names for line in describe(name, value))


def test_names_and_signatures_are_the_stored_ones() -> None:
    assert describe_all() == STORED.read_text(), "run: python -m tests.unit.test_public_api"


def test_no_public_name_is_private_inside() -> None:
    for line in describe_all().splitlines():
        parameters = re.findall(r"[(,] ?\*{0,2}(_\w+)", line)
        assert not parameters, line
        assert "pointer" not in line, line


@pytest.mark.parametrize("module", MODULES)
def test_nothing_public_returns_any(module: str) -> None:
    for name, value in public_names(module):
        functions = [value] if inspect.isfunction(value) else []
        if inspect.isclass(value):
            functions = [f.fget if isinstance(f, property) else getattr(f, "__func__", f) for _, f in members(value)]
        for function in filter(inspect.isfunction, functions):
            result = str(inspect.signature(function).return_annotation)
            assert result != str(inspect.Signature.empty), f"{name}: {function} has no type"
            assert "Any" not in result, f"{name}: {function} returns {result}"


def test_every_public_name_has_a_docstring() -> None:
    for module in MODULES:
        for name, value in public_names(module):
            if inspect.isclass(value) or inspect.isfunction(value):
                assert inspect.getdoc(value), name
            if inspect.isclass(value):
                for member, found in members(value):
                    if isinstance(found, property) or inspect.isroutine(found):
                        assert inspect.getdoc(found), f"{name}.{member}"


if __name__ == "__main__":
    STORED.parent.mkdir(exist_ok=True)
    STORED.write_text(describe_all())
