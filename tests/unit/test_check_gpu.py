# SPDX-License-Identifier: Apache-2.0
"""tools/check_gpu.py on the CPU with tiny files: all of its parts, and what it does about time and failures."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import checkpoint, on_device
from benchmarks.compare import Side, take_turns
from benchmarks.device_figures import DeviceFigures
from benchmarks.device_work import DRY_RUN
from benchmarks.engines import OursText, name_torch_device
from benchmarks.models import OursModel
from benchmarks.towers import OursAudio, OursVision
from testing.accelerator import GraphCount
from testing.checkpoints.shapes import TINY
from testing.engine import build

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "check_gpu.py"
ENGINE = build.engine_dir()
MAKE_LLAMA = on_device.DeviceBench._make_llama

Run = Callable[..., tuple[int, list[dict[str, Any]], str]]

# A suite with the option and the marker of the real one.
SUITE = {
    "conftest.py": "def pytest_addoption(parser): parser.addoption('--device')\n",
    "pytest.ini": "[pytest]\nmarkers = device: runs on a device\n",
    "test_it.py": "import time, pytest\npytestmark = pytest.mark.device\ndef test_one(): pass\n",
}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_gpu", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(tool: ModuleType, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs the command line and reads what it has written.

    There is no libllama, so no quantised file. The other sides are ours under their names, wherever torch is installed.
    """
    monkeypatch.setenv("JINA_OMNI_ENGINE", str(tmp_path / "no engine"))
    monkeypatch.setenv("OMP_WAIT_POLICY", os.environ.get("OMP_WAIT_POLICY", "passive"))
    monkeypatch.setattr(on_device.DeviceBench, "_make_llama", lambda *_: {"libllama": OursText})
    monkeypatch.setattr(on_device, "_TORCH_TEXT", {"torch": OursText})
    monkeypatch.setattr(on_device, "_TORCH_MODELS", {"torch": OursModel})
    monkeypatch.setattr(on_device, "_VISION_TOWERS", {"jina_omni": OursVision, "libmtmd": OursVision})
    monkeypatch.setattr(on_device, "_AUDIO_TOWERS", {"jina_omni": OursAudio, "libmtmd": OursAudio})
    monkeypatch.setattr(tool, "TYPES", ("F16",))
    monkeypatch.setattr(tool, "program_path", lambda *_: TOOL)
    monkeypatch.setattr(tool, "count_inputs", lambda _, names, *__: dict.fromkeys(names, GraphCount(1234, 2**21)))

    def run_tool(*options: str) -> tuple[int, list[dict[str, Any]], str]:
        output = tmp_path / "found"
        status = tool.main(["--device", "cpu", "--cache", str(cache), "--output", str(output), *options])
        results = json.loads((output / "check_gpu.json").read_text())["results"]
        return status, results, (output / "check_gpu.md").read_text()

    return run_tool


def write_suite(folder: Path, more: str = "") -> Path:
    for name, content in SUITE.items():
        (folder / name).write_text(content + (more if name == "test_it.py" else ""))
    return folder


