"""Ours beside llama.cpp and torch on one device, for tools/check_gpu.py: sides in turn, as far as time allows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import media, text
from benchmarks.checkpoint import Checkpoints
from benchmarks.compare import Engine, Side, compare, take_turns
from benchmarks.device_figures import DeviceFigures
from benchmarks.device_work import DeviceWork
from benchmarks.engines import LlamaPython, LlamaSettings, LlamaText, OursText, TorchText
from benchmarks.models import OursModel, TorchModel
from benchmarks.towers import LlamaAudio, LlamaVision, OursAudio, OursVision

_REPEATS = 3
# Of the time for a medium, since loading torch takes most of it.
_SHARE_OF_MODELS = 0.7
# Tokens of one graph of llama.cpp; its default of 512 is too few to keep a large GPU busy.
_UBATCH = 2048
# Seconds that a side may go on after the time is up, before its process is ended.
_GRACE = 20
_TIME_IS_UP = "the time was up"

Engines = Mapping[str, Callable[..., Engine]]

_TORCH_TEXT: Engines = {"torch-bf16": partial(TorchText, bfloat16=True), "torch": TorchText}
_TORCH_MODELS: Engines = {"torch-bf16": partial(TorchModel, bfloat16=True), "torch": TorchModel}
_VISION_TOWERS: Engines = {"jina_omni": OursVision, "libmtmd": LlamaVision}
_AUDIO_TOWERS: Engines = {"jina_omni": OursAudio, "libmtmd": LlamaAudio}


class DeviceBench:
    """What is measured on a device.

    Parameters
    ----------
    device
        A `jina_omni.native.Device`.
    files
        The checkpoints.
    work
        How much there is to do.
    figures
        Takes what is found.
    n_threads
        Threads of the CPU, for each side.
    """

    def __init__(
        self, device: Any, files: Checkpoints, work: DeviceWork, figures: DeviceFigures, n_threads: int
    ) -> None:
        self._device, self._files, self._work, self._figures = device, files, work, figures
        self._common = {"n_threads": n_threads, "device": device.name}
        self._held: dict[str, int] = {}
        self._absent: set[str] = set()

    def measure_texts(self, ftype: str, seconds: float) -> None:
        """Measure one query, and texts of many lengths and numbers, as token ids.

        Parameters
        ----------
        ftype
            The type of the text file.
        seconds
            How long it may take.
        """
        start, query = time.monotonic(), text.ROWS["c"]
        path, n_vocab = self._files.text(ftype), self._files.shape.text.n_vocab
        torch = _TORCH_TEXT if ftype == "F16" else {}  # which has no weights of the other types
        with ExitStack() as stack:
            sides = self._open(stack, ftype, {"jina_omni": OursText, **torch}, start + seconds, path=path)
            groups = [[query], *self._work.texts]
            for number, group in enumerate(groups, 1):
                inputs, until = [row.inputs(n_vocab) for row in group], start + seconds * number / len(groups)
                lengths = [len(ids) for texts in inputs for ids in texts]
                with self._beside(sides, ftype, self._make_llama(lengths), until, path=path) as beside:
                    for row, texts in zip(group, inputs, strict=True):
                        name = f"{ftype}, {row.name}"
                        if row is query:
                            self._measure_query(name, beside, texts, until)
                        else:
                            self._measure("text", name, beside, texts, sum(map(len, texts)), "tokens", until)

    def measure_images(self, seconds: float) -> None:
        """Measure images, from pixels in memory to embeddings, and the vision tower alone.

        Parameters
        ----------
        seconds
            How long it may take.
        """
        from PIL import Image

        rng = np.random.default_rng(0)
        rows = {
            f"{number} of {height} x {width}": (
                [Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)) for _ in range(number)],
                number,
            )
            for number, height, width in self._work.images
        }
        projector, start = self._files.vision(), time.monotonic()
        self._measure_models("image", {"vision": projector}, rows, "images", start + _SHARE_OF_MODELS * seconds)
        self._measure_towers("image", _VISION_TOWERS, projector, rows, "images", start + seconds, comparable=True)

    def measure_sounds(self, seconds: float) -> None:
        """Measure sounds, from files to embeddings, and the audio tower alone.

        Parameters
        ----------
        seconds
            How long it may take.
        """
        projector, start = self._files.audio(), time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            rows = {
                f"{number} of {length:g} s": (
                    [media.write_sound(Path(folder, f"{length:g}-{i}.wav"), length, seed=i) for i in range(number)],
                    number * length,
                )
                for number, length in self._work.sounds
            }
            until = start + _SHARE_OF_MODELS * seconds
            self._measure_models("sound", {"audio": projector}, rows, "s of sound", until)
        rows = {
            f"{number} of {length:g} s": ([media.samples(length, seed=i) for i in range(number)], number * length)
            for number, length in self._work.sounds
        }
        # libmtmd's rows are those of 30 s, whatever the length
        self._measure_towers("sound", _AUDIO_TOWERS, projector, rows, "s of sound", start + seconds, comparable=False)

    def _measure_models(
        self, part: str, projectors: dict[str, Path], rows: Mapping[str, tuple[Any, float]], unit: str, until: float
    ) -> None:
        engines = {"jina_omni": OursModel, **_TORCH_MODELS}
        with ExitStack() as stack:
            sides = self._open(stack, part, engines, until, text=self._files.text("F16"), **projectors)
            for row, (work, amount) in rows.items():
                self._measure(part, row, sides, work, amount, unit, until)

    def _measure_towers(
        self,
        part: str,
        engines: Engines,
        projector: Path,
        rows: Mapping[str, tuple[Any, float]],
        unit: str,
        until: float,
        *,
        comparable: bool,
    ) -> None:
        with ExitStack() as stack:
            sides = self._open(stack, part, engines, until, text=self._files.text("F16"), projector=projector)
            for row, (work, amount) in rows.items():
                self._measure(part, f"the tower on {row}", sides, work, amount, unit, until, comparable=comparable)

    def _make_llama(self, lengths: Sequence[int]) -> Engines:
        """Return llama.cpp's sides for some lengths: with the settings of which one or another is the fastest."""
        longest = max(lengths)
        best = LlamaSettings(n_batch=max(_UBATCH, longest), n_ubatch=_UBATCH)
        if self._files.shape.text.architecture == "eurobert":  # which computes a batch at once
            best = replace(best, n_ubatch=best.n_batch)
        settings = {"libllama": best}
        if len(lengths) > 1 and longest <= _UBATCH:
            settings |= {
                "libllama-512": replace(best, n_ubatch=512),
                "libllama-separate": replace(best, kv_unified=False),
            }
        engines = {name: partial(LlamaText, settings=one, lengths=lengths) for name, one in settings.items()}
        return {**engines, "llama-cpp-python": partial(LlamaPython, settings=best, lengths=lengths)}

    def _open(self, stack: ExitStack, row: str, engines: Engines, until: float, **arguments: Any) -> list[Side]:
        """Start the sides that can be; none without ours."""
        sides: list[Side] = []
        for name, make in engines.items():
            if name in self._absent:
                continue
            left, free = until - time.monotonic(), self._read_free()
            if left < 0:
                self._leave_out("start", row, f"{name} and what follows", _TIME_IS_UP)
                break
            try:
                side = stack.enter_context(Side(name, make, timeout_s=left + _GRACE, **self._common, **arguments))
            except RuntimeError as error:
                self._leave_out("start", row, name, error)
                if name == "jina_omni":
                    break
                self._absent.add(name)
                continue
            self._held[name] = free - self._read_free()
            sides.append(side)
        return sides

    @contextmanager
    def _beside(
        self, sides: list[Side], row: str, engines: Engines, until: float, **arguments: Any
    ) -> Iterator[list[Side]]:
        """Yield the sides and others that end here; one that fails meanwhile is taken from `sides` too."""
        with ExitStack() as stack:
            together = [*sides, *(self._open(stack, row, engines, until, **arguments) if sides else ())]
            yield together
            sides[:] = [side for side in sides if side in together]

    def _measure(
        self,
        part: str,
        row: str,
        sides: list[Side],
        work: Any,
        amount: float,
        unit: str,
        until: float,
        *,
        comparable: bool = True,
    ) -> None:
        def measure() -> list[dict[str, Any]]:
            options = {"comparable": comparable, "pause": 0, "until": until}
            return [r.as_dict() for r in compare(row, sides, work, amount, unit, _REPEATS, **options)]

        self._add(part, row, sides, work, until, measure)

    def _measure_query(self, row: str, sides: list[Side], work: Any, until: float) -> None:
        def measure() -> list[dict[str, Any]]:
            taken = take_turns(sides, work, self._work.queries, pause=0, until=until)
            p50, p99 = (np.percentile(taken, p, axis=1, method="higher").tolist() for p in (50, 99))
            return [
                {"side": side.name, "p50_s": a, "p99_s": b, "times": a / p50[0]}
                for side, a, b in zip(sides, p50, p99, strict=True)
            ]

        self._add("query", row, sides, work, until, measure)

    def _add(
        self,
        part: str,
        row: str,
        sides: list[Side],
        work: Any,
        until: float,
        measure: Callable[[], list[dict[str, Any]]],
    ) -> None:
        """Keep what is measured, without the sides that fail."""
        if not self._warm_up(part, row, sides, work, until):
            return
        try:
            found = measure()
        except RuntimeError as error:
            self._drop(part, row, sides, error)
            if sides:
                self._add(part, row, sides, work, until, measure)
            return
        self._figures.add(part, row, [result | {"held_bytes": self._held[result["side"]]} for result in found])

    def _warm_up(self, part: str, row: str, sides: list[Side], work: Any, until: float) -> bool:
        """Run each side once, and take those away that fail. Returns whether ours is there, and time."""
        if time.monotonic() > until or not sides:
            self._leave_out(part, row, "all", "jina_omni did not start, or has failed" if not sides else _TIME_IS_UP)
            return False
        for side in tuple(sides):
            free = self._read_free()
            try:
                side.run(work)
            except RuntimeError as error:
                self._drop(part, row, sides, error)
                if not sides:
                    break
            # what a side has taken it keeps for the next turn
            self._held[side.name] += free - self._read_free()
        return bool(sides)

    def _drop(self, part: str, row: str, sides: list[Side], error: RuntimeError) -> None:
        """Take away the side whose error it is; with ours all, since there is nothing to compare with."""
        name = str(error).partition(":")[0]  # as `Side` begins its errors
        self._leave_out(part, row, name, error)
        others = [side for side in sides if side.name != name]
        sides[:] = others if others and others[0].name == "jina_omni" and len(others) < len(sides) else []

    def _leave_out(self, part: str, row: str, side: str, why: object) -> None:
        self._figures.leave_out(part, row, side, str(why).strip().splitlines()[-1])

    def _read_free(self) -> int:
        return 0 if self._device.is_cpu else self._device.memory_free
