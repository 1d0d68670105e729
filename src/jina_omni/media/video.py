# SPDX-License-Identifier: Apache-2.0
"""Videos: from files and arrays of frames to a few frames of the size that the vision tower takes.

Frames decide parity, so the reference's own arithmetic chooses them, and they are decoded and converted to RGB as it
does it: by FFmpeg, through PyAV. What `measure` finds without decoding is what torchcodec finds, from which the raw
torch path samples: the number of frames from the packets, since headers lie, and their mean rate, also where it varies.

Pixels are taken as they are stored. A rotation in the file's metadata is not applied, as in the reference (torchcodec
applies it from 0.11 on); nor is a pixel aspect ratio.

A file is decoded once, straight through, by four threads at most, and only the chosen frames are kept, resized: memory
does not grow with the length of a film, time does. What FFmpeg logs, PyAV drops, unless the application asks it not to.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from jina_omni.errors import Cancelled, DecodeError, InputError, UnsupportedMediaError
from jina_omni.media.containers import DEMUXERS, open_container
from jina_omni.media.files import FileSource, as_decode_error, kind_of, open_source, reason_of, shown, unsupported
from jina_omni.media.patches import TEMPORAL_PATCH_SIZE, Grid, Patches, VisionGeometry, pack, smart_resize
from jina_omni.media.truncation import check_length

if TYPE_CHECKING:
    from jina_omni.inputs import Video
    from jina_omni.prompts import Dialect

__all__ = ["Clip", "has_sound", "has_video", "measure", "patches_of"]

# What may hold moving pictures, by its first bytes.
_KINDS = {kind for kind in DEMUXERS if kind.startswith("video/")} | {"audio/mp4", "audio/ogg"}

_THREADS = 4  # each holds frames of its own

# Qwen3VLVideoProcessor, transformers
_FRAMES_PER_SECOND = 2
_MIN_FRAMES = 4
_MAX_FRAMES = {"card": 768, "sentence-transformers": 32}
_UNKNOWN_FPS = 24  # of a source that doesn't say

_MOST_CHOSEN = 1 << 16  # frames, whose 32,768 pairs would fill the longest context with a token each

# H.264 keeps up to 16 frames to predict from, and each thread of the decoder some more: 2 GB of this size.
_FRAME_LIMIT = 8192 * 4352  # pixels


# Compared by identity, as its video is.
@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A choice of a video's frames.

    Attributes
    ----------
    video : Video
    dialect : {"card", "sentence-transformers"}
    n_frames : int
        Of the source.
    size : tuple of int
        Height and width of the source, in pixels.
    fps : float
        Frames per second of the source.
    indices : tuple of int
        The chosen frames, ascending, counted from 0.
    times : tuple of float or None
        Seconds to print before each pair of frames, None where none are wanted.
    grid : tuple of int
        (t, h, w), in patches.

    .. versionadded:: 0.1.0
    """

    video: Video
    dialect: Dialect
    n_frames: int
    size: tuple[int, int]
    fps: float
    indices: tuple[int, ...]
    times: tuple[float, ...] | None
    grid: Grid


def measure(video: Video, geometry: VisionGeometry, dialect: Dialect, where: str = "input") -> Clip:
    """Choose the frames of a video; a file's packets are counted, but nothing is decoded.

    Parameters
    ----------
    video : Video
        A file's kind is found from its bytes.
    geometry : VisionGeometry
        Of the vision file.
    dialect : {"card", "sentence-transformers"}
        ``card`` takes 2 frames per second of a file, 4 to 768, as ``Qwen3VLVideoProcessor`` of transformers 5.1 does.
        ``sentence-transformers`` takes all, or 32 spread evenly, and gives them times as if they were 24 per second.
        With ``video.fps``, both take so many per second, with their real times. Of an array both take all.
    where : str
        What messages call the input.

    Returns
    -------
    Clip

    Raises
    ------
    UnsupportedMediaError
        The bytes are of another kind, the codec is unknown, or PyAV is not installed.
    DecodeError
        They are damaged or cut short.
    InputError
        The file can't be read or has no pictures; a frame has more than 35 million pixels (8K), a side under
        ``geometry.factor``, or is more than 200 times as long as wide; an option or an array can't be taken; there is
        not one timestamp for each pair.

    Examples
    --------
    >>> from jina_omni.inputs import Video
    >>> clip = measure(Video(np.zeros((5, 240, 320, 3), np.uint8), fps=2), VisionGeometry(), "card")
    >>> clip.grid, clip.times
    ((3, 16, 20), (0.25, 1.25, 2.0))

    .. versionadded:: 0.1.0
    """
    _check_options(video, where)
    if isinstance(video.source, np.ndarray):
        n_frames, height, width, _ = _checked(video.source, where).shape
        fps = float(video.fps or _UNKNOWN_FPS)
    else:
        with _opened(video.source, where) as container:
            stream = _video_stream(container, where)
            height, width = stream.codec_context.height, stream.codec_context.width
            n_frames, fps = _count(container, stream, where)
    return _choose(video, dialect, n_frames, (height, width), fps, geometry, where)


