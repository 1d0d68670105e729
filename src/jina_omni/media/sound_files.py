# SPDX-License-Identifier: Apache-2.0
"""Files of sound, decoded in blocks: by libsndfile (soundfile) as librosa does, and by PyAV what that can't read."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from jina_omni.errors import DecodeError, InputError
from jina_omni.media.containers import DEMUXERS, open_container
from jina_omni.media.files import FileSource, as_decode_error, kind_of, open_source, reason_of, unsupported
from jina_omni.media.mel import SAMPLE_RATE

__all__ = ["MAX_RATE", "MIN_RATE", "Block", "Sound", "check_format", "open_sound", "open_track"]

Block = npt.NDArray[Any]
"""Samples of the shape (n, channels): floats, or integers of their type's whole range."""

MIN_RATE, MAX_RATE = 1_000, 768_000
"""Slowest and fastest sampling that is taken, in samples per second."""

_MAX_CHANNELS = 64
_BLOCK_SAMPLES = 1 << 16  # of each channel, decoded at a time
_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "flt": "f4", "dbl": "f8"}  # of FFmpeg's sample formats
_UNKNOWN = 1 << 62  # libsndfile's count where a header has none is above this

_SNDFILE_KINDS = ("audio/wav", "audio/flac", "audio/ogg", "audio/aiff", "audio/mpeg")


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound whose samples are still to come.

    Attributes
    ----------
    rate : int
        Samples per second.
    length : int or None
        Samples of each channel, as its header or array tells; None where none does.
    exact : bool
        `length` is true to the sample. Else it may be an estimate, and the blocks may hold more than was recorded:
        encoders fill up their last frame.
    blocks : iterator of Block
        In order. Raises whatever its decoder raises, inside `open_sound`.
    """

    rate: int
    length: int | None
    exact: bool
    blocks: Iterator[Block]


@contextlib.contextmanager
def open_sound(source: FileSource, where: str) -> Iterator[Sound]:
    """Open a file of sound, or the sound of a video; what fails in the body fails as an `InputError`.

    Raises
    ------
    UnsupportedMediaError
        It is of another kind, or needs PyAV, which is not installed.
    DecodeError
        It is damaged, or has no samples.
    InputError
        It can't be read, has no sound track, or more channels or another rate than is taken.

    .. versionadded:: 0.1.0
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_decode_error("a sound", where))
        file = stack.enter_context(open_source(source, where))
        kind = _kind(file, where)
        sound = _read_by_sndfile(stack, file, kind, where) if kind in _SNDFILE_KINDS else None
        if sound is None:
            file.seek(0)
            sound = _decoded(stack.enter_context(open_container(file, kind, where)), where)
        yield sound


@contextlib.contextmanager
def open_track(source: FileSource, where: str) -> Iterator[Sound | None]:
    """Open the sound track of a video, mixed and resampled by FFmpeg; None where it has none, or an empty one.

    Raises
    ------
    UnsupportedMediaError, DecodeError, InputError
        As `open_sound`.

    .. versionadded:: 0.1.0
    """
    with as_decode_error("a sound", where), open_source(source, where) as file:
        kind = _kind(file, where)
        with open_container(file, kind, where) as container:
            stream = _first_track(container, where)
            blocks = _resampled(container, stream, where) if stream is not None else iter(())
            first = next(blocks, None)
            if first is None:
                yield None
                return
            length = _announced(container, stream, SAMPLE_RATE)
            yield Sound(SAMPLE_RATE, length, exact=False, blocks=itertools.chain([first], blocks))


def check_format(rate: int, n_channels: int, where: str) -> None:
    """Check that a sound is of a form that is taken, before memory is spent on it.

    Raises
    ------
    InputError
        It has more channels, or another rate.
    """
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError(
            f"{where} is a sound of {rate:,} samples per second; {MIN_RATE:,} to {MAX_RATE:,} are taken, so check its "
            "sampling rate"
        )
    if not 1 <= n_channels <= _MAX_CHANNELS:
        raise InputError(
            f"{where} is a sound of {n_channels:,} channels; 1 to {_MAX_CHANNELS} are taken, so mix it down"
        )


def _kind(file: BinaryIO, where: str) -> str:
    """Return the kind of an open file if it is one that is read."""
    kind = kind_of(file, where)
    if kind not in DEMUXERS:
        raise unsupported(kind, "Audio", "WAV, FLAC, MP3, Ogg, Opus, M4A, AAC, WMA and AIFF", where)
    return kind


# ---- libsndfile ----


