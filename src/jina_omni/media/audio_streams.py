# SPDX-License-Identifier: Apache-2.0
"""Files of sound, decoded in blocks: by libsndfile (soundfile) as librosa does, and by PyAV what that can't read.

Both get the recordings that `find_recordings` finds in a file. Of those, libsndfile gives every sample of FLAC, Vorbis
and Opus and no other, where FFmpeg puts 256 before a Vorbis file that follows another. So PyAV is preferred for MP3
only, whose samples are the same within 1e-5, and whose decoder in libsndfile writes to the standard error output.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError
from jina_omni.media.containers import open_container
from jina_omni.media.decoders import as_decode_error, describe_cause, import_decoder
from jina_omni.media.file_types import FileType
from jina_omni.media.files import FileSource, open_source
from jina_omni.media.limits import MAX_AUDIO_SECONDS, MAX_CHANNELS, MAX_SAMPLING_RATE, MIN_SAMPLING_RATE
from jina_omni.media.mel import SAMPLING_RATE
from jina_omni.media.recordings import Recording, find_recordings

__all__ = ["AudioStream", "Block", "check_format", "open_sound", "open_track"]

Block = npt.NDArray[Any]
"""Samples of the shape (n, channels): floats, or integers of their type's whole range."""

_BLOCK_SAMPLES = 1 << 16  # of each channel, decoded at a time
_GATHERED_SAMPLES = 1 << 14  # of frames; few, since what is behind the part that is asked for may be damaged
_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "flt": "f4", "dbl": "f8"}  # of FFmpeg's sample formats
_SLACK_SECONDS = 0.1  # of frames that encoders fill up, or don't count
_LOSSY_TYPES = {"audio/mpeg", "audio/ogg"}
_ENCRYPTED = {"enca", "drms"}  # sample entries of MP4: ISO 14496-12, 8.12, and Apple's FairPlay
_UNSUPPORTED_ENCODING = 4  # libsndfile's SF_ERR_UNSUPPORTED_ENCODING
_UNKNOWN = 1 << 62  # libsndfile's count where a header has none is above this


@dataclass(frozen=True, slots=True)
class AudioStream:
    """A sound that is being decoded.

    Attributes
    ----------
    rate : int
        Samples per second.
    length : int or None
        Samples of each channel, by its header or array; None where the header has no length.
    exact : bool
        Whether `length` is exact. Otherwise it may be an estimate, and the blocks may hold more than was recorded:
        encoders fill up their last frame.
    blocks : iterator of Block
        In order. Raises whatever its decoder raises, inside `open_sound`.
    """

    rate: int
    length: int | None
    exact: bool
    blocks: Iterator[Block]