def patches_of(
    clip: Clip, geometry: VisionGeometry, where: str = "input", stop: threading.Event | None = None
) -> tuple[Patches, Clip]:
    """Return the chosen frames of a video as the rows that the vision tower takes.

    Each is resized with Pillow's bicubic filter, as an image is.

    Parameters
    ----------
    clip : Clip
        From `measure`.
    geometry : VisionGeometry
        Of the vision file.
    where : str
        What messages call the input.
    stop : threading.Event, optional
        Once it is set, no further frame is decoded.

    Returns
    -------
    array of float32, shape (t * h * w, 3 * 2 * patch_size**2)
        See `pack`.
    Clip
        What the rows are of: as given, but where the source gave more or fewer frames than it has packets, or others
        than its header said, and did so without an error, the choice among those; then indices, times and grid may
        differ from what was planned.

    Raises
    ------
    DecodeError
        The file is damaged.
    InputError
        As in `measure`.
    Cancelled
        Through `stop`.

    Examples
    --------
    >>> from jina_omni.inputs import Video
    >>> geometry = VisionGeometry()
    >>> clip = measure(Video(np.zeros((5, 240, 320, 3), np.uint8)), geometry, "card")
    >>> rows, clip = patches_of(clip, geometry)
    >>> rows.shape, clip.grid
    ((960, 1536), (3, 16, 20))

    .. versionadded:: 0.1.0
    """
    frames, n_frames, size = _resized(clip, geometry, where, stop)
    if (n_frames, size) != (clip.n_frames, clip.size):
        clip = _choose(clip.video, clip.dialect, n_frames, size, clip.fps, geometry, where)
        frames, *found = _resized(clip, geometry, where, stop)
        if found != [n_frames, size]:
            raise DecodeError(f"{where} gives other frames each time that it is read; it is damaged")
    return pack(frames, geometry)[0], clip


def has_video(source: FileSource, where: str = "input") -> bool:
    """Return whether a file has moving pictures; a cover is none.

    Parameters
    ----------
    source : path or bytes-like
        A file of a kind that can hold both pictures and sound: MP4, M4A, MOV, MKV, WebM, AVI, FLV, WMV or Ogg.
    where : str
        What messages call the input.

    Raises
    ------
    InputError
        As in `measure`, as far as the header shows it.

    .. versionadded:: 0.1.0
    """
    with _opened(source, where) as container:
        return any(map(_moves, container.streams.video))


def has_sound(source: FileSource, where: str = "input") -> bool:
    """Return whether a file has sound.

    Parameters and errors are those of `has_video`.

    .. versionadded:: 0.1.0
    """
    with _opened(source, where) as container:
        return bool(container.streams.audio)


