"""Inputs of every modality, small enough for thousands of calls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

import jina_omni
from testing.media_files import media_file


def mixed(n: int, *, with_pages: bool = True) -> list[Any]:
    """Return texts of many lengths, pictures, sounds, films, pages and fused inputs, the same for the same number."""
    rng = random.Random(0)
    kinds = ("text", "text", "long", "image", "audio", "fused", "batch", "video", *(["pdf"] if with_pages else []))
    return [_one(kinds[i % len(kinds)], rng) for i in range(n)]


def _one(kind: str, rng: random.Random) -> Any:
    words = " ".join(rng.choices(["red", "größer", "東京", "runs", "3.14", "<|im_end|>"], k=rng.randint(1, 20)))
    pixels = np.frombuffer(rng.randbytes(64 * 48 * 3), np.uint8).reshape(48, 64, 3)
    samples = np.frombuffer(rng.randbytes(2 * rng.randint(1000, 9000)), np.int16)
    return {
        "text": words,
        "long": f"{words} " * 20,
        "image": jina_omni.Image(pixels),
        "audio": jina_omni.Audio(samples, sampling_rate=16_000),
        "fused": [[words, jina_omni.Image(pixels), jina_omni.Audio(samples, sampling_rate=16_000)]],
        "batch": [words, jina_omni.Image(pixels), f"{words} {words}"],
        "video": jina_omni.Video(media_file("mp4")),
        "pdf": jina_omni.Pdf(media_file("pdf")),
    }[kind]


def same(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Return whether all vectors have the same bits."""
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