@contextlib.contextmanager
def open_sound(source: FileSource, *, seconds: float = MAX_AUDIO_SECONDS) -> Iterator[AudioStream]:
    """Open a file of sound, or the sound of a video; what fails in the body fails as an `InputError`.

    Parameters
    ----------
    source : path or bytes-like
    seconds : float
        How much of the sound is asked for, from its beginning. The rest may lack what is joined to it.

    Raises
    ------
    UnsupportedMediaError
        It is of another type, or needs PyAV, which is not installed.
    DecodeError
        It is damaged or shorter than it announces, or has no samples.
    InputError
        It can't be read, has no sound track, or more channels or another rate than is taken.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_decode_error("a sound"))
        file = stack.enter_context(open_source(source))
        first, *others = find_recordings(file, seconds)
        sound = stack.enter_context(_open_recording(first))
        yield _join(sound, others) if others else sound


def _join(first: AudioStream, recordings: list[Recording]) -> AudioStream:
    """Return a sound and recordings that follow it as one."""
    lengths, exact = [first.length], first.exact
    for recording in recordings:
        with _open_recording(recording) as sound:
            if sound.rate != first.rate:
                raise _changes_rate(first.rate, sound.rate)
            lengths.append(sound.length)
            exact = exact and sound.exact

    def blocks() -> Iterator[Block]:
        yield from first.blocks
        for recording in recordings:
            with _open_recording(recording) as sound:
                yield from sound.blocks

    known = [length for length in lengths if length is not None]
    return AudioStream(first.rate, sum(known) if len(known) == len(lengths) else None, exact, blocks())


@contextlib.contextmanager
def _open_recording(recording: Recording) -> Iterator[AudioStream]:
    with contextlib.ExitStack() as stack:
        # libmpg123, by which libsndfile decodes MP3, writes to the standard error output what it thinks of a file.
        goes_to_pyav = recording.file_type.media_type == "audio/mpeg" and _has_pyav()
        sound = None
        if recording.file_type.decoder == "libsndfile" and not goes_to_pyav:
            sound = _open_with_sndfile(stack, recording)
        if sound is None:
            recording.file.seek(0)
            stack.enter_context(_as_unsupported(recording.file_type))
            container = stack.enter_context(open_container(recording.file, recording.file_type))
            sound = _decode_container(container, recording)
        yield sound


def _has_pyav() -> bool:
    try:
        import av  # noqa: F401 - a broken one does not count
    except ImportError:
        return False
    return True


def _changes_rate(before: int, after: int) -> UnsupportedMediaError:
    return UnsupportedMediaError(f"changes its sampling rate from {before:,} to {after:,} halfway; resample it")


@contextlib.contextmanager
def open_track(source: FileSource) -> Iterator[AudioStream | None]:
    """Open the sound track of a video, mixed and resampled by FFmpeg; None where it has none, or an empty one.

    Raises
    ------
    UnsupportedMediaError, DecodeError, InputError
        As `open_sound`.
    """
    with as_decode_error("a sound"), open_source(source) as file:
        recording, *_ = find_recordings(file, MAX_AUDIO_SECONDS)
        with open_container(recording.file, recording.file_type) as container:
            stream = _find_track(container)
            blocks = _resample(container, stream, recording) if stream is not None else iter(())
            first = next(blocks, None)
            if first is None:
                yield None
                return
            length = _read_length(container, stream, SAMPLING_RATE)
            yield AudioStream(SAMPLING_RATE, length, exact=False, blocks=itertools.chain([first], blocks))


def check_format(rate: int, n_channels: int) -> None:
    """Check the sampling rate and the channels of a sound, before memory is spent on it.

    Raises
    ------
    InputError
        It has more channels, or another rate.
    """
    if not MIN_SAMPLING_RATE <= rate <= MAX_SAMPLING_RATE:
        raise InputError(
            f"is a sound of {rate:,} samples per second; {MIN_SAMPLING_RATE:,} to {MAX_SAMPLING_RATE:,} "
            "are taken, so check its sampling rate"
        )
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise InputError(f"is a sound of {n_channels:,} channels; 1 to {MAX_CHANNELS} are taken, so mix it down")


# ---- libsndfile ----


class _Quiet:
    """A file for libsndfile, which calls it from C and can't pass exceptions on.

    A seek that fails changes nothing, and of a read that fails nothing comes: `check` raises what it raised.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: Exception | None = None
        self.tell = file.tell

    def readinto(self, buffer: Any) -> int:
        try:
            return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]
        except Exception as error:  # noqa: BLE001 - in C it would be printed, and the sound would end there
            self._error = error
            return 0

    def seek(self, offset: int, whence: int = 0) -> None:
        with contextlib.suppress(OSError, ValueError, OverflowError):
            self._file.seek(offset, whence)

    def check(self) -> None:
        if self._error is not None:
            raise self._error