def _choose(
    video: Video,
    dialect: Dialect,
    n_frames: int,
    size: tuple[int, int],
    fps: float,
    geometry: VisionGeometry,
    where: str,
) -> Clip:
    if n_frames < 1:
        raise DecodeError(f"{where} is a video without a single frame; it is damaged or cut short")
    is_array = isinstance(video.source, np.ndarray)
    by_rate = not is_array and (dialect == "card" or video.fps is not None)
    most = min(video.max_frames or (n_frames if is_array else _MAX_FRAMES[dialect]), n_frames)
    n = most
    if by_rate:
        # `int` of what transformers computes, in its order; bounded before, since a rate may be huge.
        n = int(min(n_frames / fps * (video.fps or _FRAMES_PER_SECOND), n_frames))
        n = min(max(n, _MIN_FRAMES), most)
    if n > _MOST_CHOSEN:
        raise InputError(f"{where} is a video of {n:,} frames, over the limit of {_MOST_CHOSEN:,}; pass max_frames=")
    places = np.linspace(0, n_frames - 1, n)
    indices = (places.round() if dialect == "card" or by_rate else places).astype(int)
    seconds = indices / fps if is_array or by_rate else np.arange(n) / _UNKNOWN_FPS
    height, width = smart_resize(
        *size,
        min_pixels=geometry.video_min_pixels,
        max_pixels=geometry.video_max_pixels,
        factor=geometry.factor,
        n_frames=n,
        where=where,
    )
    grid = -(-n // TEMPORAL_PATCH_SIZE), height // geometry.patch_size, width // geometry.patch_size
    times = _times(video, seconds, grid[0], where)
    return Clip(video, dialect, n_frames, size, fps, tuple(indices.tolist()), times, grid)


def _times(video: Video, seconds: npt.NDArray[np.float64], n_pairs: int, where: str) -> tuple[float, ...] | None:
    given = video.timestamps
    if given is False:
        return None
    if given is None or given is True:
        firsts, lasts = seconds[::2], seconds[1::2]
        if len(lasts) < n_pairs:  # an odd last frame is paired with itself
            lasts = np.append(lasts, seconds[-1])
        return tuple(((firsts + lasts) / 2).tolist())
    try:
        times = tuple(float(time) for time in given)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where} has timestamps that are no sequence of numbers; pass seconds: [0.5, 1.5]") from error
    if not all(map(math.isfinite, times)):
        raise InputError(f"{where} has a timestamp that is not finite; pass seconds: [0.5, 1.5]")
    if len(times) != n_pairs:
        raise InputError(
            f"{where} has {len(times)} timestamps for {n_pairs} pairs of frames; pass one for each pair, an odd last "
            "frame being a pair of its own, or leave timestamps out"
        )
    return times


def _check_options(video: Video, where: str) -> None:
    fps, max_frames = video.fps, video.max_frames
    is_real = isinstance(fps, (int, float, np.integer, np.floating))
    if fps is not None and not (is_real and 0 < fps <= sys.float_info.max):
        raise InputError(f"{where} has fps={shown(fps)}; pass frames per second, a number over 0")
    if max_frames is not None and not (isinstance(max_frames, (int, np.integer)) and max_frames >= 1):
        raise InputError(f"{where} has max_frames={shown(max_frames)}; pass a whole number from 1 on")


def _checked(frames: npt.NDArray[np.uint8], where: str) -> npt.NDArray[np.uint8]:
    frames = np.asarray(frames)  # whatever a subclass says of itself
    if frames.dtype != np.uint8:
        advice = "; for values of 0 to 1: (array * 255).round().astype('uint8')" if frames.dtype.kind == "f" else ""
        raise InputError(f"{where} is an array of {frames.dtype}; pixels are uint8, from 0 to 255{advice}")
    if frames.ndim != 4 or frames.shape[3] != 3:
        is_first = frames.ndim == 4 and frames.shape[1] == 3
        advice = "; channels come last: array.transpose(0, 2, 3, 1)" if is_first else ""
        raise InputError(f"{where} is an array of the shape {frames.shape}; a video is (n, height, width, 3){advice}")
    if not frames.size:
        raise InputError(f"{where} is a video of the shape {frames.shape}, which is empty; leave it out")
    return frames


