# SPDX-License-Identifier: Apache-2.0
"""Media of an input: measured first, so that runs can be planned, and read when their turn comes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from jina_omni.errors import InputTooLongError, ModalityNotLoadedError
from jina_omni.inputs import Audio, Image, Media, Pdf
from jina_omni.media import audio, image, mel, pdf, video
from jina_omni.media.files import FileSource
from jina_omni.media.patches import Grid, VisionGeometry
from jina_omni.native import Projector, audio_token_count

if TYPE_CHECKING:
    from jina_omni.prompts import Dialect

__all__ = ["Extent", "MediaReader", "Medium", "Reading"]

Floats = npt.NDArray[np.float32]
Tower = Literal["vision", "audio"]


@dataclass(frozen=True, slots=True)
class Extent:
    """The rows that a medium takes in a sequence.

    Attributes
    ----------
    runs : tuple of int
        Rows that stand together: of a video for each pair of frames, else one number.
    times : tuple of float or None
        Seconds to print before each run.
    """

    runs: tuple[int, ...]
    times: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Medium:
    """A medium that is not read yet: an image, a page, a video's frames or a sound.

    Attributes
    ----------
    tower : {"vision", "audio"}
        That turns it into rows.
    extent : Extent
        As far as the header tells.
    read : callable
        Decodes it; may be called from any thread, and raises `InputError`. What may take long raises `Cancelled` soon
        after the event is set.
    """

    tower: Tower
    extent: Extent
    read: Callable[[threading.Event], Reading]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a tower takes of a medium.

    Attributes
    ----------
    extent : Extent
        As it turned out to be, which may differ from what was measured.
    values : array, float32
        Patches or mel frames, a row each; see `Context.encode_patches` and `Context.encode_mel`.
    shape : tuple of int
        The grid (t, h, w) of patches, or the number of mel frames alone.
    """

    extent: Extent
    values: Floats
    shape: tuple[int, ...]


class MediaReader:
    """Measures and reads media as the loaded towers want them."""

    def __init__(self, vision: Projector | None, audio_: Projector | None, dialect: Dialect) -> None:
        self._geometry = None if vision is None else VisionGeometry.of(vision)
        self._audio = audio_
        self._dialect = dialect

    def measure(self, part: Media, where: str, *, truncate: bool) -> list[Medium]:
        """Measure a part of an input, which may be several media: the pages of a document, a video and its sound.

        Parameters
        ----------
        part : Image, Audio, Video or Pdf
        where : str
            What messages call the input.
        truncate : bool
            Whether a sound of over 30 seconds is to be cut.

        Raises
        ------
        InputError
            As far as the header shows it.
        ModalityNotLoadedError
            The tower that it needs is not loaded.
        """
        if isinstance(part, Audio):
            return [self._sound(part, where, truncate=truncate)]
        if isinstance(part, Image):
            geometry = self._vision_geometry("an image", where)
            grid = image.grid_of(part, geometry, where)
            return [_still(grid, lambda: image.patches_of(part, geometry, where), geometry)]
        if isinstance(part, Pdf):
            geometry = self._vision_geometry("a PDF", where)
            return [_page(page, geometry, where) for page in pdf.pages_of(part, where)]
        geometry = self._vision_geometry("a video", where)
        clip = video.measure(part, geometry, self._dialect, where)
        # the sentence-transformers wrapper puts a file's sound before its pictures
        if self._dialect == "card" or isinstance(part.source, np.ndarray) or not video.has_sound(part.source, where):
            return [_frames(clip, geometry, where)]
        return [self._track(part.source, clip, where, truncate=truncate), _frames(clip, geometry, where)]

    def _sound(self, part: Audio, where: str, *, truncate: bool) -> Medium:
        tower = self._require_audio("a sound", where)
        n_samples = audio.measure(part, where)
        return _heard(n_samples, lambda: audio.samples_of(part, where, truncate=truncate), tower, where)

    def _track(self, source: FileSource, clip: video.Clip, where: str, *, truncate: bool) -> Medium:
        tower = self._require_audio("a video with sound, which this dialect embeds too", where)

        def samples() -> mel.Samples:
            found = audio.track_samples(source, where, truncate=truncate)
            return np.empty(0, np.float32) if found is None else found

        return _heard(round(clip.n_frames / clip.fps * mel.SAMPLE_RATE), samples, tower, where)

    def _vision_geometry(self, what: str, where: str) -> VisionGeometry:
        if self._geometry is None:
            raise ModalityNotLoadedError(
                f"{where} holds {what}, but no vision tower is loaded; pass ...-vision-mmproj-F16.gguf as mmproj"
            )
        return self._geometry

    def _require_audio(self, what: str, where: str) -> Projector:
        if self._audio is None:
            raise ModalityNotLoadedError(
                f"{where} holds {what}, but no audio tower is loaded; pass ...-audio-mmproj-F16.gguf as mmproj"
            )
        return self._audio


def _still(grid: Grid, patches: Callable[[], tuple[Floats, Grid]], geometry: VisionGeometry) -> Medium:
    def extent(grid: Grid) -> Extent:
        return Extent((geometry.token_count(grid),))

    def read(_stop: threading.Event) -> Reading:
        values, found = patches()
        return Reading(extent(found), values, found)

    return Medium("vision", extent(grid), read)


def _page(page: pdf.PdfPage, geometry: VisionGeometry, where: str) -> Medium:
    return _still(pdf.grid_of(page, geometry, where), lambda: pdf.patches_of(page, geometry, where), geometry)


def _frames(clip: video.Clip, geometry: VisionGeometry, where: str) -> Medium:
    def extent(clip: video.Clip) -> Extent:
        t, h, w = clip.grid
        return Extent((geometry.token_count((1, h, w)),) * t, clip.times)

    def read(stop: threading.Event) -> Reading:
        values, found = video.patches_of(clip, geometry, where, stop)
        return Reading(extent(found), values, found.grid)

    return Medium("vision", extent(clip), read)


def _heard(n_samples: int, samples: Callable[[], mel.Samples], tower: Projector, where: str) -> Medium:
    def read(_stop: threading.Event) -> Reading:
        found = samples()
        n_frames = mel.require_frames(len(found), where)
        if n_frames > tower.max_mel_frames:  # of no published file, whose towers take what the reference takes
            raise InputTooLongError(
                f"{where} is a sound of {n_frames} mel frames, over the {tower.max_mel_frames} of the audio tower in "
                f"{tower.path}; split it"
            )
        return Reading(Extent((audio_token_count(n_frames),)), mel.log_mel(found, tower.n_mel), (n_frames,))

    return Medium("audio", Extent((audio_token_count(mel.frame_count(n_samples)),)), read)
