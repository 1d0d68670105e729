"""What tests share: of the processes that draw, and of what a slow machine prints."""

from __future__ import annotations

import subprocess
from collections.abc import Generator

import pytest
from hypothesis import settings

from jina_omni import progress
from jina_omni.media import open_pdfs

# The machine may be busy: no time decides about a test.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _no_open_pdfs(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """Begin and end without PDFs that are open, though they stay open over calls."""
    open_pdfs._OPEN.close()
    monkeypatch.setattr(open_pdfs, "_OPEN", open_pdfs._OpenDocuments())
    yield
    open_pdfs._OPEN.close()


@pytest.fixture(autouse=True)
def _no_lines_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that take seconds print no progress between what tests expect."""
    monkeypatch.setattr(progress, "_SECONDS_PER_LINE", 86_400.0)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Return the processes that were started."""
    started, popen = [], subprocess.Popen

    def counted(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", counted)
    return started