class _Quiet:
    """A file for libsndfile, which is called from C and can pass no exception on: a seek that fails stays in place."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.readinto, self.tell = file.read, file.readinto, file.tell  # type: ignore[attr-defined]
        self._seek = file.seek

    def seek(self, offset: int, whence: int = 0) -> None:
        with contextlib.suppress(OSError, ValueError, OverflowError):
            self._seek(offset, whence)


def _read_by_sndfile(stack: contextlib.ExitStack, file: BinaryIO, kind: str, where: str) -> Sound | None:
    """Return a sound that libsndfile can read; None where PyAV is to try, since it knows more codecs."""
    import soundfile

    try:
        opened = stack.enter_context(soundfile.SoundFile(_Quiet(file)))
        if opened.frames < _UNKNOWN:
            check_format(opened.samplerate, opened.channels, where)
            return Sound(opened.samplerate, opened.frames, kind != "audio/mpeg", _blocks(opened))
        # A FLAC that was written to a pipe; libsndfile stumbles at its end.
        failure, cause = f"{where} has a header that does not tell its length", None
    except soundfile.LibsndfileError as error:
        failure, cause = f"{where} can't be decoded as a sound ({reason_of(error)}); it is damaged or cut short", error
    if importlib.util.find_spec("av") is None:
        raise DecodeError(f"{failure}; PyAV may read it: pip install 'jina-omni[video]'") from cause
    return None


def _blocks(opened: Any) -> Iterator[Block]:
    while len(block := opened.read(_BLOCK_SAMPLES, dtype="float32", always_2d=True)):
        yield block


# ---- PyAV ----


def _decoded(container: Any, where: str) -> Sound:
    """Return the first sound track of a container at its own rate."""
    stream = _first_track(container, where)
    if stream is None:
        raise InputError(f"{where} has no sound track; wrap a silent video as jina_omni.Video")
    frames = _frames(container, stream, where)
    first = next(frames, None)  # headers may tell another rate than the decoder (HE-AAC)
    if first is None:
        raise DecodeError(f"{where} has a sound track without samples; it is damaged or cut short")
    rate = first.sample_rate

    def blocks() -> Iterator[Block]:
        for frame in itertools.chain([first], frames):
            if frame.sample_rate != rate:
                raise DecodeError(
                    f"{where} changes its sampling rate from {rate:,} to {frame.sample_rate:,} halfway; resample it"
                )
            yield _samples(frame, where)

    return Sound(rate, _announced(container, stream, rate), exact=False, blocks=blocks())


def _samples(frame: Any, where: str) -> Block:
    """Return the samples of a frame.

    PyAV's own `to_ndarray` takes for planes what it finds up to a null pointer. FFmpeg puts none behind eight and more,
    so that it would read anywhere.
    """
    from av.audio.plane import AudioPlane

    n_channels = frame.layout.nb_channels
    dtype = _TYPES.get(frame.format.packed.name)
    if dtype is None:
        raise InputError(f"{where} has samples of the type {frame.format.name}; convert them to 16 or 32 bits")
    n_planes, n_columns = (n_channels, 1) if frame.format.is_planar else (1, n_channels)
    planes: list[Any] = [AudioPlane(frame, i) for i in range(n_planes)]
    columns = [np.frombuffer(plane, dtype, frame.samples * n_columns).reshape(-1, n_columns) for plane in planes]
    return np.concatenate(columns, axis=1)


def _first_track(container: Any, where: str) -> Any | None:
    if not container.streams:
        raise DecodeError(f"{where} holds neither sound nor pictures; it is damaged or cut short")
    return next(iter(container.streams.audio), None)


def _resampled(container: Any, stream: Any, where: str) -> Iterator[Block]:
    """Yield a track's samples as the reference takes them from a video (its sentence-transformers wrapper)."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    for frame in itertools.chain(_frames(container, stream, where), [None]):  # None flushes
        for piece in resampler.resample(frame):
            yield piece.to_ndarray().reshape(-1, 1)


def _frames(container: Any, stream: Any, where: str) -> Iterator[Any]:
    for frame in container.decode(stream):
        check_format(frame.sample_rate, frame.layout.nb_channels, where)
        yield frame


def _announced(container: Any, stream: Any, rate: int) -> int | None:
    """Return about how many samples a track has by its header; None where it has no duration, as of a live stream."""
    if stream.duration:
        return round(float(stream.duration * stream.time_base) * rate)
    return round(float(container.duration) / 1_000_000 * rate) if container.duration else None
