# SPDX-License-Identifier: Apache-2.0
"""What measuring a medium needs to know of a model: its loaded towers, its dialect and its options of pictures."""

from __future__ import annotations

from jina_omni.dialects import Dialect
from jina_omni.errors import ModalityNotLoadedError
from jina_omni.media.patches import VisionGeometry
from jina_omni.media.picture_options import DEFAULT_OPTIONS, PictureOptions
from jina_omni.native import Projector

__all__ = ["Towers"]


class Towers:
    """The towers of a model that embed media, and its options for them.

    Parameters
    ----------
    vision, audio : Projector or None
    dialect : {"card", "sentence-transformers"}
    pictures : PictureOptions
        Of images and videos that do not have their own.
    """

    def __init__(
        self,
        vision: Projector | None,
        audio: Projector | None,
        dialect: Dialect,
        pictures: PictureOptions = DEFAULT_OPTIONS,
    ) -> None:
        self.dialect = dialect
        self.pictures = pictures
        self._geometry = None if vision is None else VisionGeometry.from_projector(vision)
        self._audio = audio

    def require_vision(self, what: str) -> VisionGeometry:
        """Return the geometry of the vision tower.

        Parameters
        ----------
        what : str
            What the input holds, such as "an image".

        Raises
        ------
        ModalityNotLoadedError
            There is no vision tower.
        """
        if self._geometry is None:
            raise ModalityNotLoadedError(
                f"holds {what}, but no vision tower is loaded; pass ...-vision-mmproj-F16.gguf as mmproj"
            )
        return self._geometry

    def require_audio(self, what: str) -> Projector:
        """Return the audio tower; parameters and errors are those of `require_vision`."""
        if self._audio is None:
            raise ModalityNotLoadedError(
                f"holds {what}, but no audio tower is loaded; pass ...-audio-mmproj-F16.gguf as mmproj"
            )
        return self._audio