def _open_with_sndfile(stack: contextlib.ExitStack, recording: Recording) -> AudioStream | None:
    """Return a sound that libsndfile can read; None where PyAV is to try, since it knows more codecs."""
    import soundfile

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """A file that is read from start to end.

        Others seek to where they are after each read, at which libsndfile spoils the next samples of an Opus file.
        """

        def seekable(self) -> bool:
            return False

    cause: Exception | None = None
    file = _Quiet(recording.counted or recording.file)
    file.seek(0)
    try:
        opened = stack.enter_context(Forward(file))
        rate, length = opened.samplerate, opened.frames
        if recording.seconds is not None:  # libmpg123 estimates the length of MP2
            length = min(length, round(recording.seconds * rate))
        if length < _UNKNOWN and length + _SLACK_SECONDS * rate >= (recording.seconds or 0) * rate:
            check_format(rate, opened.channels)
            is_exact = recording.file_type.media_type != "audio/mpeg"
            slack = 0 if recording.file_type.media_type not in _LOSSY_TYPES else round(_SLACK_SECONDS * rate)
            return AudioStream(rate, length, is_exact, _read_blocks(opened, file, length - slack))
        # A FLAC that was written to a pipe, at whose end libsndfile fails, or MP2 of a variable rate
        failure = "has a header without its length"
    except soundfile.LibsndfileError as error:
        file.check()
        failure = f"can't be decoded as a sound ({describe_cause(error)}); it is damaged or cut short"
        cause = error
        if error.code == _UNSUPPORTED_ENCODING and not _has_pyav():
            reason = "that libsndfile does not decode, but PyAV may (pip install 'jina-omni[video]')"
            raise _is_unsupported(recording.file_type.name, reason) from None
    if not _has_pyav():
        raise DecodeError(f"{failure}; PyAV may read it: pip install 'jina-omni[video]'") from cause
    return None


def _read_blocks(opened: Any, file: _Quiet, least: int) -> Iterator[Block]:
    """Yield the samples of a sound, which are at least so many.

    Raises
    ------
    DecodeError
        There are fewer.
    InputError
        The file can't be read.
    """
    n_samples = 0
    while len(block := opened.read(_BLOCK_SAMPLES, dtype="float32", always_2d=True)):
        file.check()
        n_samples += len(block)
        yield block
    file.check()
    if n_samples < least:
        raise _is_short(opened.frames, n_samples)


def _is_short(announced: int, n_samples: int) -> DecodeError:
    return DecodeError(
        f"is cut short or damaged: it announces {announced:,} samples, and {n_samples:,} can be decoded; get it whole, "
        "or write what is left again: ffmpeg -i in out.wav"
    )


# ---- PyAV ----


@contextlib.contextmanager
def _as_unsupported(file_type: FileType) -> Iterator[None]:
    """Say of what FFmpeg has no decoder for that it is not supported, instead of damaged."""
    av = import_decoder("av", "video", f"a file of the type {file_type.media_type}")
    try:
        yield
    except (av.error.DecoderNotFoundError, av.error.PatchWelcomeError):
        raise _is_unsupported(file_type.name, "that this PyAV does not decode") from None


