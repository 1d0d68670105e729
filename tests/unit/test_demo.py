# SPDX-License-Identifier: Apache-2.0
"""``jina-omni demo``: what it prints, and its page in a browser."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.cli import main
from jina_omni.demo.page import render_page
from jina_omni.demo.samples import QUERIES, SAMPLES
from tests import chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo page.html"
    assert main(["demo", "--html", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def finished() -> subprocess.CompletedProcess[str]:
    # As an installed package would run: found where this process found it, with warnings as errors, from elsewhere.
    environment = os.environ | {"PYTHONPATH": str(Path(jina_omni.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", "-m", "jina_omni.demo"]
    streams = {"capture_output": True, "text": True, "encoding": "utf-8"}
    return subprocess.run(command, cwd=Path(os.sep), env=environment, timeout=120, check=False, **streams)


def test_it_succeeds_and_prints_nothing_on_stderr(finished: subprocess.CompletedProcess[str]) -> None:
    assert (finished.returncode, finished.stderr) == (0, "")


def test_it_says_that_it_is_a_toy_and_where_to_go_on(finished: subprocess.CompletedProcess[str]) -> None:
    last = finished.stdout.rstrip().splitlines()[-2:]
    assert "This toy model knows only drawn shapes and synthetic sounds" in last[0]
    assert "jina_omni.Model" in last[1]


def test_it_prints_what_was_loaded(finished: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"^architecture +'qwen3'$", finished.stdout, re.MULTILINE)
    assert re.search(r"^device +'cpu'$", finished.stdout, re.MULTILINE)
    assert re.search(r"^modalities +\('text', 'image', 'video', 'pdf', 'audio'\)$", finished.stdout, re.MULTILINE)


def test_it_prints_the_cosines_that_the_library_gives(finished: subprocess.CompletedProcess[str]) -> None:
    printed, marked = [], []
    for i, sample in enumerate(SAMPLES):
        (line,) = [x for x in finished.stdout.splitlines() if x.startswith(f"{i} {sample.text}")]
        cells = line.removeprefix(f"{i} {sample.text}").split()
        printed.append([float(cell.rstrip("*")) for cell in cells])
        marked.append([cell.endswith("*") for cell in cells])
    with jina_omni.demo_model(device="cpu") as model:
        texts = model.encode_query([sample.text for sample in SAMPLES])
        expected = model.similarity(texts, model.encode_document([sample.medium for sample in SAMPLES]))
    np.testing.assert_allclose(printed, expected, atol=0.0051)
    np.testing.assert_array_equal(marked, expected == expected.max(axis=1, keepdims=True))
    assert f"{len(SAMPLES)} of {len(SAMPLES)} texts are nearest" in finished.stdout


def test_the_page_is_one_file_of_escaped_text(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "</script><img src=x onerror=alert(1)>\"'&"
    monkeypatch.setattr("jina_omni.demo.page.QUERIES", (hostile, *QUERIES[1:]))
    made = render_page(np.zeros((len(QUERIES), len(SAMPLES)), np.float32))
    for text in (made, page.read_text("utf-8")):
        tags = _tags(text)
        assert [name for name, _ in tags].count("script") == 2
        assert [name for name, _ in tags].count("img") == sum(sample.kind != "audio" for sample in SAMPLES)
        links = [value for _, attributes in tags for key, value in attributes if key in ("src", "href")]
        assert all(value.startswith("data:") for value in links)
        assert not any(key.startswith("on") for _, attributes in tags for key, _ in attributes)


def test_the_policy_of_the_page_allows_its_script_and_no_other(page: Path) -> None:
    text = page.read_text("utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    directives = dict(directive.split(maxsplit=1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == f"'sha256-{digest}'"


def _tags(text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    found = []

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str]]) -> None:
            found.append((tag, attrs))

    Parser().feed(text)
    return found


# --- in a browser ---


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    program = chromium.find()
    if program is None:
        pytest.skip("no Chromium is installed")
    with chromium.opened(program, tmp_path_factory.mktemp("profile")) as tab:
        tab.open(page.as_uri())
        yield tab
        assert tab.errors == []


def list_cards(browser: chromium.Page) -> list[str]:
    cards = browser.run("[...document.querySelectorAll('figcaption')].map(card => card.textContent.trim())")
    return [card.split(maxsplit=1)[1] if card[0] in "-0123456789" else card for card in cards]


def type_in(browser: chromium.Page, text: str) -> None:
    browser.run("document.getElementById('query').focus(), document.getElementById('query').value = ''")
    browser.call("Input.insertText", text=text)


def test_its_pictures_and_players_are_loaded(browser: chromium.Page) -> None:
    widths = browser.run("[...document.images].map(image => image.complete && image.naturalWidth)")
    assert len(widths) == sum(sample.kind != "audio" for sample in SAMPLES)
    assert all(width > 0 for width in widths)
    seconds = browser.run(
        "Promise.all([...document.querySelectorAll('audio')].map(player => new Promise((yes, no) => {"
        "const done = () => yes(player.duration);"
        "player.readyState > 0 ? done() : (player.onloadedmetadata = done, player.onerror = no) })))"
    )
    assert seconds == [2] * sum(sample.kind == "audio" for sample in SAMPLES)


@pytest.mark.parametrize("place", range(len(SAMPLES)))
def test_its_search_box_puts_the_sample_of_a_query_first(browser: chromium.Page, place: int) -> None:
    type_in(browser, SAMPLES[place].text)
    assert SAMPLES[place].text in browser.run("document.getElementById('match').textContent")
    assert list_cards(browser)[0] == f"{SAMPLES[place].kind} {place}"


def test_its_search_box_understands_a_part_of_a_query_and_forgets_it_when_cleared(browser: chromium.Page) -> None:
    type_in(browser, "yellow RING")
    assert list_cards(browser)[0] == "video 7"
    type_in(browser, "zzz")
    assert list_cards(browser) == [f"{sample.kind} {i}" for i, sample in enumerate(SAMPLES)]


def test_a_click_on_an_example_searches_for_it(browser: chromium.Page) -> None:
    browser.run("document.querySelectorAll('button')[4].click()")
    assert list_cards(browser)[0] == "audio 4"


def test_its_heat_map_has_a_cell_for_each_pair(browser: chromium.Page) -> None:
    assert browser.run("document.querySelectorAll('td').length") == len(SAMPLES) ** 2
