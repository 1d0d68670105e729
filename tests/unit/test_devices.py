# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest

from jina_omni.errors import ModelLoadError
from jina_omni.native import Device, devices, find_device, find_devices, why_no_accelerator


def device(index: int, name: str, compute_capability: int = 0) -> Device:
    return Device(
        index=index,
        name=name,
        description="",
        is_cpu=name == "cpu",
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


@pytest.mark.parametrize(
    ("memory", "integrated", "chosen"),
    [
        ({"cuda:0": 5, "cuda:1": 5}, (), "cuda:0"),
        ({"cuda:0": 4, "cuda:1": 5}, (), "cuda:1"),
        ({"vulkan:0": 90, "vulkan:1": 5, "vulkan:2": 7}, ("vulkan:0",), "vulkan:2"),
        ({"vulkan:0": 5, "vulkan:1": 6}, ("vulkan:0", "vulkan:1"), "vulkan:1"),
    ],
)
def test_auto_is_the_discrete_accelerator_with_the_most_free_memory(
    monkeypatch: pytest.MonkeyPatch, memory: dict[str, int], integrated: tuple[str, ...], chosen: str
) -> None:
    found = [replace(device(i, name), is_integrated=name in integrated) for i, name in enumerate(["cpu", *memory])]
    monkeypatch.setitem(find_device.__globals__, "devices", lambda: found)
    monkeypatch.setattr(Device, "memory_free", property(lambda one: memory[one.name]))
    assert find_device("auto").name == chosen
    assert find_device("Auto").name == chosen


def test_a_single_accelerator_is_chosen_without_asking_for_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [device(0, "cpu"), device(1, "cuda:0"), replace(device(2, "vulkan:0"), is_integrated=True)]
    monkeypatch.setitem(find_device.__globals__, "devices", lambda: found)
    monkeypatch.setattr(Device, "memory_free", property(lambda _: pytest.fail("asked")))
    assert find_device("auto").name == "cuda:0"


@pytest.mark.usefixtures("with_cuda")
@pytest.mark.parametrize(("name", "index"), [("cpu", 0), ("cuda", 1), ("cuda:0", 1), ("CUDA:1", 2), ("metal", 3)])
def test_a_name_is_its_device_and_a_kind_is_its_first(name: str, index: int) -> None:
    assert find_device(name).index == index


@pytest.mark.usefixtures("with_cuda")
@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("cuda:2", "cuda:1"),
        ("cuda:", "cuda:1"),
        ("cud", "cuda:1"),
        ("cuda0", "cuda:0"),
        ("rocm", ""),
        ("", ""),
        ("0", ""),
    ],
)
def test_an_unknown_name_is_refused_with_the_names_there_are(name: str, near: str) -> None:
    with pytest.raises(ModelLoadError) as caught:
        find_device(name)
    expected = f"device {name!r} is not available; this build and machine have: cpu, cuda:0, cuda:1, metal"
    assert str(caught.value) == expected + (f"; did you mean {near!r}?" if near else "")


@pytest.mark.usefixtures("with_cuda")
def test_several_names_are_their_devices_in_that_order() -> None:
    assert [found.name for found in find_devices(["cuda:1", "CUDA"])] == ["cuda:1", "cuda:0"]
    assert [found.name for found in find_devices(("cpu",))] == ["cpu"]


@pytest.mark.usefixtures("with_cuda")
@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ([], ValueError, "devices is empty; name one device at least, or leave it out"),
        (["cuda:1", "cuda:1"], ValueError, "devices has 'cuda:1' and 'cuda:1', which are the same device; name each"),
        (["cuda", "metal", "CUDA:0"], ValueError, "devices has 'cuda' and 'CUDA:0', which are the same device"),
        (["cpu", "cpu"], ValueError, "devices has 'cpu' and 'cpu', which are the same device"),
        (["cuda:0", "Auto"], ValueError, "devices has 'auto', which chooses one device; name each device"),
        (["cuda:0", "cpu"], ValueError, "devices has 'cpu' beside others; leave it out"),
        (["cuda:0", "cuda:2"], ModelLoadError, "device 'cuda:2' is not available; this build and machine have: cpu, "),
    ],
)
def test_names_that_are_not_several_accelerators_are_refused(
    names: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        find_devices(names)


def test_a_device_that_this_build_lacks_is_refused() -> None:
    with pytest.raises(ModelLoadError, match=r"device 'abacus:7' is not available; .* have: .*\bcpu\b"):
        find_device("abacus:7")


def set_backend(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(find_device.__globals__, "get_string", {"omni_backend": name}.get)


@pytest.mark.usefixtures("only_cpu")
def test_a_cuda_build_without_a_gpu_falls_back_to_the_cpu_and_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    set_backend(monkeypatch, "cuda")
    with pytest.warns(RuntimeWarning, match="falling back to the CPU: this build is for cuda, but finds no"):
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
    set_backend(monkeypatch, "cuda")
    assert why_no_accelerator([device(0, "cpu"), device(1, "cuda:0")]) is None
    set_backend(monkeypatch, "cpu")
    assert why_no_accelerator([device(0, "cpu")]) is None