def _is_unsupported(name: str, reason: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(f"is a sound in {name} of a codec {reason}; convert it: ffmpeg -i in out.wav")


def _decode_container(container: Any, recording: Recording) -> AudioStream:
    """Return the first sound track of a container at its own rate."""
    stream = _find_track(container)
    if stream is None:
        raise InputError("has no sound track; wrap a silent video as jina_omni.Video")
    codec = stream.codec_context
    if codec is not None and recording.file_type.plugin == "mov" and codec.codec_tag in _ENCRYPTED:
        raise UnsupportedMediaError(f"is an encrypted sound ({codec.codec_tag}); pass one without protection")
    if codec is not None and codec.name == "alac" and recording.file_type.media_type == "audio/x-caf":
        codec.options = {"flags2": "+skip_manual"}  # FFmpeg cuts the last frame, which is short already
    frames = _decode_frames(container, stream, recording)
    first = next(frames, None)  # the header may have another rate than the decoder (HE-AAC)
    if first is None:
        raise DecodeError("has a sound track without samples; it is damaged or cut short")
    rate = first.sample_rate
    length = _read_length(container, stream, rate) if recording.seconds is None else round(recording.seconds * rate)

    def read(frame: Any) -> Block:
        if frame.sample_rate != rate:
            raise _changes_rate(rate, frame.sample_rate)
        return _read_samples(frame)

    def blocks() -> Iterator[Block]:
        n_samples = 0
        for block in _gather(map(read, itertools.chain([first], frames))):
            n_samples += len(block)
            yield block
        if (stream.duration or recording.seconds) and length and n_samples + round(_SLACK_SECONDS * rate) < length:
            raise _is_short(length, n_samples)

    return AudioStream(rate, length, exact=False, blocks=blocks())


def _gather(blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield larger blocks: a thousand samples of a frame are little for what is done with each block."""
    for _, alike in itertools.groupby(blocks, lambda block: (block.dtype, block.shape[1])):
        gathered: list[Block] = []
        n_samples = 0
        for block in alike:
            gathered.append(block)
            n_samples += len(block)
            if n_samples >= _GATHERED_SAMPLES:
                yield np.concatenate(gathered)
                gathered, n_samples = [], 0
        if gathered:
            yield np.concatenate(gathered)


def _read_samples(frame: Any) -> Block:
    """Return the samples of a frame.

    PyAV's own `to_ndarray` counts planes up to a null pointer. FFmpeg puts none behind eight and more planes, so that
    it would read out of bounds.
    """
    from av.audio.plane import AudioPlane

    n_channels = frame.layout.nb_channels
    dtype = _TYPES.get(frame.format.packed.name)
    if dtype is None:
        raise InputError(f"has samples of the type {frame.format.name}; convert them to 16 or 32 bits")
    n_planes, n_columns = (n_channels, 1) if frame.format.is_planar else (1, n_channels)
    planes: list[Any] = [AudioPlane(frame, i) for i in range(n_planes)]
    columns = [np.frombuffer(plane, dtype, frame.samples * n_columns).reshape(-1, n_columns) for plane in planes]
    return np.concatenate(columns, axis=1)


def _find_track(container: Any) -> Any | None:
    if not container.streams:
        raise DecodeError("holds neither sound nor pictures; it is damaged or cut short")
    return next(iter(container.streams.audio), None)


def _resample(container: Any, stream: Any, recording: Recording) -> Iterator[Block]:
    """Yield a track's samples as the reference takes them from a video (its sentence-transformers wrapper)."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLING_RATE)
    for frame in itertools.chain(_decode_frames(container, stream, recording), [None]):  # None flushes
        for piece in resampler.resample(frame):
            yield piece.to_ndarray().reshape(-1, 1)


def _decode_packet(packet: Any, media_type: str) -> Generator[Any, None, Exception | None]:
    """Yield the frames of a packet; return the complaint about it where the file may do without."""
    import av

    try:
        for frame in packet.decode():
            check_format(frame.sample_rate, frame.layout.nb_channels)
            yield frame
    except av.error.InvalidDataError as error:
        if media_type not in ("audio/mpeg", "video/mp2t"):
            raise
        return error
    return None


def _decode_frames(container: Any, stream: Any, recording: Recording) -> Iterator[Any]:
    """Yield the frames of a track; of an MP3 without those that can't be decoded, which are counted afterwards.

    Raises
    ------
    DecodeError
        The container announces more.
    """
    is_transport_stream = recording.file_type.media_type == "video/mp2t"
    failed, end = None, 0.0
    for packet in container.demux():  # of all streams, since the sound may end before the pictures
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * (packet.time_base or 0)))
        if packet.stream.index != stream.index:  # packet.stream_index is 0 where PyAV marks the end of a stream
            continue
        if packet.is_corrupt:
            raise DecodeError("is cut short or damaged within its sound; get it whole")
        if failed is not None and is_transport_stream and packet.size:
            raise failed  # it may end anywhere, but only its last frame is incomplete
        failed = yield from _decode_packet(packet, recording.file_type.media_type)
    seconds = (container.duration or 0) / 1_000_000
    if not (stream.duration or recording.seconds) and end + _SLACK_SECONDS < seconds:
        raise DecodeError(
            f"is cut short: it announces {seconds:,.1f} seconds, and {end:,.1f} are there; get it whole, or write what "
            "is left again: ffmpeg -i in out.wav"
        )


def _read_length(container: Any, stream: Any, rate: int) -> int | None:
    """Return the approximate number of samples of a track by its header; None where it has none, as of live streams."""
    if stream.duration and stream.duration > 0:
        return round(float(stream.duration * stream.time_base) * rate)
    return round(container.duration / 1_000_000 * rate) if container.duration and container.duration > 0 else None
