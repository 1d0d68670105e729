# SPDX-License-Identifier: Apache-2.0
"""The pages of `search` and `map` in a browser: they play, by keyboard too, in light, dark and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jina_omni.cli import main
from testing.toy_folder import write_toy_folder
from tests import chromium

SCREENS = {"desktop": (1200, 800, "light"), "dark": (1200, 800, "dark"), "phone": (390, 844, "light")}
PAGES = ("picture", "sound", "film", "map")

PLAYED = """new Promise((yes, no) => {
    const player = document.%s;
    const check = () => player.currentTime > %s && !player.paused ? yes(player.currentTime) : setTimeout(check, 20);
    player.onerror = () => no(player.error.message);
    check();
})"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write pages that find a picture, the second half minute of a sound, that of a film, and a map."""
    pytest.importorskip("lancedb")
    folder = tmp_path_factory.mktemp("pages")
    files, db = folder / "files & <b>more</b>", folder / "db"
    write_toy_folder(files, n_pictures=12)
    assert main(["index", str(files), "--db", str(db), "--pages"]) == 0
    commands = {
        "picture": ["search", "<b>stars</b>", "--file", str(files / "pictures/3 red star left.png"), "-k", "20"],
        "sound": ["search", "--file", str(files / "sounds/high whistle 1.wav"), "--kind", "audio"],
        "film": ["search", "a yellow ring that shrinks slowly", "--kind", "video"],
        "map": ["map"],
    }
    for name, command in commands.items():
        assert main([*command, "--db", str(db), "--html", str(folder / f"{name}.html")]) == 0
    return {name: folder / f"{name}.html" for name in commands}


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    program = chromium.find()
    if program is None:
        pytest.skip("no Chromium is installed")
    with chromium.opened(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def browser(chrome: chromium.Page) -> Iterator[chromium.Page]:
    """Return a browser that finds nothing wrong, and loads nothing but files."""
    chrome.emulate(*SCREENS["desktop"])
    yield chrome
    assert chrome.errors == []


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_screen_and_shows_its_pictures(
    pages: dict[str, Path], browser: chromium.Page, name: str, screen: str
) -> None:
    browser.emulate(*SCREENS[screen])
    browser.open(pages[name].as_uri())
    width = SCREENS[screen][0]
    assert browser.run("document.documentElement.scrollWidth") <= width
    rights = browser.run("[...document.querySelectorAll('body *')].map(one => one.getBoundingClientRect().right)")
    assert max(rights) <= width
    assert all(browser.run("[...document.images].map(image => image.complete && image.naturalWidth > 0)"))
    if screen == "phone":  # one below the other
        lefts = "[...document.querySelectorAll('main > *')].map(one => one.getBoundingClientRect().left)"
        assert len(set(browser.run(lefts))) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["picture", "map"])
def test_texts_have_enough_contrast(pages: dict[str, Path], browser: chromium.Page, name: str, scheme: str) -> None:
    browser.emulate(1200, 800, scheme)
    browser.open(pages[name].as_uri())
    assert is_dark(browser.run("getComputedStyle(document.body).backgroundColor")) == (scheme == "dark")
    for selector in ("h1", ".about", "a[href^='file']", "figcaption, section", ".preview p"):
        colours = browser.run(
            f'(() => {{ let one = document.querySelector("{selector}"); const text = getComputedStyle(one).color;'
            "const isClear = colour => colour.endsWith(', 0)');"
            "while (isClear(getComputedStyle(one).backgroundColor)) one = one.parentElement;"
            "return [text, getComputedStyle(one).backgroundColor] })()"
        )
        low, high = sorted(map(measure_luminance, colours))
        assert (high + 0.05) / (low + 0.05) >= 4.5, selector  # WCAG 2.2, 1.4.3


def measure_luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    values = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def is_dark(colour: str) -> bool:
    return measure_luminance(colour) < 0.2


