"""The three towers in torch, for training: batches of equal size, parameters named as in the files.

The arithmetic is that of the suite's references in ``testing/checkpoints``, for batches.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from testing.checkpoints.writer import Tensor, audio_tensors, text_tensors, vision_tensors

from .shape import SHAPE

Parameters = dict[str, torch.nn.Parameter]


def initial(seed: int) -> Parameters:
    """Return parameters to begin with."""
    torch.manual_seed(seed)
    specs = text_tensors(SHAPE.text) + vision_tensors(SHAPE.vision) + audio_tensors(SHAPE.audio)
    return {spec.name: torch.nn.Parameter(_initial(spec), requires_grad=not spec.sinusoid) for spec in specs}


def _initial(spec: Tensor) -> torch.Tensor:
    if spec.sinusoid:
        n, width = spec.shape
        angle = np.arange(n)[:, None] * np.exp(-np.log(10000.0) / (width // 2 - 1) * np.arange(width // 2))
        return torch.tensor(np.concatenate([np.sin(angle), np.cos(angle)], axis=1), dtype=torch.float32)
    if "norm" in spec.name or ".ln" in spec.name or "post_ln" in spec.name:
        return torch.zeros(spec.shape) if spec.name.endswith("bias") else torch.ones(spec.shape)
    if spec.name.endswith(".bias"):
        return torch.zeros(spec.shape)
    calm = 0.4 if spec.name.endswith(("attn_output.weight", "ffn_down.weight", "attn_out.weight")) else 1.0
    if spec.name == "v.position_embd.weight":
        calm = 0.4
    return torch.randn(spec.shape) * spec.std * calm


def text(p: Parameters, rows: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Return the output at the last position of each sequence.

    Parameters
    ----------
    rows
        (n, length, n_embd), padded behind.
    last
        Place of each sequence's last position.
    """
    shape = SHAPE.text
    n, length, _ = rows.shape
    x = rows
    powers = torch.arange(0, shape.head_dim, 2) / shape.head_dim
    angle = torch.arange(length)[:, None] / shape.rope_theta**powers
    for i in range(shape.n_layer):
        b = f"blk.{i}."
        y = _rms(x, p[b + "attn_norm.weight"])
        q, k, v = (
            F.linear(y, p[f"{b}attn_{name}.weight"]).view(n, length, -1, shape.head_dim).transpose(1, 2)
            for name in "qkv"
        )
        q = _rotate(_rms(q, p[b + "attn_q_norm.weight"]), angle)
        k = _rotate(_rms(k, p[b + "attn_k_norm.weight"]), angle)
        k, v = (one.repeat_interleave(shape.n_head // shape.n_head_kv, dim=1) for one in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(n, length, -1)
        x = x + F.linear(y, p[b + "attn_output.weight"])
        y = _rms(x, p[b + "ffn_norm.weight"])
        y = F.silu(F.linear(y, p[b + "ffn_gate.weight"])) * F.linear(y, p[b + "ffn_up.weight"])
        x = x + F.linear(y, p[b + "ffn_down.weight"])
    return _rms(x[torch.arange(n), last], p["output_norm.weight"])


def vision(p: Parameters, patches: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Return the merged rows of pairs of frames, (n, h * w / 4, n_embd of the text tower).

    Parameters
    ----------
    patches
        (n, h * w, values), as `jina_omni.media.patches.pack_patches` makes them.
    """
    shape = SHAPE.vision
    n, n_patch, _ = patches.shape
    kernel = torch.stack([p["v.patch_embd.weight"], p["v.patch_embd.weight.1"]], dim=2).reshape(shape.n_embd, -1)
    x = F.linear(patches, kernel, p["v.patch_embd.bias"]) + _positions(p["v.position_embd.weight"], h, w)
    head_dim = shape.n_embd // shape.n_head
    frequencies = 10000.0 ** -(torch.arange(0, head_dim // 2, 2) / (head_dim // 2))
    y_x = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij"), dim=-1).float()
    angle = (_block_order(y_x)[:, :, None] * frequencies).reshape(n_patch, -1)
    for i in range(shape.n_layer):
        b = f"v.blk.{i}."
        qkv = _linear(p, _norm(p, x, b + "ln1", 1e-6), b + "attn_qkv").view(n, n_patch, 3, shape.n_head, head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(_rotate(q, angle), _rotate(k, angle), v)
        x = x + _linear(p, y.transpose(1, 2).reshape(n, n_patch, -1), b + "attn_out")
        y = F.gelu(_linear(p, _norm(p, x, b + "ln2", 1e-6), b + "ffn_up"), approximate="tanh")
        x = x + _linear(p, y, b + "ffn_down")
    x = _norm(p, x, "v.post_ln", 1e-6).view(n, n_patch // 4, -1)
    return _linear(p, F.gelu(_linear(p, x, "mm.0")), "mm.2")


def audio(p: Parameters, mel: torch.Tensor) -> torch.Tensor:
    """Return the rows of sounds of one chunk at most, (n, frames / 4, n_embd of the text tower).

    Parameters
    ----------
    mel
        (n, frames, n_mel), at most 200 frames.
    """
    shape = SHAPE.audio
    x = F.gelu(F.conv1d(mel.transpose(1, 2), p["a.conv1d.1.weight"], p["a.conv1d.1.bias"][:, 0], padding=1))
    x = F.gelu(F.conv1d(x, p["a.conv1d.2.weight"], p["a.conv1d.2.bias"][:, 0], padding=1, stride=2)).transpose(1, 2)
    n, length, _ = x.shape
    x = x + p["a.position_embd.weight"][:length]
    for i in range(shape.n_layer):
        b = f"a.blk.{i}."
        y = _norm(p, x, b + "ln1", shape.eps)
        q, k, v = (
            F.linear(y, p[f"{b}attn_{name}.weight"], p.get(f"{b}attn_{name}.bias"))
            .view(n, length, shape.n_head, -1)
            .transpose(1, 2)
            for name in "qkv"
        )
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, -1)
        x = x + _linear(p, y, b + "attn_out")
        x = x + _linear(p, F.gelu(_linear(p, _norm(p, x, b + "ln2", shape.eps), b + "ffn_up")), b + "ffn_down")
    pairs = x[:, : length // 2 * 2].reshape(n, length // 2, 2, -1).mean(dim=2)
    return _linear(p, _norm(p, pairs, "a.post_ln", shape.eps), "mm.a.fc")


def _positions(table: torch.Tensor, h: int, w: int) -> torch.Tensor:
    side = math.isqrt(len(table))
    table = table.view(side, side, -1)
    for axis, size in enumerate((h, w)):
        at = torch.linspace(0, side - 1, size)
        low = at.long()
        high = (low + 1).clamp(max=side - 1)
        share = (at - low).view([-1 if a == axis else 1 for a in range(3)])
        table = table.index_select(axis, low) * (1 - share) + table.index_select(axis, high) * share
    return _block_order(table)


def _block_order(grid: torch.Tensor) -> torch.Tensor:
    """Flatten (h, w, n) to rows in the order (h/2, w/2, 2, 2)."""
    h, w, n = grid.shape
    return grid.view(h // 2, 2, w // 2, 2, n).permute(0, 2, 1, 3, 4).reshape(h * w, n)


def _rotate(x: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    cos, sin = angle.cos(), angle.sin()
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def _rms(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return F.rms_norm(x, x.shape[-1:], weight, SHAPE.text.rms_eps)


def _norm(p: Parameters, x: torch.Tensor, name: str, eps: float) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps)


def _linear(p: Parameters, x: torch.Tensor, name: str) -> torch.Tensor:
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])
