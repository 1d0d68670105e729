"""Computes the stored mel frames anew: ``python -m tests.parity.regenerate_mel``. Needs torch and transformers.

``data/mel.npz`` has for each clip of `CLIPS`

- ``frames_<clip>``: some frame numbers, the first and the last of its real ones among them;
- ``mel_<clip>`` (n_chosen, 128): what ``WhisperFeatureExtractor`` gives there;
- ``count_<clip>``: how many frames its mask counts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "mel.npz"

CLIPS = {
    "tiny": 321,
    "short": 16_050,  # ends in a bang, which the two frames after its last real one hear too
    "quiet": 8_000,
    "silent": 1_600,
    "speechlike": 115_840,
    "half-minute": 480_000,  # ends in a bang, which the reflection at the edge doubles
}
"""Length of each clip, in samples."""


def clip(name: str) -> np.ndarray:
    """Return the samples of a clip, the same on every machine to the last bits."""
    n = CLIPS[name]
    noise = np.random.default_rng(n).integers(-32_768, 32_768, n) / 32_768
    if name == "silent":
        return np.zeros(n, np.float32)
    if name == "quiet":
        return (noise * 1e-5).astype(np.float32)
    seconds = np.arange(n) / 16_000
    sweep = 0.4 * np.sin(2 * np.pi * (80 + 120 * seconds) * seconds) * np.abs(np.sin(2 * seconds))
    samples = sweep + 0.01 * noise
    if name in ("short", "half-minute"):
        samples[-40:] += 0.5 * noise[-40:]
    return samples.astype(np.float32)


def regenerate() -> None:
    """Write the frames of every clip."""
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=128)
    stored: dict[str, np.ndarray] = {}
    for name in CLIPS:
        made = extractor(clip(name), sampling_rate=16_000, return_attention_mask=True, return_tensors="np")
        count = int(made["attention_mask"].sum())
        frames = np.unique(np.linspace(0, count - 1, 14).astype(int))
        stored |= {
            f"frames_{name}": frames,
            f"mel_{name}": made["input_features"][0].T[frames],
            f"count_{name}": np.array(count),
        }
    np.savez_compressed(DATA, **stored)  # type: ignore[arg-type]


if __name__ == "__main__":
    regenerate()
