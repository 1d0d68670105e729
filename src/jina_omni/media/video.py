# SPDX-License-Identifier: Apache-2.0
"""Video: the input `Video`, and the way from files and arrays of frames to patches.

Frames decide parity, so the reference's own arithmetic selects them, and they are decoded and converted to RGB as it
does it: by FFmpeg, through PyAV. What `select` finds without decoding is what torchcodec finds, from which the raw
torch path samples: the number of frames from the packets, since headers can be wrong, and their mean rate, also where
it varies.

Pixels are taken as they are stored. A rotation in the file's metadata is not applied, as in the reference (torchcodec
applies it from 0.11 on); nor is a pixel aspect ratio.

A file is decoded once, from start to end, by four threads at most, and only the selected frames are kept, resized: the
length of a film takes time but no memory. PyAV drops what FFmpeg logs, unless the application asks it not to.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from jina_omni.describe import describe_type
from jina_omni.dialects import Dialect
from jina_omni.errors import Cancelled, DecodeError, InputError, UnsupportedMediaError
from jina_omni.media.audio import measure_track
from jina_omni.media.containers import open_container
from jina_omni.media.decoders import as_decode_error, describe_cause
from jina_omni.media.file_types import FILE_TYPES, unsupported_type
from jina_omni.media.files import (
    BYTES_LIKE,
    FileSource,
    describe_options,
    describe_source,
    open_source,
    read_media_type,
)
from jina_omni.media.frame_selection import (
    UNKNOWN_FPS,
    FrameOptions,
    FrameSelection,
    check_options,
    select_frames,
)
from jina_omni.media.limits import MAX_FRAME_PIXELS
from jina_omni.media.medium import DecodedMedium, Medium, TokenLayout
from jina_omni.media.patches import Patches, VisionGeometry, pack_patches
from jina_omni.media.towers import Towers
from jina_omni.media.truncation import check_length

__all__ = [
    "Video",
    "check",
    "decode_first_frame",
    "has_moving_pictures",
    "has_sound",
    "measure",
    "read_patches",
    "select",
]

# Types of sound whose containers may hold moving pictures too.
_SOUND_TYPES = {"audio/mp4", "audio/ogg"}

_THREADS = 4  # each holds frames of its own


# Compared by identity: two arrays, compared, give an array.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Video:
    """A moving picture, of which a choice of frames is embedded.

    Parameters
    ----------
    source : path, bytes-like or array
        A path (a str too, here), the bytes of an MP4, MOV, MKV, WebM, AVI, FLV or WMV file, or frames: an array of
        uint8 of the shape (n, height, width, 3), all of which are taken. It is read when it is embedded, not before.
        A file's rotation metadata are not applied, as in the reference.
    fps : float, optional
        Of a file: frames to take per second of its mean rate. By default 2, and in the dialect
        ``sentence-transformers`` all frames, whatever their rate. Of an array: its frames per second, 24 by default,
        for the timestamps.
    max_frames : int, optional
        Take at most so many frames, spread evenly; by default 768 of a file, or 32 in the dialect
        ``sentence-transformers``.
    timestamps : bool or sequence of float, optional
        Whether the seconds are written before each pair of frames, or which, one for each pair; an odd last frame is a
        pair of its own. By default they are; nano's prompts never have them. They are those of the frames, but in the
        dialect ``sentence-transformers`` without ``fps`` they are as if a file's chosen frames were 24 per second.

    Examples
    --------
    >>> Video("clip.mp4", fps=1)
    Video('clip.mp4', fps=1)
    """

    source: FileSource | npt.NDArray[np.uint8]
    fps: float | None = field(default=None, kw_only=True)
    max_frames: int | None = field(default=None, kw_only=True)
    timestamps: bool | Sequence[float] | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        return f"Video({describe_source(self.source)}{describe_options(self, 'fps', 'max_frames', 'timestamps')})"


def check(video: Video) -> None:
    """Check that a video's source is of a type that is taken.

    Raises
    ------
    InputError
        It is not.
    """
    if not isinstance(video.source, (str, os.PathLike, *BYTES_LIKE, np.ndarray)):
        raise InputError(
            f"is a Video whose source is {describe_type(video.source)}; jina_omni.Video takes a path, bytes or an array"
        )


def measure(
    video: Video,
    towers: Towers,
    *,
    truncate: bool,
    stop: threading.Event | None = None,  # noqa: ARG001 - the header is read to its end
) -> list[Medium]:
    """Measure a video, for the vision tower; in the dialect ``sentence-transformers`` its sound too.

    Parameters
    ----------
    video : Video
    towers : Towers
    truncate : bool
        Take the first 30 seconds of a longer sound, instead of refusing it.
    stop : threading.Event, optional
        As `jina_omni.media.kinds.measure` has it.

    Raises
    ------
    InputError
        As in `select`.
    ModalityNotLoadedError
        A tower that it needs is not loaded.
    """
    geometry = towers.require_vision("a video")
    selection = select(video, geometry, towers.dialect)
    frames = _measure_frames(video, selection, geometry, towers.dialect)
    # The sentence-transformers wrapper puts a file's sound before its pictures.
    if towers.dialect == "card" or isinstance(video.source, np.ndarray) or not has_sound(video.source):
        return [frames]
    seconds = selection.n_frames / selection.fps
    return [measure_track(video.source, seconds, towers, truncate=truncate), frames]


def _measure_frames(video: Video, selection: FrameSelection, geometry: VisionGeometry, dialect: Dialect) -> Medium:
    def make_layout(selection: FrameSelection) -> TokenLayout:
        t, h, w = selection.grid
        return TokenLayout((geometry.count_tokens((1, h, w)),) * t, selection.timestamps)

    def decode(stop: threading.Event) -> DecodedMedium:
        patches, found = read_patches(video, selection, geometry, dialect, stop)
        return DecodedMedium(make_layout(found), patches, found.grid)

    return Medium("vision", make_layout(selection), decode)


def select(video: Video, geometry: VisionGeometry, dialect: Dialect) -> FrameSelection:
    """Select the frames of a video; a file's packets are counted, but nothing is decoded.

    Parameters
    ----------
    video : Video
        A file's type is found from its bytes.
    geometry : VisionGeometry
        Of the vision file.
    dialect : {"card", "sentence-transformers"}
        See `select_frames`.

    Raises
    ------
    UnsupportedMediaError
        The bytes are of another type, the codec is unknown, or PyAV is not installed.
    DecodeError
        They are damaged or cut short.
    InputError
        The file can't be read or has no pictures; a frame has more than 35 million pixels (8K), a side under
        ``geometry.factor``, or is more than 200 times as long as wide; an option or an array can't be taken; there is
        not one timestamp for each pair.

    Examples
    --------
    >>> selection = select(Video(np.zeros((5, 240, 320, 3), np.uint8), fps=2), VisionGeometry(), "card")
    >>> selection.grid, selection.timestamps
    ((3, 16, 20), (0.25, 1.25, 2.0))
    """
    options = _read_options(video)
    check_options(options)
    if isinstance(video.source, np.ndarray):
        n_frames, height, width, _ = _check_array(video.source).shape
        fps = float(video.fps or UNKNOWN_FPS)
    else:
        with _open_video(video.source) as container:
            stream = _find_stream(container)
            height, width = stream.codec_context.height, stream.codec_context.width
            n_frames, fps = _count_frames(container, stream)
    return select_frames(options, dialect, n_frames, (height, width), fps, geometry)


def read_patches(
    video: Video,
    selection: FrameSelection,
    geometry: VisionGeometry,
    dialect: Dialect,
    stop: threading.Event | None = None,
) -> tuple[Patches, FrameSelection]:
    """Return the selected frames of a video as the patches that the vision tower takes.

    Each is resized with Pillow's bicubic filter, as an image is.

    Parameters
    ----------
    video : Video
    selection : FrameSelection
        From `select`.
    geometry, dialect
        As in `select`.
    stop : threading.Event, optional
        Once it is set, no further frame is decoded.

    Returns
    -------
    array of float32, shape (t * h * w, 3 * 2 * patch_size**2)
        See `pack_patches`.
    FrameSelection
        The given one, unless decoding gave another number of frames than there are packets, or another size than the
        header has, without an error. Then it is a selection of the decoded frames, whose indices, timestamps and grid
        may differ.

    Raises
    ------
    DecodeError
        The file is damaged.
    InputError
        As in `select`.
    Cancelled
        Through `stop`.

    Examples
    --------
    >>> geometry = VisionGeometry()
    >>> video = Video(np.zeros((5, 240, 320, 3), np.uint8))
    >>> patches, selection = read_patches(video, select(video, geometry, "card"), geometry, "card")
    >>> patches.shape, selection.grid
    ((960, 1536), (3, 16, 20))
    """
    frames, n_frames, size = _decode_selection(video, selection, geometry, stop)
    if (n_frames, size) != (selection.n_frames, selection.size):
        selection = select_frames(_read_options(video), dialect, n_frames, size, selection.fps, geometry)
        frames, *found = _decode_selection(video, selection, geometry, stop)
        if found != [n_frames, size]:
            raise DecodeError("gives other frames each time that it is read; it is damaged")
    return pack_patches(frames, geometry)[0], selection


def has_moving_pictures(source: FileSource) -> bool:
    """Return whether a file has moving pictures; a cover picture does not count.

    Parameters
    ----------
    source : path or bytes-like
        A file of a type that can hold both pictures and sound: MP4, M4A, MOV, MKV, WebM, AVI, FLV, WMV or Ogg.

    Raises
    ------
    InputError
        As in `select`, as far as the header shows it.
    """
    with _open_video(source) as container:
        return any(map(_is_moving, container.streams.video))


def has_sound(source: FileSource) -> bool:
    """Return whether a file has sound; parameters and errors are those of `has_moving_pictures`."""
    with _open_video(source) as container:
        return bool(container.streams.audio)


def decode_first_frame(source: FileSource) -> PILImage.Image:
    """Return the first frame of a video as RGB; errors are those of `select`."""
    with _open_video(source) as container:
        frame: PILImage.Image = next(container.decode(_find_stream(container))).to_image()
    return frame


def _read_options(video: Video) -> FrameOptions:
    return FrameOptions(video.fps, video.max_frames, video.timestamps, isinstance(video.source, np.ndarray))


def _check_array(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    frames = np.asarray(frames)  # a subclass may override anything
    if frames.dtype != np.uint8:
        advice = "; for values of 0 to 1: (array * 255).round().astype('uint8')" if frames.dtype.kind == "f" else ""
        raise InputError(f"is an array of {frames.dtype}; pixels are uint8, from 0 to 255{advice}")
    if frames.ndim != 4 or frames.shape[3] != 3:
        is_first = frames.ndim == 4 and frames.shape[1] == 3
        advice = "; channels come last: array.transpose(0, 2, 3, 1)" if is_first else ""
        raise InputError(f"is an array of the shape {frames.shape}; a video is (n, height, width, 3){advice}")
    if not frames.size:
        raise InputError(f"is a video of the shape {frames.shape}, which is empty; leave it out")
    return frames


def _decode_selection(
    video: Video, selection: FrameSelection, geometry: VisionGeometry, stop: threading.Event | None
) -> tuple[npt.NDArray[np.uint8], int, tuple[int, int]]:
    """Return the selected frames, the number of the source's frames, and the size of the first."""
    height, width = (side * geometry.patch_size for side in selection.grid[1:])
    selected = np.empty((len(selection.indices), height, width, 3), np.uint8)
    if isinstance(video.source, np.ndarray):
        frames = np.asarray(video.source)
        for position, i in enumerate(selection.indices):
            selected[position] = _resize(frames[i], height, width)
        return selected, selection.n_frames, selection.size
    positions = {i: position for position, i in enumerate(selection.indices)}
    count, size = 0, selection.size
    with _open_video(video.source) as container:
        for frame in _decode_frames(container, selection):
            if stop is not None and stop.is_set():
                raise Cancelled
            if count == 0:
                size = frame.height, frame.width
            if count in positions:
                selected[positions[count]] = _resize(frame.to_ndarray(format="rgb24"), height, width)
            count += 1
    return selected, count, size