def find_sides(results: list[dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        found.setdefault((result["part"], result["row"]), []).append(result.get("side", ""))
    return found


def test_a_dry_run_measures_every_part_beside_the_others(run: Run):
    status, results, page = run("--parts", "text,image,sound,counts")
    print(page)
    assert status == 0
    assert not [result for result in results if "left_out" in result]
    text = ["jina_omni", "torch", "libllama"]
    assert find_sides(results) == {
        ("query", "F16, one query of 12 tokens"): text,
        ("text", "F16, 4 of 16 tokens"): text,
        ("text", "F16, 1 of 8 tokens"): text,
        ("text", "F16, 1 of 40 tokens"): text,
        ("image", "1 of 512 x 512"): ["jina_omni", "torch"],
        ("image", "the tower on 1 of 512 x 512"): ["jina_omni", "libmtmd"],
        ("sound", "1 of 2 s"): ["jina_omni", "torch"],
        ("sound", "the tower on 1 of 2 s"): ["jina_omni", "libmtmd"],
        ("counts", "texts:12"): [""],
        ("counts", "images:32x32"): [""],
    }
    for result in results:
        if result["part"] == "query":
            assert 0 < result["p50_s"] <= result["p99_s"]
        elif result["part"] != "counts":
            assert result["rate"]["median"] > 0
            assert result["cosine"] is None or result["cosine"] > 0.999999
    lines = [line for line in page.splitlines() if line.startswith("| text, F16, 4 of 16 tokens | ")]
    assert len(lines) == 1
    assert lines[0].count(" tokens/s") == 3
    assert "| counts | texts:12 | 1,234 kernels, 2.0 MiB of compute memory |" in page


def test_a_type_that_cannot_be_made_and_a_program_that_is_not_built_are_left_out(
    run: Run, tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: Any, **__: Any) -> None:
        raise build.EngineError("libllama.so is missing: run python -m testing.engine.build")

    monkeypatch.setattr(checkpoint, "quantize", fail)
    monkeypatch.setattr(tool, "TYPES", ("Q4_K_M",))
    monkeypatch.setattr(tool, "program_path", lambda *_: tmp_path / "none")
    status, results, page = run("--parts", "text,counts", "--cache", str(tmp_path))
    assert status == 0
    assert [(result["part"], result["row"]) for result in results] == [("text", "Q4_K_M"), ("counts", "inputs")]
    assert "run python -m testing.engine.build" in page
    assert "python -m benchmarks accelerator --count builds it" in page


def test_sides_that_cannot_start_or_fail_are_left_out_and_the_others_go_on(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(on_device, "_TORCH_TEXT", {"torch": int, "torch-bf16": Wrong})
    engines = {"libllama": OursText, "libllama-512": Tired, "llama-cpp-python": Ended}
    monkeypatch.setattr(on_device.DeviceBench, "_make_llama", lambda *_: engines)
    status, results, page = run("--parts", "text")
    print(page)
    assert status == 0
    left_out = [(result["row"], result["side"], result["left_out"]) for result in results if "left_out" in result]
    query, ended = "F16, one query of 12 tokens", "llama-cpp-python: its process ended with status 3"
    assert left_out[0][:2] == ("F16", "torch")
    assert "TypeError" in left_out[0][2]
    assert left_out[1] == (query, "torch-bf16", "ValueError: cannot embed 1 texts")
    # its process is started again for each group
    assert left_out[2:] == [
        found
        for row, n in ((query, 1), ("F16, 4 of 16 tokens", 4), ("F16, 1 of 40 tokens", 1))
        for found in ((row, "llama-cpp-python", ended), (row, "libllama-512", f"ValueError: cannot embed {n} texts"))
    ]
    sides = find_sides([result for result in results if "left_out" not in result])
    assert list(sides.values()) == [["jina_omni", "libllama"]] * 4


class Wrong(SimpleNamespace):
    def run(self, work: Any) -> Any:
        raise ValueError(f"cannot embed {len(work)} texts")


class Tired(SimpleNamespace):
    def run(self, work: Any) -> Any:
        self.__class__ = Wrong
        return np.ones((len(work), 256), np.float32)


class Ended(SimpleNamespace):
    def run(self, _: Any) -> Any:
        os._exit(3)


@pytest.mark.usefixtures("engine")
def test_llama_cpp_embeds_the_same_files(run: Run, tool: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JINA_OMNI_ENGINE", str(ENGINE))
    monkeypatch.setattr(on_device.DeviceBench, "_make_llama", MAKE_LLAMA)
    monkeypatch.setattr(on_device, "_TORCH_TEXT", {})
    monkeypatch.setattr(tool, "TYPES", ("F16", "Q4_K_M"))
    status, results, _ = run("--parts", "text")
    assert status == 0
    for ftype, least in (("F16", 0.9999), ("Q4_K_M", 0.98)):
        found = [r for r in results if r["part"] == "text" and r["row"].startswith(f"{ftype}, ") and "side" in r]
        assert {r["side"] for r in found if "left_out" not in r} >= {"libllama", "libllama-512", "libllama-separate"}
        assert min(r["cosine"] for r in found if "left_out" not in r) > least


@pytest.mark.parametrize(("limit", "options"), [("DRY_RUN_SECONDS", ()), ("ALL_SECONDS", ("--full",))])
def test_what_there_is_no_time_for_is_left_out(
    run: Run, tool: ModuleType, monkeypatch: pytest.MonkeyPatch, limit: str, options: tuple[str, ...]
):
    monkeypatch.setattr(tool, limit, -1.0)
    monkeypatch.setattr(tool.shapes, "FULL", TINY)  # whose files are small
    monkeypatch.setattr(tool, "FULL", DRY_RUN)
    status, results, _ = run("--parts", "text,image,sound", *options)
    assert status == 0
    assert {result["left_out"] for result in results if result["part"] == "start"} == {"the time was up"}
    rows = ["F16, one query of 12 tokens", "F16, 4 of 16 tokens", "F16, 1 of 8 tokens", "F16, 1 of 40 tokens"]
    rows += [f"{tower}{work}" for work in ("1 of 512 x 512", "1 of 2 s") for tower in ("", "the tower on ")]
    assert [result["row"] for result in results if result["part"] != "start"] == rows
    assert all("left_out" in result for result in results)


def test_ours_that_fails_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(on_device, "OursText", Ended)
    monkeypatch.setattr(on_device, "OursModel", int)
    status, results, page = run("--parts", "text,image")
    assert status == 1
    ours = [(result["row"], result["side"]) for result in results if "left_out" in result]
    assert ours[:2] == [("F16, one query of 12 tokens", "jina_omni"), ("F16, 4 of 16 tokens", "all")]
    assert ("image", "jina_omni") in ours
    assert "jina_omni: its process ended with status 3" in page


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ("", 0, "1 passed; exit status 0; see check_gpu_suite.log"),
        ("def test_two(): assert 0\n", 1, "1 failed, 1 passed; exit status 1; see check_gpu_suite.log"),
        ("def test_two(): time.sleep(600)\n", 1, "1 passed; stopped after 20 s; see check_gpu_suite.log"),
    ],
)
def test_the_device_part_of_the_suite_is_run_in_its_time(
    run: Run, tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, status: int, text: str
):
    monkeypatch.setattr(tool, "ROOT", write_suite(tmp_path, more))
    monkeypatch.setattr(tool, "DRY_RUN_SECONDS", 20.0)
    start = time.monotonic()
    found, results, page = run("--parts", "suite")
    assert time.monotonic() - start < 60
    assert (found, results[0]["text"]) == (status, text)
    assert text in page


def test_a_device_that_is_not_there_is_a_message(tool: ModuleType, capsys: pytest.CaptureFixture[str]):
    assert tool.main(["--device", "cuda:7"]) == 1
    assert "'cuda:7' is not available" in capsys.readouterr().err


def test_the_files_are_whole_after_every_row(tmp_path: Path):
    figures = DeviceFigures(tmp_path / "made", {"device": "a GPU"})
    for number in range(2):
        saved = json.loads((tmp_path / "made" / "check_gpu.json").read_text())
        assert len(saved["results"]) == number
        figures.add("counts", f"row {number}", [{"text": "7 kernels"}])
        assert f"row {number}" in figures.page.read_text()
    figures.leave_out("text", "F16", "torch", "it is not installed")
    assert "- text, F16: torch, since it is not installed" in figures.page.read_text()


def test_the_fastest_of_llama_cpp_is_shown_with_its_memory_and_cosine(tmp_path: Path):
    figures = DeviceFigures(tmp_path, {})

    def make(side: str, seconds: float, cosine: float) -> dict[str, Any]:
        found = {"side": side, "unit": "tokens", "cosine": cosine, "held_bytes": int(seconds * 2**30)}
        return (
            found
            | {name: {"median": value} for name, value in (("seconds", seconds), ("rate", 1000 / seconds))}
            | {"ratio": {"median": seconds}}
        )

    figures.add("text", "row", [make("jina_omni", 1, 1), make("libllama", 4, 0.5), make("libllama-512", 2, 0.75)])
    expected = "| text, row | 1,000 tokens/s | 500 tokens/s (2.00) |  |  | 1,024, 2,048, -, - | libllama-512 0.750000 |"
    assert expected in figures.page.read_text()


def test_a_side_that_does_not_answer_is_ended():
    with Side("stuck", SimpleNamespace, timeout_s=60, run=time.sleep) as side:
        side._timeout_s = 0.2
        with pytest.raises(RuntimeError, match=r"stuck: no answer within 0\.2 s"):
            side.run(600)
        assert not side._process.is_alive()


def test_turns_end_with_the_time_but_each_side_has_one():
    with Side("quick", SimpleNamespace, run=abs) as side:
        assert [len(take_turns([side], -1, 3, pause=0, until=until)[0]) for until in (0.0, math.inf)] == [1, 3]


@pytest.mark.parametrize(("ours", "theirs"), [("cpu", "cpu"), ("cuda:1", "cuda:1"), ("metal", "mps")])
def test_torch_names_devices_in_its_own_way(ours: str, theirs: str):
    assert name_torch_device(ours) == theirs


def test_a_device_that_torch_lacks_is_named():
    with pytest.raises(RuntimeError, match="torch has no device vulkan:0"):
        name_torch_device("vulkan:0")


def test_libllama_built_for_another_device_says_how_to_build_it(engine: ModuleType):
    with pytest.raises(build.EngineError, match=r"has no device cuda:0: python -m testing.engine.build"):
        engine.find_device("cuda:0")
