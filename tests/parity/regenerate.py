"""Computes the stored outputs anew: ``python -m tests.parity.regenerate``. Needs torch and transformers.

Each ``data/<size>.npz`` belongs to the seeded tiny checkpoints of that size and has

- ``names``: the cases of ``testing.checkpoints.cases``, in order;
- ``embeddings`` (n_cases, n_embd): unit-length vectors;
- ``n_positions`` (n_cases): tokens and rows of each sequence;
- ``ids_<case>``: token ids of the sequence, with -1 where a row of a tower stands;
- ``grids`` (n_images, 3): patches of each image of the image cases in t, h, w;
- ``patch_rows``, ``patches``: some row numbers of one image's patches (that of `STAGE_CASE`), and those rows;
- ``rows``: that image's merged rows;
- ``audio_numbers``, ``audio_rows``: some row numbers of the clips of `AUDIO_LENGTHS` in one sequence, and those rows;
- ``media_names``, ``media_embeddings``, ``media_positions``: the same as the first three, of `media_cases`;
- ``sha256``: digests of the four files, in the order text, vision, audio, combined.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from testing.checkpoints.cases import AUDIO_LENGTHS, STAGE_CASE, all_cases, media_cases, mel
from testing.checkpoints.pixels import image_patches
from testing.checkpoints.shapes import TINY
from testing.checkpoints.torch_reference import TorchReference
from testing.checkpoints.writer import sha256, write_checkpoint

DATA = Path(__file__).parent / "data"


def regenerate(size: str, directory: Path) -> None:
    """Write the outputs of one size.

    Parameters
    ----------
    size
        ``small`` or ``nano``.
    directory
        Folder for the checkpoints.
    """
    files = write_checkpoint(directory, TINY[size])
    model = TorchReference(files.text, files.vision, files.audio)
    assert model.vision is not None
    assert model.audio is not None
    stored: dict[str, np.ndarray] = {}
    embeddings, n_positions, grids = [], [], []
    for case in all_cases():
        spans = model.spans(case.parts)
        pooled = model.text.pooled(spans)
        embeddings.append(pooled / np.linalg.norm(pooled))
        ids = [np.array(span) if isinstance(span, list) else np.full(len(span), -1) for span in spans]
        stored[f"ids_{case.name}"] = np.concatenate(ids).astype(np.int32)
        n_positions.append(sum(map(len, ids)))
        if not case.name.startswith("image-"):
            continue
        picture = case.parts[0]
        assert isinstance(picture, Image.Image)
        patches = image_patches(picture, model.vision.limits)
        grids.append(patches.grid)
        if case.name == STAGE_CASE:
            n = len(patches.rows)
            # A stretch from the start shows the order of the rows, and single ones far apart the whole of the image.
            chosen = np.unique(np.concatenate([np.arange(10), np.linspace(0, n - 1, 22).astype(int)]))
            stored |= {"patch_rows": chosen, "patches": patches.rows[chosen], "rows": model.vision.rows(patches)}
    clips = [model.audio.rows(mel(length)) for length in AUDIO_LENGTHS]
    # The first and the last row of each clip and two between them.
    starts = np.cumsum([0, *map(len, clips)])
    ends = zip(starts, starts[1:] - 1, strict=False)
    numbers = np.unique(np.concatenate([np.linspace(first, last, 4).astype(int) for first, last in ends]))
    stored |= {
        "audio_numbers": numbers,
        "audio_rows": np.concatenate(clips)[numbers],
        "names": np.array([case.name for case in all_cases()]),
        "embeddings": np.stack(embeddings),
        "n_positions": np.array(n_positions),
        "grids": np.array(grids),
        **media_outputs(model),
        "sha256": np.array([sha256(path) for path in (files.text, files.vision, files.audio, files.combined)]),
    }
    np.savez_compressed(DATA / f"{size}.npz", **stored)  # type: ignore[arg-type]


def media_outputs(model: TorchReference) -> dict[str, np.ndarray]:
    """Return what is stored of the cases with sounds and videos."""
    spans = [model.spans(case.parts, case.dialect) for case in media_cases()]
    pooled = np.stack([model.text.pooled(one) for one in spans])
    return {
        "media_names": np.array([case.name for case in media_cases()]),
        "media_embeddings": pooled / np.linalg.norm(pooled, axis=1, keepdims=True),
        "media_positions": np.array([sum(map(len, one)) for one in spans]),
    }


if __name__ == "__main__":
    for one in TINY:
        with tempfile.TemporaryDirectory() as folder:
            regenerate(one, Path(folder))
