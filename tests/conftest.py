"""Fixtures of the whole suite."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from types import ModuleType

import pytest

# Before numpy is imported: threads of its own would fight ours for the processors.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from jina_omni.native import Device, find_device
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint, write_checkpoint


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips", action="store_true", help="a skipped test or file fails, such as for a missing package"
    )
    parser.addoption("--device", default="cpu", metavar="NAME", help="what tests with the mark device compute on")


def pytest_configure() -> None:
    # A job in the background ignores it, and so does what it starts.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    forbid_skip(report, collector.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    forbid_skip(report, item.config)
    return report


def forbid_skip(report: pytest.CollectReport | pytest.TestReport, config: pytest.Config) -> None:
    """Turn a skip into a failure with its reason, if the command line forbids skips."""
    if config.getoption("no_skips") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"--no-skips: {report.longrepr[2]}"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Return the files of the tiny small model."""
    return write_checkpoint(tmp_path_factory.mktemp("small"), TINY["small"])


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Return the files of the tiny nano model."""
    return write_checkpoint(tmp_path_factory.mktemp("nano"), TINY["nano"])


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> Device:
    """Return the device that ``--device`` names."""
    return find_device(request.config.getoption("device"))


@pytest.fixture(scope="session")
def engine() -> ModuleType:
    """Return libllama as an ordinary shared library, built from the vendored tree at the first use (minutes)."""
    from testing.engine import build, llama

    build.build()
    return llama
