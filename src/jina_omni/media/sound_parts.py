# SPDX-License-Identifier: Apache-2.0
"""The parts of a file of sound: what a decoder is to read, without what is around and between.

The lengths that headers announce are checked here against the bytes of the file, before any decoder: measuring and
decoding go by the same parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple, cast

from jina_omni.errors import InputError
from jina_omni.media.file_types import FILE_TYPES, HEAD_BYTES, FileType, detect_media_type, unsupported_type
from jina_omni.media.files import read_media_type
from jina_omni.media.flac_frames import find_streams
from jina_omni.media.mpeg_frames import find_runs, parse_adts, parse_mpeg
from jina_omni.media.ogg_pages import find_links
from jina_omni.media.sample_tables import find_movies
from jina_omni.media.sound_chunks import find_files
from jina_omni.media.splices import Piece, SplicedFile, Window, find_size
from jina_omni.media.tags import skip_tags

__all__ = ["SoundPart", "find_parts"]

_MAX_PARTS = 1000
_PIECES: dict[str, Callable[[BinaryIO, int], Sequence[Sequence[Piece]]]] = {
    "ogg": find_links,
    "flac": find_streams,
    "mov": find_movies,
}


class SoundPart(NamedTuple):
    """A part of a file that is a file by itself.

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


def find_parts(file: BinaryIO) -> list[SoundPart]:
    """Return the sounds that follow each other in an open file, at least one.

    Of types whose streams don't count their samples it is as many as 30 seconds may have.

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
    parts: list[SoundPart] = []
    for part in _find_parts(file, start, file_type):
        if len(parts) == _MAX_PARTS:
            raise InputError(f"is a file of over {_MAX_PARTS:,} sounds, one behind the other; split it")
        parts.append(part)
    # A decoder says best what is wrong with a file in which nothing was found.
    return parts or [SoundPart(_splice(file, [range(start, find_size(file))]), file_type)]


def _find_type(file: BinaryIO) -> tuple[FileType, int]:
    """Return the type of an open file if its sound is read, which may be that of a video, and where it begins."""
    media_type = read_media_type(file)
    start = 0
    if media_type == "audio/mpeg":  # the type of a tag, which files of other types may have too
        window = Window(file)
        start = skip_tags(window, 0)
        tagged = FILE_TYPES.get(detect_media_type(window.read(start, HEAD_BYTES)))
        media_type = tagged.media_type if tagged and tagged.kind == "audio" else media_type
    file_type = FILE_TYPES.get(media_type)
    if file_type is None or file_type.decoder not in ("libsndfile", "ffmpeg"):
        raise unsupported_type(media_type, "audio")
    return file_type, start


def _find_parts(file: BinaryIO, start: int, file_type: FileType) -> Iterator[SoundPart]:
    if file_type.media_type == "audio/mpeg":
        yield from _find_mp3(file, start)
    elif file_type.media_type == "audio/aac":
        for run in find_runs(file, start, parse_adts):
            yield SoundPart(_splice(file, run.pieces), file_type, run.seconds)
    elif file_type.plugin in _PIECES:
        for pieces in _PIECES[file_type.plugin](file, start):
            yield SoundPart(_splice(file, pieces), file_type)
    elif file_type.decoder == "libsndfile":
        for sound in find_files(file, start):
            if sound.is_mpeg:
                yield from _find_mp3(_splice(file, [sound.samples]), 0)
            else:
                yield SoundPart(_splice(file, sound.pieces), file_type)


def _find_mp3(file: BinaryIO, start: int) -> Iterator[SoundPart]:
    file_type = FILE_TYPES["audio/mpeg"]
    runs = find_runs(file, start, parse_mpeg)
    if not runs:
        yield SoundPart(_splice(file, [range(start, find_size(file))]), file_type)
    for run in runs:
        counted = _splice(file, run.make_counted())
        if run.info:
            yield SoundPart(counted, file_type)
        else:
            yield SoundPart(_splice(file, run.pieces), file_type, run.seconds, counted)


def _splice(file: BinaryIO, pieces: Sequence[Piece]) -> BinaryIO:
    return cast(BinaryIO, SplicedFile(file, pieces))