def _resize(frame: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    if frame.shape[:2] == (height, width):
        return frame
    picture = PILImage.fromarray(np.ascontiguousarray(frame))
    return np.asarray(picture.resize((width, height), PILImage.Resampling.BICUBIC))


def _decode_frames(container: Any, selection: FrameSelection) -> Iterator[Any]:
    """Decode all frames, none of which may be damaged."""
    stream = _find_stream(container)
    count = 0
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                break
            yield frame
            count += 1
        else:
            return
    except Exception as error:
        raise _damaged(describe_cause(error), count, selection) from error
    raise _damaged("the next has wrong content", count, selection)


def _damaged(what: str, count: int, selection: FrameSelection) -> DecodeError:
    return DecodeError(
        f"is damaged: only {count:,} of its {selection.n_frames:,} frames can be read ({what}); to do without the "
        "others, write it again: ffmpeg -i damaged.mp4 repaired.mp4"
    )


@contextlib.contextmanager
def _open_video(source: FileSource) -> Iterator[Any]:
    """Open a file as a container of PyAV; what fails in the body fails as an `InputError`."""
    with as_decode_error("a video"), open_source(source) as file:
        media_type = read_media_type(file)
        file_type = FILE_TYPES.get(media_type)
        if file_type is None or (file_type.kind != "video" and media_type not in _SOUND_TYPES):
            raise unsupported_type(media_type, "video")
        check_length(file, media_type)
        with open_container(file, file_type) as container:
            yield container


def _is_moving(stream: Any) -> bool:
    return type(stream.disposition).attached_pic not in stream.disposition


def _find_stream(container: Any) -> Any:
    """Return the first stream of moving pictures, ready to decode."""
    stream = next(filter(_is_moving, container.streams.video), None)
    if stream is None:
        if not container.streams.audio:
            raise DecodeError("is a video file without pictures or sound; it is damaged or cut short")
        raise InputError("is a video file without moving pictures; embed its sound: jina_omni.Audio(...)")
    codec = stream.codec_context
    if codec is None:
        raise UnsupportedMediaError(
            "is a video of a codec that this PyAV does not decode; convert it to H.264: ffmpeg -i in out.mp4"
        )
    if codec.width * codec.height > MAX_FRAME_PIXELS:
        raise InputError(
            f"has frames of {codec.width:,} x {codec.height:,} pixels, over the limit of {MAX_FRAME_PIXELS:,}; "
            "shrink it, as the model would do anyway"
        )
    codec.options = {"max_pixels": str(MAX_FRAME_PIXELS)}  # for frames that are larger than the header says
    codec.thread_type = "AUTO"
    codec.thread_count = _THREADS
    return stream


def _count_frames(container: Any, stream: Any) -> tuple[int, float]:
    """Return the number of frames of a stream and its mean frames per second, as torchcodec finds them."""
    count, begin, end = 0, math.inf, -math.inf
    for packet in container.demux():  # sound too: the file may be cut short within it
        if packet.is_corrupt:
            raise DecodeError(f"is cut short or damaged after {count:,} frames; get it whole")
        # An empty packet repeats a frame in an AVI file, or is PyAV's mark of the end. Packets to discard are those
        # that an edit list cuts out.
        if packet.stream_index != stream.index or not packet.size or packet.is_discard:
            continue
        count += 1
        if packet.pts is not None:
            begin = min(begin, packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
    if begin < end:
        unit = stream.time_base
        return count, count / (end * unit.numerator / unit.denominator - begin * unit.numerator / unit.denominator)
    return count, float(stream.average_rate or UNKNOWN_FPS)
