"""The toy model's sizes: small, so that the package stays small."""

from __future__ import annotations

from testing.checkpoints.shapes import AudioShape, ModelShape, TextShape, VisionShape

# A picture gets 48 to 80 patches, a clip 36 to 54 for each pair of its frames. The audio tower's 1500 positions are
# what lets a clip be 30 seconds long. Heads have 64 values, for which each backend of ggml has flash attention; CUDA
# has none for 32.
SHAPE = ModelShape(
    "small",
    TextShape("qwen3", 2, 128, 4, 2, 64, 256, 1024, 8192, 10_000.0, 1e-6),
    VisionShape(3, 128, 2, 256, 128, 1e-6, (36_864, 55_296), image_pixels=(12_288, 20_480), n_pos=64),
    AudioShape(2, 128, 2, 256, 128),
)
