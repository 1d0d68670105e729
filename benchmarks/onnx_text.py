"""ONNX Runtime as a side of the text benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.engines import Rows, Tokens
from benchmarks.exports import find_export, make_export
from benchmarks.padding import Batch, embed_in_batches
from benchmarks.settings import Changes, PaddedSettings

WEIGHTS = {"F16": ("float32",), "Q8_0": ("int8", "int8-blocks"), "Q4_K_M": ("int4-blocks",)}
"""The exports that are compared with a type of our text file: of as many bits, except that it has no half floats."""

_MODEL = "model.onnx"


@dataclass(frozen=True)
class OnnxSettings(PaddedSettings):
    """The settings of a session.

    Attributes
    ----------
    weights
        Of `WEIGHTS`: ``int8`` has a scale for each column and quantizes activations a matrix at a time, the others have
        one for 128 weights, in ``MatMulNBits``.
    spinning
        Whether threads that wait keep their processor.
    """

    weights: str = "float32"
    spinning: bool = True

    @classmethod
    def first(cls, ftype: str, lengths: Sequence[int], *, passive: bool) -> OnnxSettings:  # noqa: ARG003
        """Return the settings as they come."""
        return cls(weights=WEIGHTS[ftype][0], spinning=not passive)

    @classmethod
    def knobs(cls, ftype: str, *, passive: bool) -> Sequence[Changes]:
        """Return the changes to try."""
        others = tuple({"weights": weights} for weights in WEIGHTS[ftype][1:])
        spinning: Changes = () if passive else ({"spinning": False},)
        return others, spinning, ({"n_rows": 1}, {"n_rows": 4}, {"n_rows": 16}, {"n_rows": 32})


class OnnxText:
    """A session of `export`."""

    def __init__(self, path: Path, n_threads: int, settings: OnnxSettings) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(settings.spinning)))
        model = find_export(path, f"onnx-{settings.weights}") / _MODEL
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._n_rows = settings.n_rows

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences."""
        width = self._session.get_outputs()[0].shape[1]
        return embed_in_batches(work, lambda _: self._n_rows, width, self._embed)

    def _embed(self, batch: Batch) -> Rows:
        return self._session.run(None, {"input_ids": batch.ids, "last": batch.last})[0]


def export(source: Path, ftype: str) -> None:
    """Make what is compared with a type of our text file, unless it is there.

    Parameters
    ----------
    source
        The F16 text file of a causal tower.
    ftype
        Of `WEIGHTS`.
    """
    make_export(source, "onnx-float32", _write)
    for weights in WEIGHTS[ftype]:
        make_export(source, f"onnx-{weights}", partial(_quantize, weights))


def _write(source: Path, folder: Path) -> None:
    from benchmarks.onnx_graph import write_graph

    write_graph(source, folder / _MODEL)


def _quantize(weights: str, source: Path, folder: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    model = find_export(source, "onnx-float32") / _MODEL
    if weights == "int8":
        # the types of tensors behind operators that are not ONNX's own have to be named
        types = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(
            model,
            folder / _MODEL,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
            extra_options=types,
        )
        return
    # level 4: activations become 8-bit integers
    options = {"block_size": 128, "is_symmetric": True, "accuracy_level": 4}
    bits = {"int8-blocks": 8, "int4-blocks": 4}[weights]
    quantizer = MatMulNBitsQuantizer(onnx.load(model), bits=bits, **options)
    quantizer.process()
    quantizer.model.save_model_to_file(str(folder / _MODEL), use_external_data_format=True)
