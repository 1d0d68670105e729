# SPDX-License-Identifier: Apache-2.0
"""What ``jina-omni bench`` prints, with the packaged toy model; its figures are not looked at."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from jina_omni import Model
from jina_omni.cli import bench, machine, main, settings
from jina_omni.cli.machine import Machine, Setting
from jina_omni.cli.settings import Trials, advise
from jina_omni.cli.workloads import Measurement
from jina_omni.demo import DATA
from jina_omni.native import instruction_sets, linear_products, usable_cpus

SETS = instruction_sets()
DEFAULT = Setting(usable_cpus(), SETS[0])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_MIN_SECONDS", 0.0)
    monkeypatch.setattr(machine, "_REPEATS", 1)
    monkeypatch.setattr(settings, "_ROUNDS", 1)
    monkeypatch.setattr(settings, "_SECONDS", 0.01)


def run(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["bench", "--model", str(DATA), "--device", "cpu", *options]) == 0
    return capsys.readouterr().out


def find_rows(out: str) -> list[tuple[str, ...]]:
    """Return the rows of the workloads: name, milliseconds, rate, share of the peak, share of the memory."""
    line = r"^(.+?) +([\d.]+) ms  ([\d.]+) (?:inputs|tokens)/s +(\d+)% +(\d+)%$"
    return re.findall(line, out, re.MULTILINE)


def find_settings(out: str) -> list[str]:
    line = r"^(\w+, \d+ threads?) +[\d.]+ inputs/s +(?:under \d+|[\d.]+) tokens/s$"
    return re.findall(line, out, re.MULTILINE)


@pytest.mark.parametrize(("modality", "n_workloads"), [("text", 3), ("vision", 4), ("audio", 4), ("omni", 5)])
def test_there_is_a_row_for_each_workload_that_the_model_takes(
    modality: str, n_workloads: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = find_rows(run(capsys, "--modality", modality))
    assert len(rows) == n_workloads
    assert all(float(seconds) > 0 and float(rate) > 0 for _, seconds, rate, _, _ in rows)


def test_the_machine_comes_first_and_advice_last(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "--modality", "text")
    info, machine_, rows, trials, advice = out.split("\n\n")
    assert "instruction_set" in info
    for name in ("processor", "threads", "memory", *(f"peak of {name}" for name in linear_products(SETS[0]))):
        assert re.search(rf"^{name}  ", machine_, re.MULTILINE)
    assert f"instruction sets  {SETS[0]} (in use)" in machine_
    assert len(rows.splitlines()) == 4
    tried = find_settings(trials)
    assert tried[0] == str(Setting(1, SETS[0]))
    assert str(DEFAULT) in tried
    assert tried[-len(SETS[1:]) or len(tried) :] == [str(Setting(usable_cpus(), name)) for name in SETS[1:]]
    assert re.fullmatch(r"Take .*(for queries and for long texts|for queries, and .* for long texts)\.\n", advice)


def test_the_options_and_the_variable_choose_the_setting_in_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JINA_OMNI_INSTRUCTION_SET", SETS[-1])
    out = run(capsys, "--modality", "text", "--threads", "3", "--compute", "exact")
    assert f"{SETS[-1]} (in use)" in out
    assert re.search(r"^threads +3, for \d+ usable processors$", out, re.MULTILINE)
    tried = find_settings(out)
    assert {str(Setting(n, SETS[-1])) for n in (1, 3)} <= set(tried)
    assert {str(Setting(3, name)) for name in SETS} <= set(tried)


def test_on_an_accelerator_there_are_the_workloads_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Model, "info", property(lambda self: replace(self._info, device="cuda:0")))
    info, rows = run(capsys, "--modality", "text").split("\n\n")
    assert "cuda:0" in info
    assert len(re.findall(r"[\d.]+ ms  [\d.]+ (?:inputs|tokens)/s$", rows, re.MULTILINE)) == 3
    assert "%" not in rows


def test_a_share_is_what_the_peak_would_take_of_the_median() -> None:
    machine_ = Machine(DEFAULT, {"int8": 100.0, "float32": 50.0}, memory=1000.0)
    found = Measurement([3.0, 2.0, 9.0], {"int8": 100.0, "float32": 10.0}, weight_bytes=300.0)
    assert machine_.describe_shares(found).split() == ["40%", "10%"]


def test_the_defaults_stay_unless_another_setting_is_clearly_faster() -> None:
    one, both, other = Setting(1, SETS[0]), DEFAULT, Setting(DEFAULT.n_threads, "another")
    defaults = f"the defaults ({DEFAULT})"
    if one == both:
        pytest.skip("one processor")

    def advise_on(query: list[float], text: list[float]) -> str:
        seconds = [dict(zip((one, both, other), times, strict=False)) for times in (query, text)]
        return advise(Trials(*seconds, {}, 1), DEFAULT)

    assert advise_on([2, 1, 3], [2, 1, 3]) == f"Take {defaults}, for queries and for long texts."
    assert advise_on([0.97, 1, 0.97], [2, 1]) == f"Take {defaults}, for queries and for long texts."
    assert advise_on([0.5, 1, 3], [0.5, 1]) == "Take --threads 1, for queries and for long texts."
    assert advise_on([0.5, 1, 0.5], [2, 1]) == (
        f"Take --threads 1 and JINA_OMNI_INSTRUCTION_SET=another for queries, and {defaults} for long texts."
    )
    assert advise_on([2, 1, 0.5], [2, 1, 0.5]) == (
        "Take JINA_OMNI_INSTRUCTION_SET=another, for queries and for long texts."
    )


def test_an_instruction_set_whose_peak_is_below_the_fastest_is_not_tried_on_a_long_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = SETS[-1]
    monkeypatch.setattr(settings, "measure_peak", lambda setting, _: 1.0 if setting.instruction_set == slow else 1e15)
    out = run(capsys, "--modality", "text")
    if len(SETS) > 1:
        assert re.search(rf"^{slow}, .* under \d+ tokens/s$", out, re.MULTILINE)


def test_an_unknown_instruction_set_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JINA_OMNI_INSTRUCTION_SET", "mmx")
    assert main(["bench", "--model", str(DATA)]) == 2
    assert "JINA_OMNI_INSTRUCTION_SET is 'mmx'" in capsys.readouterr().err