def test_the_gallery_shows_the_query_and_what_was_found(pages: dict[str, Path], browser: chromium.Page) -> None:
    browser.open(pages["picture"].as_uri())
    folder = pages["picture"].parent / "files & <b>more</b>"
    assert browser.run("document.querySelector('h1').textContent") == "<b>stars</b>"
    assert browser.run("document.querySelectorAll('.query img').length") == 1
    assert browser.run("document.querySelector('.query a').textContent") == "3 red star left.png"
    cards = browser.run("[...document.querySelectorAll('figure')].map(card => card.innerText)")
    assert len(cards) == 20
    assert sum("and 2 copies" in card for card in cards) == 1
    (copied,) = (card for card in cards if "and 2 copies" in card)
    assert str(folder) in copied
    assert "image" in copied
    assert any("shapes.pdf, page 2" in card for card in cards)
    urls = browser.run("[...document.querySelectorAll('figure a')].map(link => link.href)")
    assert any(url.endswith("shapes.pdf#page=2") for url in urls)


@pytest.mark.parametrize(("name", "kind"), [("sound", "audio"), ("film", "video")])
def test_a_key_plays_a_hit_from_its_time(pages: dict[str, Path], browser: chromium.Page, name: str, kind: str) -> None:
    browser.open(pages[name].as_uri())
    player = f"querySelector('{kind}[src$=\"#t=30,{60 if kind == 'audio' else 40}\"]')"
    label = browser.run(f"document.{player}.ariaLabel")
    assert re.fullmatch(r"long \w+\.\w+, 0:30 to .*", label)
    assert browser.run(f"document.{player}.paused")
    for _ in range(200):
        browser.press("Tab", 9)
        if browser.run(f"document.activeElement === document.{player}"):
            break
    else:
        pytest.fail("the tabulator key does not reach the player")
    browser.press(" ", 32, " ")
    assert 30 < browser.run(f"{PLAYED % (player, 30)}") < 35


def test_the_tabulator_key_reaches_each_link_and_shows_where_it_is(
    pages: dict[str, Path], browser: chromium.Page
) -> None:
    browser.open(pages["map"].as_uri())
    links = browser.run("document.querySelectorAll('li a').length")
    reached = set()
    for _ in range(10 * links):
        browser.press("Tab", 9)
        here, outline = browser.run(
            "[document.activeElement.href || '', getComputedStyle(document.activeElement).outlineStyle]"
        )
        if here in reached:
            break
        if here:
            assert outline == "solid"
            reached.add(here)
    assert len(reached) == links


def test_a_point_of_the_map_leads_to_its_file(pages: dict[str, Path], browser: chromium.Page) -> None:
    for screen in ("desktop", "phone"):
        browser.emulate(*SCREENS[screen])
        browser.open(pages["map"].as_uri())
        name, x, y = browser.run(
            "(() => { for (const link of document.querySelectorAll('.map a')) {"
            "const box = link.querySelector('use').getBoundingClientRect();"
            "const x = box.x + box.width / 2, y = box.y + box.height / 2;"
            "if (link.contains(document.elementFromPoint(x, y)) && !link.href.baseVal.endsWith('-0'))"
            "return [link.querySelector('title').textContent, x, y] } })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        browser.run(
            "new Promise(done => { const look = () => { const line = document.querySelector(':target');"
            "const box = line?.getBoundingClientRect();"
            "line && box.top >= 0 && box.bottom <= innerHeight ? done() : setTimeout(look, 20) }; look() })"
        )
        assert browser.run("document.querySelector(':target a').textContent") == name


def test_the_points_of_a_cluster_have_its_colour_and_the_shape_of_their_kind(
    pages: dict[str, Path], browser: chromium.Page
) -> None:
    browser.open(pages["map"].as_uri())
    colours = browser.run("[...document.querySelectorAll('.map use')].map(point => getComputedStyle(point).fill)")
    n_clusters = browser.run("document.querySelectorAll('section').length")
    assert len(set(colours)) == n_clusters > 1
    kinds = browser.run("[...new Set([...document.querySelectorAll('.map use')].map(use => use.href.baseVal))]")
    assert sorted(kinds) == ["#audio", "#image", "#pdf", "#text", "#video"]
    legend = browser.run("document.querySelector('.legend').innerText")
    assert legend.split() == ["text", "image", "audio", "video", "pdf"]
