# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from jina_omni.native import usable_cpus
from jina_omni.native.processors import _cgroup_quota


def cgroup(root: Path, files: Iterable[tuple[str, str]]) -> Path:
    for name, text in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "quota"),
    [("200000 100000\n", 2.0), ("150000 100000\n", 1.5), ("50000 100000", 0.5), ("max 100000\n", None)],
)
def test_version_2_of_cgroups_is_read(text: str, quota: float | None, tmp_path: Path) -> None:
    assert _cgroup_quota(cgroup(tmp_path, [("cpu.max", text)])) == quota


@pytest.mark.parametrize(("text", "quota"), [("400000\n", 4.0), ("25000\n", 0.25), ("-1\n", None), ("0\n", None)])
def test_version_1_of_cgroups_is_read(text: str, quota: float | None, tmp_path: Path) -> None:
    files = [("cpu/cpu.cfs_quota_us", text), ("cpu/cpu.cfs_period_us", "100000\n")]
    assert _cgroup_quota(cgroup(tmp_path, files)) == quota


def test_version_2_wins_where_both_are_there(tmp_path: Path) -> None:
    files = [
        ("cpu.max", "300000 100000"),
        ("cpu/cpu.cfs_quota_us", "100000"),
        ("cpu/cpu.cfs_period_us", "100000"),
    ]
    assert _cgroup_quota(cgroup(tmp_path, files)) == 3.0


@pytest.mark.parametrize(
    ("own", "quota"),
    [("0::/a/b\n", 1.5), ("0::/a\n", 2.0), ("0::/\n", 3.0), ("0::/../elsewhere\n", 3.0), ("4:cpu,cpuacct:/v1\n", 3.0)],
)
def test_the_least_of_our_cgroup_and_those_around_it_counts(own: str, quota: float, tmp_path: Path) -> None:
    files = [("cpu.max", "300000 100000"), ("a/cpu.max", "200000 100000"), ("a/b/cpu.max", "150000 100000")]
    (tmp_path / "own").write_text(own)
    assert _cgroup_quota(cgroup(tmp_path / "root", files), tmp_path / "own") == quota


def test_our_cgroup_of_version_1_is_found_by_its_controller(tmp_path: Path) -> None:
    folder = "cpu/service"
    files = [(f"{folder}/cpu.cfs_quota_us", "50000"), (f"{folder}/cpu.cfs_period_us", "100000")]
    (tmp_path / "own").write_text("2:memory:/other\n4:cpu,cpuacct:/service\n0::/\n")
    assert _cgroup_quota(cgroup(tmp_path / "root", files), tmp_path / "own") == 0.5


def test_no_cgroup_is_no_limit(tmp_path: Path) -> None:
    assert _cgroup_quota(tmp_path / "none") is None
    assert _cgroup_quota(tmp_path) is None


@pytest.mark.parametrize("text", ["", "garbage\n", "a b\n", "max\n", "1 2 3\n"])
def test_files_that_make_no_sense_are_no_limit(text: str, tmp_path: Path) -> None:
    assert _cgroup_quota(cgroup(tmp_path, [("cpu.max", text)])) is None


def test_half_of_version_1_is_no_limit(tmp_path: Path) -> None:
    assert _cgroup_quota(cgroup(tmp_path, [("cpu/cpu.cfs_quota_us", "100000")])) is None


@pytest.mark.parametrize(
    ("affinity", "quota", "expected"),
    [(8, None, 8), (8, 2.0, 2), (8, 3.9, 3), (8, 0.5, 1), (2, 16.0, 2), (1, None, 1)],
)
def test_usable_processors_are_the_affinity_cut_by_the_quota(
    affinity: int, quota: float | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setitem(usable_cpus.__globals__, "_cgroup_quota", lambda: quota)
    assert usable_cpus() == expected


@pytest.mark.parametrize(("count", "expected"), [(6, 6), (None, 1)])
def test_without_affinity_all_processors_count(
    count: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    monkeypatch.setitem(usable_cpus.__globals__, "_cgroup_quota", lambda: None)
    assert usable_cpus() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_the_real_affinity_counts() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)
