# SPDX-License-Identifier: Apache-2.0
"""Video: the input `Video`, and the way from files and arrays of frames to patches.

Frames decide parity, so the reference's own arithmetic selects them, and they are decoded and converted to RGB as it
does it: by FFmpeg, through PyAV (`video_streams`). Animated pictures are decoded by Pillow (`animations`).

Pixels are taken as they are stored, as in the reference, unless the option ``orientation`` is ``upright``: then the
file's display matrix or EXIF data turn them (torchcodec does it from 0.11 on). A pixel aspect ratio is not applied.

A file is decoded once, from start to end, by four threads at most, and only the selected frames are kept, resized: the
length of a film takes time but no memory. PyAV drops what FFmpeg logs, unless the application asks it not to.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from jina_omni.arguments import hint_at_unknown_arguments, suggest_arguments
from jina_omni.describe import describe_type
from jina_omni.dialects import Dialect
from jina_omni.errors import Cancelled, DecodeError, InputError, located
from jina_omni.media import animations, video_streams
from jina_omni.media.audio import measure_track
from jina_omni.media.decoders import as_decode_error
from jina_omni.media.excerpts import WHOLE, Excerpt, list_excerpts, make_excerpt
from jina_omni.media.files import BYTES_LIKE, FileSource, describe_options, describe_source
from jina_omni.media.frame_selection import (
    UNKNOWN_FPS,
    FrameOptions,
    FrameSelection,
    check_options,
    select_frames,
)
from jina_omni.media.frames import Pictures, unpack_frames
from jina_omni.media.medium import DecodedMedium, Medium, TokenLayout
from jina_omni.media.notebook import play_film, render_medium, show_picture
from jina_omni.media.open_files import read_if_open
from jina_omni.media.patches import Patches, VisionGeometry, pack_patches
from jina_omni.media.picture_options import DEFAULT_OPTIONS, Background, Orientation, PictureOptions
from jina_omni.media.picture_options import check_options as check_picture_options
from jina_omni.media.reports import report_decoded
from jina_omni.media.towers import Towers
from jina_omni.media.video_streams import Film, Frame, has_sound

__all__ = ["Video", "check", "measure", "read_patches", "select"]


# Compared by identity: two arrays, compared, give an array.
@suggest_arguments
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Video:
    """A moving picture, of which a choice of frames is embedded.

    Parameters
    ----------
    source : path, bytes-like, open file, array or list
        A path (a str too, here), the bytes of a file, or frames: an array of uint8 of the shape (n, height, width, 3),
        or a list of what `Image` takes, all of which are taken. Files are MP4, MOV, MKV, WebM, AVI, FLV, WMV, MPEG,
        MPEG-TS, Ogg, the bare streams of MPEG and H.264, and animated GIF, WebP, PNG and AVIF. An open file and a list
        of pictures are read at once; a path when it is embedded, not before.
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
    start, end : float, optional
        Take only the frames from `start` to before `end`, as a video of their own, whose timestamps begin at 0. In
        seconds from the beginning; see `split`.
    orientation : {"as-stored", "upright"}, optional
        ``upright`` turns a file's frames as its metadata say: the display matrix of a film, the EXIF data of an
        animation or of each picture of a list. ``as-stored`` does not, as in the reference. By default as the model has
        it, but ``as-stored`` for a list, which is read before the model is known.
    background : str or tuple of 3 int, optional
        The colour that shows where a file's frames are transparent; see `Image`. By default as the model has it, but
        none for a list.

    Examples
    --------
    >>> Video("clip.mp4", fps=1)
    Video('clip.mp4', fps=1)
    """

    source: FileSource | npt.NDArray[np.uint8] | Pictures
    fps: float | None = field(default=None, kw_only=True)
    max_frames: int | None = field(default=None, kw_only=True)
    timestamps: bool | Sequence[float] | None = field(default=None, kw_only=True)
    start: float | None = field(default=None, kw_only=True)
    end: float | None = field(default=None, kw_only=True)
    orientation: Orientation | None = field(default=None, kw_only=True)
    background: Background | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", unpack_frames(read_if_open(self.source), self.orientation, self.background))

    def __repr__(self) -> str:
        names = (option.name for option in fields(self) if option.name != "source")
        return f"Video({describe_source(self.source)}{describe_options(self, *names)})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a player of a small film, otherwise its first frame."""
        return render_medium(self, lambda: _draw(self))

    @hint_at_unknown_arguments({})
    def split(self, seconds: float = 30, overlap: float = 0) -> list[Video]:
        """Return consecutive excerpts as videos of their own, for one vector per excerpt.

        The file is read now, to find its length; an animation is decoded for that, a film is not. For an excerpt it is
        decoded from the last key frame before it, if its container can be searched for one, and otherwise from its
        beginning.

        Parameters
        ----------
        seconds : float
            Length of an excerpt; the last may be shorter.
        overlap : float
            Seconds that an excerpt has in common with the next.

        Returns
        -------
        list of Video
            In order. Their `start` and `end` are seconds from the beginning of the film.

        Raises
        ------
        InputError
            The file can't be read, or the arguments are out of range.

        Examples
        --------
        >>> parts = Video(np.zeros((50, 64, 64, 3), np.uint8), fps=2).split(seconds=10)
        >>> [(part.start, part.end) for part in parts]
        [(0.0, 10.0), (10.0, 20.0), (20.0, 25.0)]
        """
        with located(((repr(self), None),)):
            parts = list_excerpts(_find_excerpt(self), _measure(self, WHOLE, DEFAULT_OPTIONS).seconds, seconds, overlap)
            return [replace(self, start=part.start, end=part.end) for part in parts]


