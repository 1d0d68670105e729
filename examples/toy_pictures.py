# SPDX-License-Identifier: Apache-2.0
"""Pictures that the packaged toy model knows, so that the examples need no files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jina_omni.demo.scenes import Picture

SCENES = (
    Picture("star", "red", 3, "left"),
    Picture("circle", "blue", 1, "bottom"),
    Picture("triangle", "green", 2, "top"),
    Picture("ring", "yellow", 1, "right"),
)


def draw_pictures(folder: Path, n_copies: int = 1) -> list[Path]:
    """Draw each scene a number of times, each time a little differently, and return the files."""
    paths = []
    for scene in SCENES:
        for copy in range(n_copies):
            path = folder / f"{scene.colour}-{scene.shape}-{copy}.png"
            scene.draw(np.random.default_rng(copy)).save(path)
            paths.append(path)
    return paths
