"""Takes screenshots of the pages of search and map, light, dark and as on a phone.

    python -m tests.screenshots FOLDER

They show files of the toy model's world. It needs Chromium and LanceDB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from jina_omni.cli import main
from testing.toy_folder import write_toy_folder
from tests import chromium

SCREENS = {"light": (1200, 860, "light"), "dark": (1200, 860, "dark"), "phone": (390, 860, "light")}

QUERIES = {
    "gallery": ["three stars", "--file", "{files}/pictures/3 red star left.png"],
    "players": ["a high whistle", "--kind", "audio", "--kind", "video"],
}


def make_pages(folder: Path) -> dict[str, Path]:
    """Index files in a folder, and write pages of searches and a map."""
    files, db = folder / "files", ["--db", str(folder / "files.db")]
    write_toy_folder(files)
    commands = {name: ["search", *(part.format(files=files) for part in query)] for name, query in QUERIES.items()}
    pages = {name: folder / f"{name}.html" for name in (*commands, "map")}
    assert main(["index", str(files), *db, "--pages"]) == 0
    for name, command in (commands | {"map": ["map"]}).items():
        assert main([*command, *db, "--html", str(pages[name])]) == 0
    return pages


def take(out: Path) -> None:
    """Write a picture of each page on each screen."""
    out.mkdir(parents=True, exist_ok=True)
    program = chromium.find() or sys.exit("no Chromium is installed")
    with tempfile.TemporaryDirectory() as folder:
        pages = make_pages(Path(folder))
        with chromium.opened(program, Path(folder) / "profile") as page:
            for name, path in pages.items():
                for screen, metrics in SCREENS.items():
                    page.emulate(*metrics)
                    page.open(path.as_uri())
                    page.run("new Promise(done => setTimeout(done, 3000))")  # players end their animation of loading
                    page.screenshot(out / f"{name}-{screen}.webp")
            assert page.errors == []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    take(parser.parse_args().folder)
