# SPDX-License-Identifier: Apache-2.0
"""The recordings of a file of sound: what a decoder is to read, without what is around and between them.

The lengths that headers announce are checked here against the bytes of the file, before any decoder: measuring and
decoding go by the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple, cast

from jina_omni.errors import InputError
from jina_omni.media.file_types import FILE_TYPES, HEAD_BYTES, FileType, detect_media_type, unsupported_type
from jina_omni.media.files import read_media_type
from jina_omni.media.flac_frames import find_streams
from jina_omni.media.movie_files import find_flash_films, find_movies
from jina_omni.media.mpeg_frames import find_runs, parse_adts, parse_mpeg
from jina_omni.media.ogg_pages import find_links
from jina_omni.media.sound_chunks import find_files
from jina_omni.media.splices import BlockReader, Span, SplicedFile, find_size
from jina_omni.media.tags import skip_tags

__all__ = ["Recording", "find_recordings"]

_MAX_RECORDINGS = 1000
_SPANS: dict[str, Callable[[BinaryIO, int, float], Sequence[Sequence[Span]]]] = {
    "ogg": find_links,
    "flac": find_streams,
    "mov": lambda file, start, _: find_movies(file, start),
    "flv": lambda file, start, _: find_flash_films(file, start),
}


class Recording(NamedTuple):
    """A recording, as a file by itself.

    Attributes
    ----------
    file : binary file
    file_type : FileType
    seconds : float or None
        That its frames last; None where the decoder is to say it.
    counted : binary file or None
        The same behind a header that counts its frames, for libsndfile; None where the file counts them itself.
    """

    file: BinaryIO
    file_type: FileType
    seconds: float | None = None
    counted: BinaryIO | None = None


def find_recordings(file: BinaryIO, seconds: float) -> list[Recording]:
    """Return the sounds that follow each other in an open file, at least one.

    Parameters
    ----------
    file : binary file
        At its start.
    seconds : float
        How much of the sound is asked for. Of streams that don't count their samples, what is behind is not looked at.

    Raises
    ------
    UnsupportedMediaError
        It is of a type that has no sound or is not read.
    DecodeError
        The file is shorter than it announces.
    InputError
        It can't be read, or there are over a thousand.
    """
    file_type, start = _find_type(file)
    recordings: list[Recording] = []
    for recording in _find_recordings(file, start, file_type, seconds):
        if len(recordings) == _MAX_RECORDINGS:
            raise InputError(f"is a file of over {_MAX_RECORDINGS:,} sounds, one behind the other; split it")
        recordings.append(recording)
    # A decoder says best what is wrong with a file in which nothing was found.
    return recordings or [Recording(_splice(file, [range(start, find_size(file))]), file_type)]


def _find_type(file: BinaryIO) -> tuple[FileType, int]:
    """Return the type of an open file if its sound is read, which may be that of a video, and where it begins."""
    media_type = read_media_type(file)
    start = 0
    if media_type == "audio/mpeg":  # the type of a tag, which files of other types may have too
        reader = BlockReader(file)
        start = skip_tags(reader, 0)
        tagged = FILE_TYPES.get(detect_media_type(reader.read(start, HEAD_BYTES)))
        media_type = tagged.media_type if tagged and tagged.kind == "audio" else media_type
    file_type = FILE_TYPES.get(media_type)
    if file_type is None or file_type.decoder not in ("libsndfile", "ffmpeg"):
        raise unsupported_type(media_type, "audio")
    return file_type, start


def _find_recordings(file: BinaryIO, start: int, file_type: FileType, seconds: float) -> Iterator[Recording]:
    if file_type.media_type == "audio/mpeg":
        yield from _find_mp3(file, start, seconds)
    elif file_type.media_type == "audio/aac":
        for run in find_runs(file, start, seconds, parse_adts):
            yield Recording(_splice(file, run.spans), file_type, run.seconds)
    elif file_type.plugin in _SPANS:
        for spans in _SPANS[file_type.plugin](file, start, seconds):
            yield Recording(_splice(file, spans), file_type)
    elif file_type.decoder == "libsndfile":
        for sound in find_files(file, start):
            if sound.is_mpeg:
                yield from _find_mp3(_splice(file, [sound.samples]), 0, seconds)
            else:
                yield Recording(_splice(file, sound.spans), file_type)


def _find_mp3(file: BinaryIO, start: int, seconds: float) -> Iterator[Recording]:
    file_type = FILE_TYPES["audio/mpeg"]
    runs = find_runs(file, start, seconds, parse_mpeg)
    if not runs:
        yield Recording(_splice(file, [range(start, find_size(file))]), file_type)
    for run in runs:
        counted = _splice(file, run.make_counted())
        if run.info:
            yield Recording(counted, file_type)
        else:
            yield Recording(_splice(file, run.spans), file_type, run.seconds, counted)


def _splice(file: BinaryIO, spans: Sequence[Span]) -> BinaryIO:
    return cast(BinaryIO, SplicedFile(file, spans))
