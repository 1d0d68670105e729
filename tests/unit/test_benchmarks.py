"""The plain logic of the benchmarks of text, and the exports to other runtimes where those are installed."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import calibrate, exports, onnx_text, openvino_text, opponents, reference, report
from benchmarks.calibrate import Conditions, Memory, Tuning
from benchmarks.compare import Result, Side, Spread, least_cosine
from benchmarks.engines import LlamaSettings
from benchmarks.onnx_text import OnnxSettings
from benchmarks.openvino_text import OpenVinoSettings
from benchmarks.opponents import OPPONENTS, Opponent, Sides
from benchmarks.padding import make_padded_batches
from benchmarks.scores import read_scores
from benchmarks.settings import Changes, PaddedSettings
from testing.checkpoints.shapes import FULL, TINY
from testing.checkpoints.writer import write_text

SECOND = Spread(1.0, 1.0, 1.0)


# ---- padded batches --------------------------------------------------------------------------------------------------


def test_batches_take_the_longest_sequences_first_and_pad_on_the_right():
    sequences = [[1], [2, 3, 4], [5, 6]]
    first, second = make_padded_batches(sequences, lambda _: 2)
    assert (first.rows, second.rows) == ([1, 2], [0])
    assert first.ids.tolist() == [[2, 3, 4], [5, 6, 0]]
    assert first.last.tolist() == [2, 1]
    assert (second.ids.tolist(), second.last.tolist()) == ([[1]], [0])


def test_the_length_of_the_longest_sequence_decides_how_many_go_together():
    batches = make_padded_batches([[0] * n for n in (8, 8, 4, 4)], lambda longest: 16 // longest)
    assert [len(batch.rows) for batch in batches] == [2, 2]


# ---- settings and their calibration ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Knobs(PaddedSettings):
    speed: int = 1

    @classmethod
    def first(cls, ftype: str, lengths: Sequence[int], *, passive: bool) -> Knobs:  # noqa: ARG003
        return cls()

    @classmethod
    def knobs(cls, ftype: str, *, passive: bool) -> Sequence[Changes]:  # noqa: ARG003
        return ({"speed": 3}, {"speed": 2}), ({"n_rows": 1}, {"n_rows": 16})


TUNING = Tuning("engine", lambda: None, Knobs)


def make_conditions(folder: Path, **changes: Any) -> Conditions:
    return replace(Conditions("Q8_0", folder / "model.gguf", 2, passive=False), **changes)


def test_calibration_finds_the_fastest_settings_and_goes_on_from_them(monkeypatch, tmp_path):
    tried = []

    def take(_tuning: Any, _conditions: Any, candidates: Sequence[Knobs], *_: Any) -> list[float]:
        tried.extend(candidates)
        return [1 / settings.speed + settings.n_rows / 100 for settings in candidates]

    monkeypatch.setattr(calibrate, "_seconds", take)
    sample = [[1, 2], [3]]
    assert calibrate.calibrate(TUNING, make_conditions(tmp_path), sample) == Knobs(n_rows=1, speed=3)
    # both texts are in a batch of 8 already
    assert not [settings for settings in tried if settings.n_rows == 16]


def test_settings_are_remembered_for_the_engine_the_type_the_threads_the_clock_and_the_row(tmp_path):
    conditions = make_conditions(tmp_path)
    Memory(TUNING, conditions).keep("row", 2, Knobs(speed=5))
    assert Memory(TUNING, conditions).find("row", 2) == Knobs(speed=5)
    assert Memory(TUNING, conditions).find("row", 3) is None
    assert Memory(TUNING, conditions).find("another row") is None
    assert Memory(replace(TUNING, name="other"), conditions).find("row") is None
    for change in ({"ftype": "F16"}, {"n_threads": 1}, {"passive": True}):
        assert Memory(TUNING, make_conditions(tmp_path, **change)).find("row") is None


def test_a_batch_of_libllama_holds_the_longest_text_and_is_not_enlarged_beyond_all():
    settings = LlamaSettings.first("F16", [600, 10], passive=False)
    assert settings.n_batch == 600
    assert settings.change({"n_batch": 128, "n_ubatch": 128}, [600, 10]) == replace(settings, n_ubatch=128)
    assert settings.change({"n_batch": 2048}, [300, 300]) is None
    assert settings.change({}, [700]).n_batch == 700


@pytest.mark.parametrize("settings", [OpenVinoSettings, OnnxSettings])
def test_every_type_that_is_exported_has_settings_to_try(settings):
    weights = {OpenVinoSettings: openvino_text.WEIGHTS, OnnxSettings: onnx_text.WEIGHTS}[settings]
    for ftype in weights:
        for passive in (True, False):
            first = settings.first(ftype, [12], passive=passive)
            for change in (change for knob in settings.knobs(ftype, passive=passive) for change in knob):
                assert first.change(change, [12] * 64) not in (None, first)


def test_no_thread_of_onnx_runtime_spins_where_processor_time_is_measured():
    assert OnnxSettings.first("Q8_0", [12], passive=False).spinning
    assert not OnnxSettings.first("Q8_0", [12], passive=True).spinning
    assert {"spinning": True} not in [change for knob in OnnxSettings.knobs("Q8_0", passive=True) for change in knob]


# ---- opponents -------------------------------------------------------------------------------------------------------


def find_left_out(monkeypatch, capsys, opponent: Opponent, *, size="small", ftype="Q8_0", clock="wall") -> str:
    monkeypatch.setitem(OPPONENTS, "other", opponent)
    files = SimpleNamespace(text=lambda ftype: Path(f"{ftype}.gguf"), shape=FULL[size])
    args = argparse.Namespace(against=["other"], threads=2, clock=clock, no_calibration=True, pack=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opponents, "Side", lambda name, *_, **__: name)
        patch.setattr(opponents.ExitStack, "enter_context", lambda _, side: side)
        sides = Sides(args, files, ftype)
        opened = sides.open(opponents.ExitStack(), sides.recall_settings(None, [[1]]), [[1]])
    said = capsys.readouterr().out
    assert ("other" in opened) == ("left out" not in said)
    return said


def test_an_opponent_is_left_out_with_the_reason(monkeypatch, capsys):
    made = []
    export = opponents.Export(lambda source, ftype: made.append((source.name, ftype)), ("F16", "Q8_0"))
    plain, exported = Opponent(print), Opponent(print, export=export)
    missing = Opponent(print, packages=("json", "not_a_package"))
    spinning = Opponent(print, has_openmp=lambda: False)
    for opponent, options, reason in (
        (plain, {}, None),
        (missing, {}, "not_a_package is not installed"),
        (exported, {}, None),
        (exported, {"ftype": "Q6_K"}, "exported for F16, Q8_0 alone"),
        (exported, {"size": "nano"}, "causal towers"),
        (spinning, {}, None),
        (spinning, {"clock": "cpu"}, "without OpenMP"),
        (OPPONENTS["llama-server"], {"clock": "cpu"}, "another process's"),
    ):
        said = find_left_out(monkeypatch, capsys, opponent, **options)
        assert reason in said if reason else "left out" not in said
    assert made == [("F16.gguf", "Q8_0")]


def test_engines_that_share_settings_are_tuned_once(monkeypatch, tmp_path):
    files = SimpleNamespace(text=lambda ftype: tmp_path / f"{ftype}.gguf", shape=FULL["small"])
    args = argparse.Namespace(
        against=["first", "second", "plain"], threads=2, clock="wall", no_calibration=False, pack=False
    )
    for name in ("first", "second"):
        monkeypatch.setitem(OPPONENTS, name, Opponent(print, tuning=TUNING))
    monkeypatch.setitem(OPPONENTS, "plain", Opponent(print))
    calls = []
    monkeypatch.setattr(opponents, "calibrate", lambda tuning, *_: calls.append(tuning) or Knobs(speed=7))
    sides = Sides(args, files, "Q8_0")
    for _ in range(2):
        found = sides.find_settings("row", [[1]], [[1]], 1)
        assert found == {"first": Knobs(speed=7), "second": Knobs(speed=7)}
    assert calls == [TUNING]


def test_a_side_that_measures_processor_time_asks_waiting_threads_to_sleep(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "KMP_BLOCKTIME"):
        monkeypatch.setenv(name, "as the user has it")
    with Side("engine", SimpleNamespace, cpu_of_threads=2, run=os.getenv) as side:
        assert [side.run(name)[1] for name in ("OMP_WAIT_POLICY", "KMP_BLOCKTIME")] == ["passive", "0"]


# ---- exports and the reference ---------------------------------------------------------------------------------------


def test_an_export_is_made_once_and_a_broken_one_is_not_kept(tmp_path):
    source = tmp_path / "model.gguf"
    with pytest.raises(FileNotFoundError):
        exports.make_export(source, "copy", shutil.copy)
    assert not exports.find_export(source, "copy").exists()
    source.write_text("first")
    folder = exports.make_export(source, "copy", shutil.copy)
    source.write_text("second")
    assert exports.make_export(source, "copy", shutil.copy) == folder == tmp_path / "model-copy"
    assert (folder / "model.gguf").read_text() == "first"


def test_the_reference_is_computed_once_for_the_same_texts(monkeypatch, tmp_path):
    computed = []

    class Torch(Side):
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def run(self, work: Any) -> tuple[float, Any]:
            computed.append(work)
            return 1.0, np.full((len(work), 2), len(computed), np.float32)

        def close(self) -> None: ...

    monkeypatch.setattr(reference, "Side", Torch)
    monkeypatch.setattr(reference.importlib.util, "find_spec", lambda _: True)
    source = tmp_path / "model.gguf"
    for texts, value in (([[1], [2]], 1), ([[1, 2]], 2), ([[1], [2]], 1)):
        assert reference.find_reference(source, texts, 1).tolist() == [[value, value]] * len(texts)
    assert computed == [[[1], [2]], [[1, 2]]]
    monkeypatch.setattr(reference.importlib.util, "find_spec", lambda _: None)
    assert reference.find_reference(source, [[3]], 1) is None


# ---- what is shown ---------------------------------------------------------------------------------------------------


def make_result(side: str, accuracy: float | None) -> Result:
    return Result("row", side, "tokens", SECOND, SECOND, SECOND, 0.25, accuracy, load_s=1.0, peak_mib=1.0)


def test_a_report_states_the_accuracy_of_each_side(capsys):
    report.show([make_result("jina_omni", 0.9985), make_result("other", 0.9976)])
    first, second = capsys.readouterr().out.split("\n")[:2]
    assert "cosine to float32 0.998500" in first
    assert "cosine to float32 0.997600" in second
    report.show([make_result("jina_omni", None), make_result("other", None)])
    first, second = capsys.readouterr().out.split("\n")[:2]
    assert "cosine" not in first
    assert second.endswith("cosine 0.250000")


def test_a_score_has_the_accuracy_of_both():
    results = [make_result("jina_omni", 0.9985).as_dict(), make_result("other", 0.9976).as_dict()]
    line = {"work": "texts", "targets": {}, "results": [{"type": "Q8_0", **r} for r in results], "left_out": ["third"]}
    found, left_out = read_scores([line])
    assert (found.against, found.accuracy, found.our_accuracy) == ("other", 0.9976, 0.9985)
    assert (left_out.against, left_out.accuracy, left_out.our_accuracy) == ("third", None, None)


# ---- the runtimes themselves -----------------------------------------------------------------------------------------

# The least cosine to torch's float32 embeddings of the tiny tower.
ACCURACY = {"F16": 0.99999, "Q8_0": 0.99, "Q4_K_M": 0.8}

TEXTS = [list(range(n)) for n in (70, 3, 12, 1)]


def embed_by_torch(source: Path) -> Any:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    with Side("torch", opponents.TorchText, path=source, n_threads=1) as torch:
        return torch.run(TEXTS)[1]


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_an_exported_tower_embeds_as_torch_does(name, tmp_path):
    opponent = OPPONENTS[name]
    for package in opponent.packages:
        pytest.importorskip(package)
    source = write_text(tmp_path / "tiny.gguf", TINY["small"])
    wanted = embed_by_torch(source)
    for ftype, least in ACCURACY.items():
        opponent.export.make(source, ftype)
        first = opponent.tuning.settings.first(ftype, [70], passive=True)
        changes = [change for knob in first.knobs(ftype, passive=True) for change in knob]
        for settings in (first, replace(first, n_rows=3), *(replace(first, **c) for c in changes if "weights" in c)):
            with Side(name, opponent.make, path=source, n_threads=1, settings=settings) as side:
                assert least_cosine(wanted, side.run(TEXTS)[1]) > least
