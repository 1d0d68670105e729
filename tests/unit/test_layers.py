# SPDX-License-Identifier: Apache-2.0
"""Imports go in one direction: no module imports one of a higher layer, at its top or inside a function."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import jina_omni

PACKAGE = Path(jina_omni.__file__).parent

# From the lowest. A name stands for the module, or for the folder and all that is in it.
LAYERS = (
    ("errors", "describe", "_version"),
    ("dialects", "optional_packages", "arguments"),
    ("native",),
    ("cancelling", "spreading"),
    ("media",),
    ("inputs",),
    ("located_parts",),
    ("requests",),
    ("parsing",),
    ("info", "cosines", "precision", "file_names"),
    ("published",),
    ("repository",),
    ("hub",),
    ("loading", "templates", "tokenizer", "sequences", "batching"),
    ("opening", "preparing", "replicas"),
    ("progress",),
    ("options",),
    ("encoding", "calls"),
    ("asynchronous",),
    ("model",),
    ("demo",),
    ("",),  # jina_omni itself
    ("cli", "integrations", "__main__"),
)

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")
    for path in PACKAGE.rglob("*.py")
)


def layer(module: str) -> int:
    """Return the number of the layer that a module is in."""
    names = {module, module.partition(".")[0]}
    (found,) = [i for i, layer in enumerate(LAYERS) if names & set(layer)]
    return found


def imported_names(module: str) -> Iterator[str]:
    """Yield the full names of what a module imports anywhere in its code."""
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(module: str) -> Iterator[str]:
    """Yield the modules of the package that a module imports."""
    for name in imported_names(module):
        root, _, rest = name.partition(".")
        if root == "jina_omni":  # what is imported from a package may be a module of it
            yield rest if rest in MODULES else rest.rpartition(".")[0]


def test_every_module_is_in_one_layer() -> None:
    for module in MODULES:
        layer(module)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_lower_layers_only(module: str) -> None:
    for imported in imports(module):
        assert layer(imported) <= layer(module), f"{module} imports {imported}"


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith(("cli", "integrations"))])
def test_the_cli_and_the_integrations_do_not_import_each_other(module: str) -> None:
    other = "integrations" if module.startswith("cli") else "cli"
    assert not [name for name in imports(module) if name.partition(".")[0] == other]


@pytest.mark.parametrize("module", MODULES)
def test_nothing_private_is_imported(module: str) -> None:
    names = [name for name in imported_names(module) if name.startswith("jina_omni.")]
    assert not [name for name in names if re.match("_(?!_)", name.rpartition(".")[2])]


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: set(imports(module)) - {module} for module in MODULES}
    # A package's __init__ gathers what its modules have; they don't need it.
    done: set[str] = set()
    while ready := [module for module in graph if module not in done and graph[module] <= done]:
        done.update(ready)
    assert done == set(graph), f"in a circle: {sorted(set(graph) - done)}"


def test_the_check_finds_a_hidden_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "errors.py").write_text("def f():\n    from jina_omni.model import Model\n")
    monkeypatch.setattr("tests.unit.test_layers.PACKAGE", tmp_path)
    (imported,) = imports("errors")
    assert layer(imported) > layer("errors")
