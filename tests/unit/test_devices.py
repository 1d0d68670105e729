# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from jina_omni.errors import ModelLoadError
from jina_omni.native import Device, devices, find_device, usable_cpus, why_no_accelerator
from jina_omni.native.boundary import ffi
from jina_omni.native.devices import _cgroup_quota, _user_name, crash_in_cuda_graphs


def device(index: int, name: str, compute_capability: int = 0) -> Device:
    return Device(
        index=index,
        name=name,
        description="",
        is_cpu=name == "cpu",
        memory_free=0,
        memory_total=0,
        compute_capability=compute_capability,
    )


# The package names its function like the module, so the module's names are reached through a function of it.
@pytest.fixture
def with_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [device(i, name) for i, name in enumerate(["cpu", "cuda:0", "cuda:1", "metal"])]
    monkeypatch.setitem(find_device.__globals__, "devices", lambda: found)


@pytest.fixture
def only_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(find_device.__globals__, "devices", lambda: [device(0, "cpu")])


def test_every_build_has_one_cpu_that_describes_itself() -> None:
    (cpu,) = [found for found in devices() if found.is_cpu]
    assert cpu.name == "cpu"
    assert cpu.description
    assert cpu.memory_total >= cpu.memory_free >= 0


def test_devices_are_numbered_in_order_and_named_once() -> None:
    found = devices()
    assert [d.index for d in found] == list(range(len(found)))
    assert len({d.name for d in found}) == len(found)


@pytest.mark.parametrize("name", ["cpu", "CPU"])
def test_the_cpu_is_found_in_any_case(name: str) -> None:
    assert find_device(name).is_cpu


@pytest.mark.usefixtures("only_cpu")
def test_auto_is_the_cpu_where_there_is_nothing_else() -> None:
    assert find_device("auto").name == "cpu"


@pytest.mark.usefixtures("with_cuda")
def test_auto_is_the_first_accelerator() -> None:
    assert find_device("auto").name == "cuda:0"
    assert find_device("Auto").name == "cuda:0"


@pytest.mark.usefixtures("with_cuda")
@pytest.mark.parametrize(
    ("name", "index"), [("cpu", 0), ("cuda", 1), ("cuda:0", 1), ("CUDA:1", 2), ("metal", 3)]
)
def test_a_name_is_its_device_and_a_kind_is_its_first(name: str, index: int) -> None:
    assert find_device(name).index == index


@pytest.mark.usefixtures("with_cuda")
@pytest.mark.parametrize("name", ["cuda:2", "cuda:", "cud", "rocm", "", "0", "cuda0"])
def test_an_unknown_name_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ModelLoadError) as caught:
        find_device(name)
    expected = f"device {name!r} is not available; this build and machine have: cpu, cuda:0, cuda:1, metal"
    assert str(caught.value) == expected


def test_a_device_that_this_build_lacks_is_refused() -> None:
    with pytest.raises(ModelLoadError, match=r"device 'abacus:7' is not available; .* have: .*\bcpu\b"):
        find_device("abacus:7")


class Backend:
    def __init__(self, name: bytes) -> None:
        self.name = ffi.new("char[]", name)

    def omni_backend(self) -> object:
        return self.name


@pytest.mark.usefixtures("only_cpu")
def test_a_cuda_build_without_a_gpu_falls_back_to_the_cpu_and_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(find_device.__globals__, "lib", Backend(b"cuda"))
    with pytest.warns(RuntimeWarning, match="the CPU computes: this build is for cuda, but finds no such device"):
        assert find_device("auto").is_cpu
    with pytest.raises(ModelLoadError, match=r"'cuda' is not .* have: cpu; this build is for cuda, but"):
        find_device("cuda")
    assert find_device("cpu").is_cpu  # asked for, so no warning


@pytest.mark.usefixtures("only_cpu")
def test_an_accelerator_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(find_device.__globals__, "extension_problem", "libcublas.so.13: not found")
    with pytest.warns(RuntimeWarning, match="libcublas"):
        assert find_device("auto").is_cpu
    with pytest.raises(ModelLoadError, match="libcublas"):
        find_device("cuda:0")


def test_nothing_is_told_where_the_accelerator_is_there_or_none_was_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(find_device.__globals__, "lib", Backend(b"cuda"))
    assert why_no_accelerator([device(0, "cpu"), device(1, "cuda:0")]) is None
    monkeypatch.setitem(find_device.__globals__, "lib", Backend(b"cpu"))
    assert why_no_accelerator([device(0, "cpu")]) is None


@pytest.mark.parametrize(
    ("capabilities", "value"),
    [([], None), ([80], None), ([89, 90], "1"), ([90], "1"), ([100], None), ([120], None)],
)
def test_cuda_graphs_are_switched_off_before_a_hopper_gpu_computes(
    capabilities: list[int], value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [device(0, "cpu"), *(device(i, f"cuda:{i}", c) for i, c in enumerate(capabilities))]
    assert crash_in_cuda_graphs(found) == (value is not None)

    class Library:
        omni_device_count = staticmethod(lambda: len(found))
        omni_device_get = "omni_device_get"

    def get(_: object, index: int, info: Any) -> None:
        info.is_cpu, info.compute_capability = found[index].is_cpu, found[index].compute_capability

    monkeypatch.setenv("GGML_CUDA_DISABLE_GRAPHS", "")  # so that the end of the test restores it
    monkeypatch.delenv("GGML_CUDA_DISABLE_GRAPHS")
    monkeypatch.setitem(find_device.__globals__, "lib", Library)
    monkeypatch.setitem(find_device.__globals__, "call", get)
    devices()
    assert os.environ.get("GGML_CUDA_DISABLE_GRAPHS") == value


@pytest.mark.parametrize(
    ("ggml", "user"),
    [("CPU", "cpu"), ("CUDA0", "cuda:0"), ("CUDA12", "cuda:12"), ("Metal", "metal"), ("Vulkan1", "vulkan:1")],
)
def test_names_of_ggml_become_those_that_users_write(ggml: str, user: str) -> None:
    assert _user_name(ggml) == user


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
