# SPDX-License-Identifier: Apache-2.0
"""The limits of media: the largest that are decoded, and what a decoder may take.

docs/limits.md quotes them; ``tests/docs/test_limits.py`` compares the two.
"""

from __future__ import annotations

# ---- images, and pages of a PDF ----

MAX_PIXELS = 1024**3 // 4 // 3
"""Pixels of an image or page that is decoded: Pillow's MAX_IMAGE_PIXELS, a quarter of a GiB of RGB."""

MAX_ASPECT_RATIO = 200
"""Longer side of an image or frame over the shorter (``smart_resize`` of Qwen2-VL, transformers)."""

MAX_ENCODED_BYTES = 4 * MAX_PIXELS
"""Bytes of a file whose decoder reads it whole; the largest image takes as much uncompressed."""

MAX_JPEG_SCANS = 100
"""Scans of a JPEG of `MAX_PIXELS`; a smaller one may have more. A progressive JPEG is drawn once for each scan."""

MAX_SVG_ENTITY_CHARACTERS = 1 << 26
"""Characters that all entities of an SVG may expand to."""

MIN_DPI, MAX_DPI = 10, 1200
"""Resolutions that a page of a PDF may be drawn at, in dots per inch."""

# ---- videos ----

MAX_FRAME_PIXELS = 8192 * 4352
"""Pixels of a frame (8K). H.264 keeps up to 16 to predict from, each decoder thread some more: 2 GB of this size."""

MAX_ANIMATION_PIXELS = 1 << 35
"""Pixels of all frames of an animation: 9 minutes in full HD at 30 frames per second. Each frame is drawn whole, even
where a few bytes change one pixel of it."""

MAX_FRAMES = 1 << 16
"""Frames that may be taken of a video; their 32,768 pairs would fill the longest context with a token each."""

MAX_USUAL_EDITS = 16
"""Edits of an MP4 that are never refused; ordinary files have one or two."""

MAX_EDITED_SAMPLES = 1_000_000
"""Samples times edits of an MP4 with more edits: FFmpeg looks at each sample again for each edit."""

# ---- sounds ----

MAX_AUDIO_SECONDS = 30
"""Longest sound, in seconds: what the reference takes."""

MIN_SAMPLING_RATE, MAX_SAMPLING_RATE = 1_000, 768_000
"""Sampling rates that are taken, in samples per second."""

MAX_CHANNELS = 64
"""Channels of a sound."""

# ---- excerpts of sounds and videos ----

MAX_EXCERPTS = 1 << 16
"""Excerpts that one sound or video is split into: three weeks of 30 seconds each."""

# ---- the process that draws SVG and PDF ----

SANDBOX_MEMORY = 1 << 30
"""Bytes that a decoder in a process of its own may hold (on Linux)."""

SANDBOX_SECONDS = 20
"""Seconds of processor time that it may take for one reply; wall-clock seconds where the system is not Linux."""

SANDBOX_CLOCK_FACTOR = 6
"""Wall-clock seconds that it may take, as a multiple of `SANDBOX_SECONDS`: a busy machine shares its processors."""

PDF_ADDRESS_SPACE = 4 << 30
"""Bytes that PDFium may reserve. Without memory, such as for a layer of a page, it goes on, so it may reserve more."""

MAX_OPEN_PDFS = 4
"""PDFs that are open at the same time, each in a process. The least recently used one makes room for another."""

PDF_IDLE_SECONDS = 10
"""Seconds that a PDF stays open after its last use, for the pages that are asked for next."""

MAX_PDF_GROWTH = 1 << 27
"""Bytes that its process may hold more than after it was opened (on Linux). Then a new one draws the next pages."""

MAX_KEPT_DRAWINGS = 1 << 26
"""Bytes of PNG files that SVGs are kept as between being measured and being decoded; the others are drawn again."""

# ---- decoding ahead of the towers ----

MAX_DECODER_THREADS = 4
"""Threads that decode media. More would not be faster than the towers, and each holds a decoded medium."""

MAX_TOKENS_AHEAD = 4096
"""Media tokens that are decoded ahead of the towers: 100 MB of patches."""
