"""Each promise of docs/promises.md names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_a_promise_names_exists() -> None:
    names = set(re.findall(r"`((?:tests|attacks)/[^`]+)`", (ROOT / "docs" / "promises.md").read_text("utf-8")))
    assert len(names) > 20
    assert [name for name in sorted(names) if not any(ROOT.glob(name))] == []
