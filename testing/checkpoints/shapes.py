"""Shapes of the checkpoints that the suite writes: the tiny ones of the tests, and the published ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextShape:
    """Hyperparameters of a text tower.

    Attributes
    ----------
    architecture
        ``qwen3`` (causal, normed q and k) or ``eurobert`` (bidirectional, neither normed).
    n_vocab
        Rows of the embedding table, special and unused tokens included.
    """

    architecture: str
    n_layer: int
    n_embd: int
    n_head: int
    n_head_kv: int
    head_dim: int
    n_ff: int
    n_vocab: int
    n_ctx: int
    rope_theta: float
    rms_eps: float


@dataclass(frozen=True)
class VisionShape:
    """Hyperparameters of a vision tower and its merger.

    Attributes
    ----------
    eps_key
        What the file says the LayerNorm epsilon is: the text tower's on nano, although the tower always uses 1e-6.
    video_pixels
        Least and most pixels of a video as the file gives them, or None where it does not.
    """

    n_layer: int
    n_embd: int
    n_head: int
    n_ff: int
    n_embd_text: int
    eps_key: float
    video_pixels: tuple[int, int] | None
    image_pixels: tuple[int, int] = (262_144, 1_310_720)
    n_pos: int = 2304
    patch_size: int = 16
    merge_size: int = 2


@dataclass(frozen=True)
class AudioShape:
    """Hyperparameters of an audio tower and its projector."""

    n_layer: int
    n_embd: int
    n_head: int
    n_ff: int
    n_embd_text: int
    n_mel: int = 128
    n_window: int = 100
    n_pos: int = 1500
    eps: float = 1e-5


@dataclass(frozen=True)
class ModelShape:
    """The three towers of one model.

    Attributes
    ----------
    size
        ``small`` or ``nano``: the name in the file, and which vocabulary it gets.
    """

    size: str
    text: TextShape
    vision: VisionShape
    audio: AudioShape


# 256 is the block of the K-quants: every row of the tiny text towers is a whole number of them.
TINY_SMALL = ModelShape(
    "small",
    TextShape("qwen3", 3, 256, 4, 2, 64, 512, 2064, 32768, 3_500_000.0, 1e-6),
    VisionShape(3, 128, 2, 256, 256, 1e-6, (262_144, 12_845_056)),
    AudioShape(3, 128, 2, 256, 256),
)
TINY_NANO = ModelShape(
    "nano",
    TextShape("eurobert", 3, 256, 4, 4, 64, 512, 2064, 8192, 1_000_000.0, 1e-5),
    VisionShape(3, 128, 2, 256, 256, 1e-5, None),
    AudioShape(3, 128, 2, 256, 256),
)
FULL_SMALL = ModelShape(
    "small",
    TextShape("qwen3", 28, 1024, 16, 8, 128, 3072, 151_936, 32768, 3_500_000.0, 1e-6),
    VisionShape(24, 1024, 16, 4096, 1024, 1e-6, (262_144, 12_845_056)),
    AudioShape(32, 1280, 20, 5120, 1024),
)
FULL_NANO = ModelShape(
    "nano",
    TextShape("eurobert", 12, 768, 12, 12, 64, 3072, 128_260, 8192, 1_000_000.0, 1e-5),
    VisionShape(12, 768, 12, 3072, 768, 1e-5, None),
    AudioShape(32, 1280, 20, 5120, 768),
)

TINY = {"small": TINY_SMALL, "nano": TINY_NANO}
FULL = {"small": FULL_SMALL, "nano": FULL_NANO}