def _resized(
    clip: Clip, geometry: VisionGeometry, where: str, stop: threading.Event | None
) -> tuple[npt.NDArray[np.uint8], int, tuple[int, int]]:
    """Return the chosen frames, how many the source has, and the size of the first."""
    height, width = (side * geometry.patch_size for side in clip.grid[1:])
    chosen = np.empty((len(clip.indices), height, width, 3), np.uint8)
    source = clip.video.source
    if isinstance(source, np.ndarray):
        frames = np.asarray(source)
        for place, i in enumerate(clip.indices):
            chosen[place] = _resize(frames[i], height, width)
        return chosen, clip.n_frames, clip.size
    places = {i: place for place, i in enumerate(clip.indices)}
    count, size = 0, clip.size
    with _opened(source, where) as container:
        for frame in _decoded(container, clip, where):
            if stop is not None and stop.is_set():
                raise Cancelled(f"reading {where} was stopped")
            if count == 0:
                size = frame.height, frame.width
            if count in places:
                chosen[places[count]] = _resize(frame.to_ndarray(format="rgb24"), height, width)
            count += 1
    return chosen, count, size


def _resize(frame: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    if frame.shape[:2] == (height, width):
        return frame
    picture = PILImage.fromarray(np.ascontiguousarray(frame))
    return np.asarray(picture.resize((width, height), PILImage.Resampling.BICUBIC))


def _decoded(container: Any, clip: Clip, where: str) -> Iterator[Any]:
    """Decode all frames, none of which is damaged."""
    stream = _video_stream(container, where)
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
        raise _damaged(reason_of(error), count, clip, where) from error
    raise _damaged("the next has wrong content", count, clip, where)


def _damaged(what: str, count: int, clip: Clip, where: str) -> DecodeError:
    return DecodeError(
        f"{where} is damaged: only {count:,} of its {clip.n_frames:,} frames can be read ({what}); to do without the "
        "others, write it anew: ffmpeg -i damaged.mp4 repaired.mp4"
    )


@contextlib.contextmanager
def _opened(source: FileSource, where: str) -> Iterator[Any]:
    """Open a file as a container of PyAV; what fails in the body fails as an `InputError`."""
    with as_decode_error("a video", where), open_source(source, where) as file:
        kind = kind_of(file, where)
        if kind not in _KINDS:
            raise unsupported(kind, "Video", "MP4, MOV, MKV, WebM, AVI, FLV and WMV", where)
        check_length(file, kind, where)
        with open_container(file, kind, where) as container:
            yield container


def _moves(stream: Any) -> bool:
    return type(stream.disposition).attached_pic not in stream.disposition


def _video_stream(container: Any, where: str) -> Any:
    """Return the first stream of moving pictures, ready to decode."""
    stream = next(filter(_moves, container.streams.video), None)
    if stream is None:
        if not container.streams.audio:
            raise DecodeError(f"{where} is a video file without pictures or sound; it is damaged or cut short")
        raise InputError(f"{where} is a video file without moving pictures; embed its sound: jina_omni.Audio(...)")
    codec = stream.codec_context
    if codec is None:
        raise UnsupportedMediaError(
            f"{where} is a video of a codec that this PyAV does not decode; convert it to H.264: ffmpeg -i in out.mp4"
        )
    if codec.width * codec.height > _FRAME_LIMIT:
        raise InputError(
            f"{where} has frames of {codec.width:,} x {codec.height:,} pixels, over the limit of {_FRAME_LIMIT:,}; "
            "shrink it, as the model would do anyway"
        )
    codec.options = {"max_pixels": str(_FRAME_LIMIT)}  # for frames that are larger than the header says
    codec.thread_type = "AUTO"
    codec.thread_count = _THREADS
    return stream


def _count(container: Any, stream: Any, where: str) -> tuple[int, float]:
    """Return how many frames a stream has, and its mean frames per second, as torchcodec finds them."""
    count, begin, end = 0, math.inf, -math.inf
    for packet in container.demux():  # sound too: the file may be cut short in the midst of that
        if packet.is_corrupt:
            raise DecodeError(f"{where} is cut short or damaged after {count:,} frames; get it whole")
        # Without content it is a repetition in an AVI file, or PyAV's mark of the end; what an edit list cuts out is
        # to be discarded.
        if packet.stream_index != stream.index or not packet.size or packet.is_discard:
            continue
        count += 1
        if packet.pts is not None:
            begin = min(begin, packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
    if begin < end:
        unit = stream.time_base
        return count, count / (end * unit.numerator / unit.denominator - begin * unit.numerator / unit.denominator)
    return count, float(stream.average_rate or _UNKNOWN_FPS)
