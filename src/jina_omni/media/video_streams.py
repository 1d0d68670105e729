# SPDX-License-Identifier: Apache-2.0
"""Files of moving pictures, decoded by FFmpeg through PyAV.

What `measure_film` finds without decoding is what torchcodec finds, from which the raw torch path samples: the number
of frames from the packets, since headers can be wrong, and their mean rate, also where it varies.

A packet without content repeats the frame before it: Theora has them wherever nothing moves. FFmpeg's decoders refuse
such packets, so they are left out, and the frame is given again.

Of an excerpt no more is read than from a key frame before it, where the container can be searched for one.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import math
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError
from jina_omni.media.containers import open_container
from jina_omni.media.decoders import as_decode_error, describe_cause
from jina_omni.media.excerpts import WHOLE, Excerpt
from jina_omni.media.file_types import FILE_TYPES, unsupported_type
from jina_omni.media.files import FileSource, open_source, read_media_type
from jina_omni.media.frame_selection import UNKNOWN_FPS
from jina_omni.media.limits import MAX_FRAME_PIXELS
from jina_omni.media.movie_files import count_films
from jina_omni.media.picture_options import DEFAULT_OPTIONS, Colour, PictureOptions
from jina_omni.media.pixels import convert_to_rgb
from jina_omni.media.truncation import check_length
from jina_omni.media.turns import AS_STORED, Turn, find_turn

__all__ = ["Film", "Frame", "decode_first_frame", "decode_frames", "has_moving_pictures", "has_sound", "measure_film"]

# Types of sound whose containers may hold moving pictures too.
_SOUND_TYPES = {"audio/mp4", "audio/ogg"}


_THREADS = 4  # each holds frames of its own

_SECONDS_BEFORE = (0, 3, 12)  # an excerpt, where a key frame is looked for

_MAX_LEANING = 16  # frames of H.264 that may be decoded before they are shown (ITU-T H.264, A.3.1)

# https://trac.ffmpeg.org/wiki/Concatenate
_JOIN = "ffmpeg -f concat -i list.txt -c copy out.mp4, where each line of list.txt is: file 'part.mp4'"

_NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS, libavformat/avformat.h


class Film(NamedTuple):
    """What a film or an excerpt of it has, as far as is known without decoding it.

    Attributes
    ----------
    size : tuple of int
        Height and width of a frame, in pixels.
    n_frames : int
    fps : float
        Mean number of frames per second.
    seconds : float
        From the beginning of the film to the end of the last of these frames.
    """

    size: tuple[int, int]
    n_frames: int
    fps: float
    seconds: float


class Frame(NamedTuple):
    """A decoded frame.

    Attributes
    ----------
    size : tuple of int
        Height and width, in pixels.
    read : callable
        Returns its pixels as RGB: uint8, of the shape (height, width, 3). To be called before the next is decoded.
    """

    size: tuple[int, int]
    read: Callable[[], npt.NDArray[np.uint8]]


def measure_film(source: FileSource, excerpt: Excerpt = WHOLE, pictures: PictureOptions = DEFAULT_OPTIONS) -> Film:
    """Measure a film by its packets; nothing is decoded, except a frame that says which way is up.

    Parameters
    ----------
    source : path or bytes-like
        A file's type is found from its bytes.
    excerpt : Excerpt
        The part that is measured. If no frame begins in it, it has the one that is shown then; behind the end there is
        none.
    pictures : PictureOptions
        How the frames are laid out.

    Raises
    ------
    UnsupportedMediaError
        The bytes are of another type, the codec is unknown, the pictures are encrypted, or PyAV is not installed.
    DecodeError
        They are damaged or cut short.
    InputError
        The file can't be read, has no pictures, or holds several films one behind the other, or a frame has more than
        35 million pixels (8K).
    """
    _check_single(source)
    turn = _find_first_turn(source, excerpt) if pictures.orientation == "upright" else AS_STORED
    with _open_at(source, excerpt.start, only_pictures=not excerpt.is_whole) as (container, stream, packets):
        size = turn.turn_size(stream.codec_context.height, stream.codec_context.width)
        clock = _Clock(container, stream)
        count, begin, end, seconds, shown_until = 0, math.inf, -math.inf, 0.0, 0.0
        for packet in packets:  # of a whole film sound too: the file may be cut short within it
            if packet.is_corrupt:
                raise DecodeError(
                    f"is cut short or damaged after {count:,} frames, or parts of it are missing or joined there; get "
                    f"it whole, or join its parts: {_JOIN}"
                )
            # PyAV marks the end by a packet without content and time. Packets to discard are those that an edit list
            # cuts out.
            if packet.stream_index != stream.index or _is_end(packet) or packet.is_discard:
                continue
            if packet.has_sidedata("encryption_info"):  # common encryption, ISO 23001-7
                raise UnsupportedMediaError("is an encrypted video; pass one without protection")
            time = clock.read(packet)
            if time >= excerpt.end:
                shown_until = excerpt.end  # the frame before it is shown up to its time
                if clock.may_precede(packet, excerpt.end):
                    continue
                break
            until = time + (packet.duration * clock.unit if packet.duration else clock.usual_seconds)
            if time < excerpt.start:
                shown_until = max(shown_until, until)
                continue
            count += 1
            seconds = max(seconds, until)
            if clock.has_times and packet.pts is not None:
                begin = min(begin, packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
        fps = float(stream.average_rate or UNKNOWN_FPS)
        if begin < end:
            unit = stream.time_base
            fps = count / (end * unit.numerator / unit.denominator - begin * unit.numerator / unit.denominator)
    return Film(size, count or int(shown_until > excerpt.start), fps, seconds)


def decode_frames(
    source: FileSource, n_frames: int, excerpt: Excerpt = WHOLE, pictures: PictureOptions = DEFAULT_OPTIONS
) -> Generator[Frame, None, None]:
    """Decode the frames of a film, none of which may be damaged.

    Parameters
    ----------
    source, excerpt, pictures
        As in `measure_film`.
    n_frames : int
        How many it found.

    Raises
    ------
    DecodeError
        The file is damaged.
    InputError
        As in `measure_film`.
    """
    count, before = 0, None
    with _open_at(source, excerpt.start, only_pictures=True) as (container, stream, packets):
        from av import error  # PyAV is there, since it has opened the file

        clock = _Clock(container, stream)
        frames = _decode_packets(packets, clock)
        if not clock.has_times:
            frames = _drop_incomplete(frames)
        try:
            for time, frame in frames:
                if time >= excerpt.end:
                    break
                if time < excerpt.start:
                    before = frame
                    continue
                if frame.is_corrupt:
                    raise _damaged("the next has wrong content", count, n_frames)
                yield _wrap_frame(frame, pictures)
                count += 1
        except (error.DecoderNotFoundError, error.PatchWelcomeError) as unsupported:
            raise UnsupportedMediaError(
                f"is a video in a variant of {stream.codec_context.name} that this PyAV does not decode; convert it to "
                "H.264: ffmpeg -i in out.mp4"
            ) from unsupported
        except error.FFmpegError as complaint:
            if isinstance(complaint, MemoryError):
                raise
            raise _damaged(describe_cause(complaint), count, n_frames) from complaint
        if count == 0 and n_frames and before is not None:
            yield _wrap_frame(before, pictures)


def has_moving_pictures(source: FileSource) -> bool:
    """Return whether a file has moving pictures; a cover picture does not count.

    Parameters
    ----------
    source : path or bytes-like
        A file of a type that can hold both pictures and sound, such as MP4, M4A, MKV, WebM, AVI or Ogg.

    Raises
    ------
    InputError
        As in `measure_film`, as far as the header shows it.
    """
    with _open_video(source) as container:
        return any(map(_is_moving, container.streams.video))


def has_sound(source: FileSource) -> bool:
    """Return whether a file has sound; parameters and errors are those of `has_moving_pictures`."""
    with _open_video(source) as container:
        return bool(container.streams.audio)


def decode_first_frame(
    source: FileSource, excerpt: Excerpt = WHOLE, pictures: PictureOptions = DEFAULT_OPTIONS
) -> PILImage.Image:
    """Return the first frame of a film, or of an excerpt of it, as RGB; errors are those of `decode_frames`."""
    with as_decode_error("a video"), contextlib.closing(decode_frames(source, 1, excerpt, pictures)) as frames:
        frame = next(frames, None)
        if frame is None:
            raise InputError(f"has no frame from {excerpt}")
        return PILImage.fromarray(frame.read())


def _wrap_frame(frame: Any, pictures: PictureOptions) -> Frame:
    turn = find_turn(frame) if pictures.orientation == "upright" else AS_STORED
    read = functools.partial(_read_rgb, frame, turn, pictures.background)
    return Frame(turn.turn_size(frame.height, frame.width), read)


def _find_first_turn(source: FileSource, excerpt: Excerpt) -> Turn:
    with _open_at(source, excerpt.start, only_pictures=True) as (container, stream, packets):
        for _, frame in _decode_packets(packets, _Clock(container, stream)):
            return find_turn(frame)
    return AS_STORED


def _read_rgb(frame: Any, turn: Turn, background: Colour | None) -> npt.NDArray[np.uint8]:
    has_alpha = any(component.is_alpha for component in frame.format.components)
    if background is None or not has_alpha:
        return turn.turn(frame.to_ndarray(format="rgb24"))
    picture = PILImage.fromarray(frame.to_ndarray(format="rgba"))
    return turn.turn(np.asarray(convert_to_rgb(picture, background)))


class _Clock:
    """The seconds of a stream's packets, or of its frames, from the beginning of the film.

    Bare streams have no times, and FFmpeg makes some up: there the packets are counted.

    Attributes
    ----------
    unit : float
        Seconds.
    usual_seconds : float
        Of a frame.
    has_times : bool
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self.unit = float(stream.time_base)
        self.has_times = not container.format.flags & _NO_TIMESTAMPS
        self._begin = stream.start_time or 0
        self.usual_seconds = 1 / float(stream.average_rate or UNKNOWN_FPS)
        self._next = 0.0

    def read(self, item: Any) -> float:
        """Return the time of the next packet or frame; 0 where it comes before the beginning."""
        stamp = item.dts if item.pts is None else item.pts
        time = max(self.convert(stamp), 0.0) if self.has_times and stamp is not None else self._next
        self._next = time + self.usual_seconds
        return time

    def convert(self, stamp: int) -> float:
        """Return the seconds of a time in the stream's unit."""
        return (stamp - self._begin) * self.unit

    def find_stamp(self, seconds: float) -> int:
        """Return the time in the stream's unit."""
        return math.floor(min(seconds / self.unit, 1 << 62)) + int(self._begin)

    def may_precede(self, packet: Any, end: float) -> bool:
        """Return whether frames before this time may come behind a packet, since frames lean on later ones."""
        return self.has_times and packet.dts is not None and self.convert(packet.dts) < end