def check(video: Video) -> None:
    """Check that a video's source is of a type that is taken, and its options of pictures.

    Raises
    ------
    InputError
        They are not.
    """
    if not isinstance(video.source, (str, os.PathLike, *BYTES_LIKE, np.ndarray)):
        raise InputError(
            f"is a Video whose source is {describe_type(video.source)}; jina_omni.Video takes a path, bytes, an open "
            "file, an array of frames or a list of pictures"
        )
    check_picture_options("Video", video.orientation, video.background)


def _draw(video: Video) -> str:
    check(video)
    source, excerpt = video.source, _find_excerpt(video)
    if excerpt.is_whole and not isinstance(source, np.ndarray) and (player := play_film(source)) is not None:
        return player
    pictures = DEFAULT_OPTIONS.override(video.orientation, video.background)
    _measure(video, excerpt, pictures)
    with as_decode_error("a video"), contextlib.closing(_decode(video, 1, pictures, None)) as frames:
        frame = next(frames, None)
        if frame is None:
            raise InputError(f"has no frame from {excerpt}")
        return show_picture(PILImage.fromarray(np.ascontiguousarray(frame.read())))


def measure(
    video: Video,
    towers: Towers,
    *,
    truncate: bool,
    stop: threading.Event | None = None,
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
    Cancelled
        Through `stop`, as in `select`.
    """
    geometry = towers.require_vision("a video")
    selection = select(video, geometry, towers.dialect, towers.pictures, stop)
    frames = _measure_frames(video, selection, geometry, towers)
    # The sentence-transformers wrapper puts a file's sound before its pictures.
    source = video.source
    if towers.dialect == "card" or isinstance(source, np.ndarray) or animations.is_animation(source):
        return [frames]
    if not has_sound(source):
        return [frames]
    seconds = selection.n_frames / selection.fps
    return [measure_track(source, seconds, towers, truncate=truncate, excerpt=_find_excerpt(video)), frames]


def _measure_frames(video: Video, selection: FrameSelection, geometry: VisionGeometry, towers: Towers) -> Medium:
    def make_layout(selection: FrameSelection) -> TokenLayout:
        t, h, w = selection.grid
        return TokenLayout((geometry.count_tokens((1, h, w)),) * t, selection.timestamps)

    def decode(stop: threading.Event) -> DecodedMedium:
        patches, found = read_patches(video, selection, geometry, towers.dialect, stop, towers.pictures)
        return DecodedMedium(make_layout(found), patches, found.grid)

    return Medium("vision", make_layout(selection), decode, seconds=selection.n_frames / selection.fps)


def select(
    video: Video,
    geometry: VisionGeometry,
    dialect: Dialect,
    pictures: PictureOptions = DEFAULT_OPTIONS,
    stop: threading.Event | None = None,
) -> FrameSelection:
    """Select the frames of a video.

    The packets of a film are counted, but nothing is decoded, except to find what is up. An animation is decoded, since
    only its frames say how long they are shown.

    Parameters
    ----------
    video : Video
        A file's type is found from its bytes.
    geometry : VisionGeometry
        Of the vision file.
    dialect : {"card", "sentence-transformers"}
        See `select_frames`.
    pictures : PictureOptions
        Those that the video does not have itself.
    stop : threading.Event, optional
        Once it is set, no further frame of an animation is decoded.

    Raises
    ------
    UnsupportedMediaError
        The bytes are of another type, the codec is unknown, or PyAV is not installed.
    DecodeError
        They are damaged or cut short.
    InputError
        The file can't be read or has no pictures; a frame has more than 35 million pixels (8K), a side under
        ``geometry.factor``, or is more than 200 times as long as wide; an option or an array can't be taken; there is
        not one timestamp for each pair; an animation has more than `MAX_ANIMATION_PIXELS` in all frames.
    Cancelled
        Through `stop`.

    Examples
    --------
    >>> selection = select(Video(np.zeros((5, 240, 320, 3), np.uint8), fps=2), VisionGeometry(), "card")
    >>> selection.grid, selection.timestamps
    ((3, 16, 20), (0.25, 1.25, 2.0))
    """
    options = _read_options(video)
    check_options(options)
    excerpt = _find_excerpt(video)
    film = _measure(video, excerpt, pictures.override(video.orientation, video.background), stop)
    if not (film.n_frames or excerpt.is_whole):
        raise InputError(f"has no frame from {excerpt}; leave this part out")
    return select_frames(options, dialect, film.n_frames, film.size, film.fps, geometry)


def read_patches(
    video: Video,
    selection: FrameSelection,
    geometry: VisionGeometry,
    dialect: Dialect,
    stop: threading.Event | None = None,
    pictures: PictureOptions = DEFAULT_OPTIONS,
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
    pictures : PictureOptions
        As in `select`.

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
    pictures = pictures.override(video.orientation, video.background)
    frames, n_frames, size = _decode_selection(video, selection, geometry, stop, pictures)
    if (n_frames, size) != (selection.n_frames, selection.size):
        selection = select_frames(_read_options(video), dialect, n_frames, size, selection.fps, geometry)
        frames, *found = _decode_selection(video, selection, geometry, stop, pictures)
        if found != [n_frames, size]:
            raise DecodeError("gives other frames each time that it is read; it is damaged")
    return pack_patches(frames, geometry)[0], selection


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


def _find_excerpt(video: Video) -> Excerpt:
    return make_excerpt(video.start, video.end)


def _measure(video: Video, excerpt: Excerpt, pictures: PictureOptions, stop: threading.Event | None = None) -> Film:
    source = video.source
    if not isinstance(source, np.ndarray):
        if animations.is_animation(source):
            return animations.measure_film(source, excerpt, pictures, stop)
        return video_streams.measure_film(source, excerpt, pictures)
    n_frames, height, width, _ = _check_array(source).shape
    fps = float(video.fps or UNKNOWN_FPS)
    chosen = _find_frames(n_frames, fps, excerpt)
    return Film((height, width), len(chosen), fps, chosen.stop / fps)


def _find_frames(n_frames: int, fps: float, excerpt: Excerpt) -> range:
    """Return the frames of an array whose times are in an excerpt, or the one that is shown then."""
    begin, end = (min(time * fps, n_frames) for time in excerpt)
    return range(math.ceil(begin), math.ceil(end)) or range(math.floor(begin), math.ceil(begin))


def _decode(
    video: Video, n_frames: int, pictures: PictureOptions, stop: threading.Event | None
) -> Generator[Frame, None, None]:
    source, excerpt = video.source, _find_excerpt(video)
    if not isinstance(source, np.ndarray):
        if animations.is_animation(source):
            return animations.decode_frames(source, excerpt, pictures, stop)
        return video_streams.decode_frames(source, n_frames, excerpt, pictures)
    frames = np.asarray(source)
    size = frames.shape[1], frames.shape[2]
    chosen = _find_frames(len(frames), float(video.fps or UNKNOWN_FPS), excerpt)
    return (Frame(size, functools.partial(frames.__getitem__, i)) for i in chosen)


def _decode_selection(
    video: Video,
    selection: FrameSelection,
    geometry: VisionGeometry,
    stop: threading.Event | None,
    pictures: PictureOptions,
) -> tuple[npt.NDArray[np.uint8], int, tuple[int, int]]:
    """Return the selected frames, the number of the source's frames, and the size of the first."""
    height, width = (side * geometry.patch_size for side in selection.grid[1:])
    selected = np.empty((len(selection.indices), height, width, 3), np.uint8)
    positions = {i: position for position, i in enumerate(selection.indices)}
    count, size = 0, selection.size
    with as_decode_error("a video"), contextlib.closing(_decode(video, selection.n_frames, pictures, stop)) as frames:
        for frame in frames:
            if stop is not None and stop.is_set():
                raise Cancelled
            if count == 0:
                size = frame.size
            if count in positions:
                selected[positions[count]] = _resize(frame.read(), height, width)
            count += 1
            report_decoded(count / max(selection.n_frames, 1))
    return selected, count, size


def _resize(frame: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    if frame.shape[:2] == (height, width):
        return frame
    picture = PILImage.fromarray(np.ascontiguousarray(frame))
    return np.asarray(picture.resize((width, height), PILImage.Resampling.BICUBIC))
