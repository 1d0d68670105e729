"""OpenVINO as a side of the text benchmark: the float32 module of transformers, exported with its pooling."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.engines import Rows, Tokens, load_torch
from benchmarks.exports import find_export, make_export
from benchmarks.padding import Batch, embed_in_batches
from benchmarks.settings import Changes, PaddedSettings

WEIGHTS = {"F16": "f16", "Q8_0": "int8", "Q4_K_M": "int4"}
"""The export that is compared with a type of our text file: of as many bits."""

_MODEL = "model.xml"


@dataclass(frozen=True)
class OpenVinoSettings(PaddedSettings):
    """The settings of a compiled model.

    Attributes
    ----------
    weights
        Of `WEIGHTS`.
    precision
        ``INFERENCE_PRECISION_HINT``: what floats are computed in; bfloat16 where the processor has it when None.
    group_size
        ``DYNAMIC_QUANTIZATION_GROUP_SIZE``: the activations of one scale; OpenVINO decides when None.
    """

    weights: str = "f16"
    precision: str | None = "f32"
    group_size: int | None = 128

    @classmethod
    def first(cls, ftype: str, lengths: Sequence[int], *, passive: bool) -> OpenVinoSettings:  # noqa: ARG003
        """Return the settings that were the best on the processors tried so far."""
        return cls(weights=WEIGHTS[ftype])

    @classmethod
    def knobs(cls, ftype: str, *, passive: bool) -> Sequence[Changes]:  # noqa: ARG003
        """Return the changes to try."""
        # activations meet floats as floats
        groups: Changes = () if ftype == "F16" else ({"group_size": 32}, {"group_size": 64}, {"group_size": None})
        return ({"precision": None},), groups, ({"n_rows": 1}, {"n_rows": 4}, {"n_rows": 16}, {"n_rows": 32})


class OpenVinoText:
    """A compiled model of `export`."""

    def __init__(self, path: Path, n_threads: int, settings: OpenVinoSettings) -> None:
        import openvino

        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": n_threads,
            # a pinned thread waits for its processor on a machine that others use too
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": settings.precision,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": settings.group_size,
        }
        model = find_export(path, f"openvino-{settings.weights}") / _MODEL
        given = {key: value for key, value in options.items() if value is not None}
        self._model = openvino.Core().compile_model(model, "CPU", given)
        self._n_rows = settings.n_rows

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences."""
        width = self._model.output(0).partial_shape[1].get_length()
        return embed_in_batches(work, lambda _: self._n_rows, width, self._embed)

    def _embed(self, batch: Batch) -> Rows:
        return self._model({"input_ids": batch.ids, "last": batch.last})[0]


def export(source: Path, ftype: str) -> None:
    """Make what is compared with a type of our text file, unless it is there.

    Parameters
    ----------
    source
        The F16 text file of a causal tower.
    ftype
        Of `WEIGHTS`.
    """
    # the weights of the source are half floats, so this loses nothing, and the others are compressed from it
    make_export(source, f"openvino-{WEIGHTS['F16']}", _write)
    if ftype != "F16":
        make_export(source, f"openvino-{WEIGHTS[ftype]}", partial(_compress, WEIGHTS[ftype]))


def _refuse_telemetry() -> None:
    # else OpenVINO's tools report to their vendor that they are used
    os.environ["CI"] = "true"


def _write(source: Path, folder: Path) -> None:
    _refuse_telemetry()
    import openvino
    import torch

    class Pooled(torch.nn.Module):
        def __init__(self, model: torch.nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
            # the mask of right padding behind a causal mask changes nothing, and without one the export has less to do
            mask = {"full_attention": None}
            hidden = self.model(input_ids=input_ids, attention_mask=mask, use_cache=False).last_hidden_state
            index = last.reshape(-1, 1, 1).expand(-1, 1, hidden.shape[-1])
            return torch.gather(hidden, 1, index)[:, 0]

    example = {"input_ids": torch.zeros((2, 24), dtype=torch.int64), "last": torch.tensor([23, 11])}
    types = [("input_ids", [-1, -1], openvino.Type.i64), ("last", [-1], openvino.Type.i64)]
    with torch.no_grad():
        model = openvino.convert_model(Pooled(load_torch(source)).eval(), example_input=example, input=types)
    openvino.save_model(model, folder / _MODEL, compress_to_fp16=True)


def _compress(weights: str, source: Path, folder: Path) -> None:
    _refuse_telemetry()
    import nncf
    import openvino

    options = {
        "int8": {"mode": nncf.CompressWeightsMode.INT8_ASYM},
        "int4": {"mode": nncf.CompressWeightsMode.INT4_SYM, "group_size": 128, "ratio": 1.0},
    }
    model = openvino.Core().read_model(find_export(source, f"openvino-{WEIGHTS['F16']}") / _MODEL)
    model = nncf.compress_weights(model, **options[weights])
    openvino.save_model(model, folder / _MODEL, compress_to_fp16=False)