def _check_single(source: FileSource) -> None:
    """Check that a file is not several films one behind the other, of which FFmpeg reads the first only."""
    with as_decode_error("a video"), open_source(source) as file:
        file_type = FILE_TYPES.get(read_media_type(file))
        n_films = count_films(file, file_type.plugin) if file_type is not None else 1
    if n_films > 1:
        raise InputError(
            f"is a file of {n_films:,} videos, one behind the other, of which only the first can be read; pass each by "
            f"itself, or join them: {_JOIN}"
        )


@contextlib.contextmanager
def _open_video(source: FileSource) -> Iterator[Any]:
    """Open a file as a container of PyAV; what fails in the body fails as an `InputError`."""
    with as_decode_error("a video"), open_source(source) as file:
        media_type = read_media_type(file)
        file_type = FILE_TYPES.get(media_type)
        if file_type is None or (file_type.decoder != "ffmpeg" and media_type not in _SOUND_TYPES):
            raise unsupported_type(media_type, "video")
        check_length(file, media_type)
        with open_container(file, file_type) as container:
            yield container


@contextlib.contextmanager
def _open_at(source: FileSource, start: float, *, only_pictures: bool) -> Iterator[tuple[Any, Any, Iterator[Any]]]:
    """Open a file as its container, its stream of pictures, and the packets from a key frame before a time."""
    for before in _SECONDS_BEFORE:
        if start <= before:
            break
        with _open_video(source) as container:
            stream = _find_stream(container)
            packets = _seek(container, stream, start - before, start)
            if packets is not None:
                yield container, stream, packets
                return
    with _open_video(source) as container:
        stream = _find_stream(container)
        yield container, stream, container.demux(stream) if only_pictures else container.demux()


