"""A causal text tower as an ONNX graph of ONNX Runtime's fused operators, with the pooling in it.

These are the operators that the exporters of decoders for ONNX Runtime take (its documentation: ContribOperators.md). A
plain export of the torch module has attention in single steps instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from testing.checkpoints.weights import Weights

_CONTRIB = "com.microsoft"

# ONNX asks for it where a file of weights is mapped into memory.
_PAGE = 4096


class _Graph:
    """Nodes, and initial values, of which the large ones go to a file as they come: a message holds 2 GiB at most."""

    def __init__(self, data: BinaryIO) -> None:
        self._data = data
        self.nodes: list[onnx.NodeProto] = []
        self.values: list[TensorProto] = []

    def add(self, op: str, inputs: Sequence[str], *more: str, domain: str = "", **attributes: Any) -> str:
        """Add a node, and return the name of its output; `more` are names of outputs after that."""
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name, *more], name=name, domain=domain, **attributes))
        return name

    def constant(self, name: str, value: NDArray[Any] | Sequence[int]) -> str:
        """Add a small value, integers if it is a list, and return its name."""
        array = np.asarray(value)
        self.values.append(onnx.numpy_helper.from_array(array, name))
        return name

    def weight(self, name: str, value: NDArray[np.float32]) -> str:
        """Add a large value, and return its name."""
        self._data.write(bytes(-self._data.tell() % _PAGE))
        place = {"location": Path(self._data.name).name, "offset": self._data.tell(), "length": value.nbytes}
        self._data.write(np.ascontiguousarray(value).data)
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=value.shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in place.items():
            tensor.external_data.add(key=key, value=str(text))
        self.values.append(tensor)
        return name


def write_graph(source: Path, path: Path) -> None:
    """Write the graph of a text file in float32.

    Its inputs are ``input_ids``, padded on the right, and ``last``, the position of each row's last token.

    Parameters
    ----------
    source
        A text file of architecture ``qwen3``.
    path
        The model to write; its weights go to a file beside it.
    """
    weights = Weights(source)
    with path.with_suffix(".weights").open("wb") as data:
        graph = _Graph(data)
        n_embd = _add_tower(graph, weights)
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"]),
        helper.make_tensor_value_info("last", TensorProto.INT64, ["batch"]),
    ]
    outputs = [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["batch", n_embd])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_CONTRIB, 1)]
    whole = helper.make_graph(graph.nodes, "text", inputs, outputs, graph.values)
    # the version of the format that came with opset 17's successor: every runtime of today reads it
    onnx.save(helper.make_model(whole, opset_imports=opsets, ir_version=9), path)


def _add_tower(graph: _Graph, weights: Weights) -> int:
    arch = weights.architecture
    n_layer, n_embd = weights.int(f"{arch}.block_count"), weights.int(f"{arch}.embedding_length")
    n_head, n_head_kv = (weights.int(f"{arch}.attention.{key}") for key in ("head_count", "head_count_kv"))
    head_dim, n_ctx = weights.int(f"{arch}.attention.key_length"), weights.int(f"{arch}.context_length")
    theta, eps = weights.float(f"{arch}.rope.freq_base"), weights.float(f"{arch}.attention.layer_norm_rms_epsilon")

    def rms_norm(x: str, name: str) -> str:
        scale = graph.constant(name, weights[name])
        return graph.add("SimplifiedLayerNormalization", [x, scale], epsilon=eps, axis=-1, stash_type=1)

    def add_and_norm(x: str, more: str, name: str) -> tuple[str, str]:
        """Return the sum and its norm."""
        total, scale = f"{name}.sum", graph.constant(name, weights[name])
        op = "SkipSimplifiedLayerNormalization"
        norm = graph.add(op, [x, more, scale], "", "", total, domain=_CONTRIB, epsilon=eps)
        return total, norm

    def linear(x: str, name: str) -> str:
        return graph.add("MatMul", [x, graph.weight(name, weights[f"{name}.weight"].T)])

    split, join = graph.constant("split", [0, 0, -1, head_dim]), graph.constant("join", [0, 0, -1])

    def norm_heads(x: str, name: str) -> str:
        return graph.add("Reshape", [rms_norm(graph.add("Reshape", [x, split]), name), join])

    angles = np.arange(n_ctx)[:, None] * (1 / theta ** (np.arange(0, head_dim, 2) / head_dim))
    rotation = [graph.weight(name, f(angles).astype(np.float32)) for name, f in (("cos", np.cos), ("sin", np.sin))]
    # the operator masks by the length of each row; all take the padded one, since nothing looks to the right
    length = graph.add("Gather", [graph.add("Shape", ["input_ids"]), graph.constant("one", np.array(1))])
    length = graph.add("Cast", [length], to=TensorProto.INT32)
    one = graph.constant("one_int32", np.array(1, np.int32))
    lengths = graph.add("Expand", [graph.add("Sub", [length, one]), graph.add("Shape", ["last"])])
    attention = {"num_heads": n_head, "kv_num_heads": n_head_kv, "scale": head_dim**-0.5, "do_rotary": 1}

    x = graph.add("Gather", [graph.weight("token_embd", weights["token_embd.weight"]), "input_ids"])
    norm = rms_norm(x, "blk.0.attn_norm.weight")
    for i in range(n_layer):
        block = f"blk.{i}"
        q, k, v = (linear(norm, f"{block}.attn_{name}") for name in "qkv")
        q, k = (norm_heads(each, f"{block}.attn_{name}_norm.weight") for each, name in ((q, "q"), (k, "k")))
        inputs = [q, k, v, "", "", lengths, length, *rotation]
        cache = (f"{block}.k", f"{block}.v")
        attended = graph.add("GroupQueryAttention", inputs, *cache, domain=_CONTRIB, **attention)
        x, norm = add_and_norm(x, linear(attended, f"{block}.attn_output"), f"{block}.ffn_norm.weight")
        gate, up = (linear(norm, f"{block}.ffn_{name}") for name in ("gate", "up"))
        # with alpha = 1 it is SiLU
        gate = graph.add("QuickGelu", [gate], domain=_CONTRIB, alpha=1.0)
        down = linear(graph.add("Mul", [gate, up]), f"{block}.ffn_down")
        if i + 1 < n_layer:
            x, norm = add_and_norm(x, down, f"blk.{i + 1}.attn_norm.weight")
        else:
            x = graph.add("Add", [x, down])
    index = graph.add("Unsqueeze", ["last", graph.constant("minus_one", [-1])])
    pooled = rms_norm(graph.add("GatherND", [x, index], batch_dims=1), "output_norm.weight")
    graph.nodes.append(helper.make_node("Identity", [pooled], ["pooled"], name="pooled"))
    return n_embd
