"""The three towers in float32 numpy, from a file's dequantised tensors.

A second opinion that needs no torch: it checks files of any tensor types in the main test run.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .pixels import Limits, Patches
from .spans import Span
from .weights import Array, Weights

_N_QUERIES = 128
_erf = np.frompyfunc(math.erf, 1, 1)


class NumpyText:
    """A text tower; the same methods as `TorchText`.

    Parameters
    ----------
    path
        Text file.
    """

    def __init__(self, path: Path) -> None:
        self._weights = weights = Weights(path)
        arch = weights.architecture
        self._n_layer = weights.int(f"{arch}.block_count")
        self._n_head = weights.int(f"{arch}.attention.head_count")
        self._n_head_kv = weights.int(f"{arch}.attention.head_count_kv")
        self._head_dim = weights.int(f"{arch}.attention.key_length")
        self._eps = weights.float(f"{arch}.attention.layer_norm_rms_epsilon")
        self._theta = weights.float(f"{arch}.rope.freq_base")
        self._causal = {"qwen3": True, "eurobert": False}[arch]
        self._cache: dict[str, Array] = {}

    def hidden(self, spans: Sequence[Span]) -> Array:
        """Return the tower's normed output for every position of a sequence."""
        rows = [self._weights.rows("token_embd.weight", np.array(s)) if isinstance(s, list) else s for s in spans]
        x = np.concatenate(rows)
        n = len(x)
        # Angles in float32, as the reference has them: at late positions they are off by more than its tolerance.
        powers = np.arange(0, self._head_dim, 2, dtype=np.float32) / np.float32(self._head_dim)
        angle = np.arange(n, dtype=np.float32)[:, None] * (np.float32(1) / np.float32(self._theta) ** powers)
        mask = np.triu(np.full((n, n), -np.inf, np.float32), 1) if self._causal else None
        for i in range(self._n_layer):
            y = self._norm(x, f"blk.{i}.attn_norm")
            q, k, v = (self._linear(y, f"blk.{i}.attn_{name}").reshape(n, -1, self._head_dim) for name in "qkv")
            if f"blk.{i}.attn_q_norm.weight" in self._weights:
                q, k = self._norm(q, f"blk.{i}.attn_q_norm"), self._norm(k, f"blk.{i}.attn_k_norm")
            q, k = _rotate(q, angle), _rotate(k, angle)
            k, v = (np.repeat(one, self._n_head // self._n_head_kv, axis=1) for one in (k, v))
            x = x + self._linear(_attend(q, k, v, mask), f"blk.{i}.attn_output")
            y = self._norm(x, f"blk.{i}.ffn_norm")
            gate, up = self._linear(y, f"blk.{i}.ffn_gate"), self._linear(y, f"blk.{i}.ffn_up")
            x = x + self._linear(gate / (1 + np.exp(-gate)) * up, f"blk.{i}.ffn_down")
        return self._norm(x, "output_norm")

    def pooled(self, spans: Sequence[Span]) -> Array:
        """Return the last position's output, not normalised."""
        return self.hidden(spans)[-1]

    def embed(self, spans: Sequence[Span]) -> Array:
        """Return the unit-length embedding of a sequence."""
        pooled = self.pooled(spans)
        return pooled / np.linalg.norm(pooled)

    def _tensor(self, name: str) -> Array:
        if name not in self._cache:
            self._cache[name] = self._weights[name]
        return self._cache[name]

    def _linear(self, x: Array, name: str) -> Array:
        return x @ self._tensor(f"{name}.weight").T

    def _norm(self, x: Array, name: str) -> Array:
        square = np.mean(np.square(x, dtype=np.float64), axis=-1, keepdims=True)
        return (x / np.sqrt(square + self._eps)).astype(np.float32) * self._tensor(f"{name}.weight")


class _Encoder:
    """What the vision and the audio tower share: biased linear layers and LayerNorms."""

    _eps: float

    def __init__(self, path: Path) -> None:
        self._weights = Weights(path)
        self._cache: dict[str, Array] = {}

    def _tensor(self, name: str) -> Array:
        if name not in self._cache:
            self._cache[name] = self._weights[name]
        return self._cache[name]

    def _linear(self, x: Array, name: str) -> Array:
        return x @ self._tensor(f"{name}.weight").T + self._tensor(f"{name}.bias")

    def _norm(self, x: Array, name: str) -> Array:
        centred = x - np.mean(x, axis=-1, keepdims=True, dtype=np.float64)
        scaled = centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + self._eps)
        return scaled.astype(np.float32) * self._tensor(f"{name}.weight") + self._tensor(f"{name}.bias")


class NumpyVision(_Encoder):
    """A vision tower with its merger; the same methods as `TorchVision`.

    Parameters
    ----------
    path
        Vision projector file, or one with both projectors.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        weights = self._weights
        # The tower was trained with this one, whatever the file's key says.
        self._eps = 1e-6
        self.limits = Limits.of(weights)
        self._n_layer = weights.int("clip.vision.block_count")
        self._n_embd = weights.int("clip.vision.embedding_length")
        self._n_head = weights.int("clip.vision.attention.head_count")

    def rows(self, patches: Patches) -> Array:
        """Return the merged rows of an image or video, (t * h * w / 4, n_embd of the text tower)."""
        t, h, w = patches.grid
        n, head_dim = h * w, self._n_embd // self._n_head
        kernel = np.stack([self._tensor("v.patch_embd.weight"), self._tensor("v.patch_embd.weight.1")], axis=2)
        x = patches.rows @ kernel.reshape(self._n_embd, -1).T + self._tensor("v.patch_embd.bias")
        x = x + np.tile(self._positions(h, w), (t, 1))

        frequencies = 1 / np.float32(10000) ** (np.arange(0, head_dim // 2, 2, dtype=np.float32) / (head_dim // 2))
        y_x = np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij"), axis=-1).astype(np.float32)
        angle = (_block_order(y_x)[:, :, None] * frequencies).reshape(n, -1)

        for i in range(self._n_layer):
            qkv = self._linear(self._norm(x, f"v.blk.{i}.ln1"), f"v.blk.{i}.attn_qkv").reshape(t, n, 3, -1, head_dim)
            # A pair of frames sees itself alone.
            groups = [_attend(_rotate(g[:, 0], angle), _rotate(g[:, 1], angle), g[:, 2], None) for g in qkv]
            x = x + self._linear(np.concatenate(groups), f"v.blk.{i}.attn_out")
            y = self._linear(self._norm(x, f"v.blk.{i}.ln2"), f"v.blk.{i}.ffn_up")
            inner = np.float32((2 / math.pi) ** 0.5) * (y + np.float32(0.044715) * y**3)
            x = x + self._linear(y * np.float32(0.5) * (1 + np.tanh(inner)), f"v.blk.{i}.ffn_down")
        y = self._linear(self._norm(x, "v.post_ln").reshape(-1, 4 * self._n_embd), "mm.0")
        return self._linear(_gelu(y), "mm.2")

    def _positions(self, h: int, w: int) -> Array:
        table = self._tensor("v.position_embd.weight")
        side = math.isqrt(len(table))
        table = table.reshape(side, side, -1)
        for axis, size in enumerate((h, w)):
            at = np.linspace(0, side - 1, size, dtype=np.float32)
            low = at.astype(np.int64)
            high = np.minimum(low + 1, side - 1)
            share = np.expand_dims(at - low, tuple(a for a in range(3) if a != axis))
            table = np.take(table, low, axis) * (1 - share) + np.take(table, high, axis) * share
        return _block_order(table)


class NumpyAudio(_Encoder):
    """An audio tower with its projector; takes mel frames as `TorchAudio` does.

    Parameters
    ----------
    path
        Audio projector file, or one with both projectors.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        weights = self._weights
        self._eps = weights.float("clip.audio.attention.layer_norm_epsilon")
        self._n_layer = weights.int("clip.audio.block_count")
        self._n_head = weights.int("clip.audio.attention.head_count")
        self._n_window = int(str(weights.key("clip.audio.n_window", 100)))

    def rows(self, mel: Array) -> Array:
        """Return the projected rows of a clip's mel frames (n_mel, frames)."""
        n_chunk = 2 * self._n_window
        # Nothing but the average of pairs looks over the end of a chunk.
        chunks = [self._chunk(mel.T[start : start + n_chunk]) for start in range(0, mel.shape[1], n_chunk)]
        x = np.concatenate(chunks)
        n = len(x) // 2
        x = x[: 2 * n].reshape(n, 2, -1).mean(axis=1)
        return self._linear(self._norm(x, "a.post_ln"), "mm.a.fc")

    def _chunk(self, frames: Array) -> Array:
        x = _gelu(self._convolution(_gelu(self._convolution(frames, "a.conv1d.1")), "a.conv1d.2")[::2])
        n = len(x)
        x = x + self._tensor("a.position_embd.weight")[:n]
        for i in range(self._n_layer):
            y = self._norm(x, f"a.blk.{i}.ln1")
            q, v = (self._linear(y, f"a.blk.{i}.attn_{name}") for name in "qv")
            k = y @ self._tensor(f"a.blk.{i}.attn_k.weight").T
            attended = _attend(*(one.reshape(n, self._n_head, -1) for one in (q, k, v)), None)
            x = x + self._linear(attended, f"a.blk.{i}.attn_out")
            y = self._linear(self._norm(x, f"a.blk.{i}.ln2"), f"a.blk.{i}.ffn_up")
            x = x + self._linear(_gelu(y), f"a.blk.{i}.ffn_down")
        return x

    def _convolution(self, x: Array, name: str) -> Array:
        before, after = (np.pad(x, ((1 - i, i), (0, 0)))[i : i + len(x)] for i in (0, 1))
        taps = zip((before, x, after), np.moveaxis(self._tensor(f"{name}.weight"), 2, 0), strict=True)
        return sum(part @ kernel.T for part, kernel in taps) + self._tensor(f"{name}.bias")[:, 0]


def _gelu(x: Array) -> Array:
    return x * np.float32(0.5) * (1 + _erf(x * np.float32(0.5**0.5)).astype(np.float32))


def _attend(q: Array, k: Array, v: Array, mask: Array | None) -> Array:
    out = np.empty_like(q)
    q = q * np.float32(q.shape[2] ** -0.5)
    # Some queries of one head at a time, so that even a large image's scores fit into the cache.
    for i, start in itertools.product(range(q.shape[1]), range(0, len(q), _N_QUERIES)):
        some = slice(start, start + _N_QUERIES)
        scores = q[some, i] @ k[:, i].T
        if mask is not None:
            scores += mask[some]
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        out[some, i] = scores @ v[:, i] / scores.sum(axis=1, keepdims=True)
    return out.reshape(len(q), -1)


def _rotate(x: Array, angle: Array) -> Array:
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def _block_order(grid: Array) -> Array:
    """Flatten (h, w, n) to rows in the order (h/2, w/2, 2, 2)."""
    h, w, n = grid.shape
    return grid.reshape(h // 2, 2, w // 2, 2, n).transpose(0, 2, 1, 3, 4).reshape(h * w, n)