def _seek(container: Any, stream: Any, target: float, start: float) -> Iterator[Any] | None:
    """Return the packets from a key frame on that is not after `start`; None where looking at `target` finds none."""
    from av import FFmpegError

    clock = _Clock(container, stream)
    if not clock.has_times:
        return None
    try:
        container.seek(clock.find_stamp(target), stream=stream)
        packets = container.demux(stream)
        for packet in packets:
            if packet.is_keyframe and not _is_end(packet):
                return itertools.chain([packet], packets) if clock.read(packet) <= start else None
    except FFmpegError:  # it can't be searched, or is damaged, which reading it from its beginning shows
        pass
    return None


def _decode_packets(packets: Iterator[Any], clock: _Clock) -> Iterator[tuple[float, Any]]:
    """Yield all frames with their times."""
    repetitions: deque[float] = deque()  # the times of packets without content; frames come later than their packets
    times = copy.copy(clock)
    last = None
    for packet in packets:
        time = clock.read(packet)
        if not packet.size and not _is_end(packet):
            repetitions.append(time)
            continue
        for frame in packet.decode():
            shown = times.read(frame)
            while repetitions and repetitions[0] < shown:
                time = repetitions.popleft()
                if last is not None:
                    yield time, last
            last = frame
            yield shown, frame
    if last is not None:
        yield from ((time, last) for time in repetitions)


def _drop_incomplete(frames: Iterator[tuple[float, Any]]) -> Iterator[tuple[float, Any]]:
    """Yield the frames of a bare stream, which ends where its recording was stopped, perhaps within a frame.

    That frame and those that lean on it are left out: they are damaged and among the last.
    """
    for item in frames:
        if item[1].is_corrupt:
            last = list(itertools.islice(frames, _MAX_LEANING + 1))
            if len(last) > _MAX_LEANING:
                yield item  # damaged in its middle
            else:
                yield from (item for item in last if not item[1].is_corrupt)
            return
        yield item


def _is_end(packet: Any) -> bool:
    """Return whether a packet is PyAV's mark of the end."""
    return not packet.size and packet.pts is None


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


def _damaged(what: str, count: int, n_frames: int) -> DecodeError:
    return DecodeError(
        f"is damaged: only {count:,} of its {n_frames:,} frames can be read ({what}); to do without the "
        "others, write it again: ffmpeg -i damaged.mp4 repaired.mp4"
    )
