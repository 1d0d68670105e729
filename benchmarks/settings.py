"""What can be set of an engine, and which changes of it are worth a try."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

Changes = Sequence[Mapping[str, Any]]
"""Fields and their values: alternatives to the best settings so far."""


@dataclass(frozen=True)
class Settings(ABC):
    """The settings of an engine. They are remembered as JSON, so their fields are plain values."""

    @classmethod
    @abstractmethod
    def first(cls, ftype: str, lengths: Sequence[int], *, passive: bool) -> Settings:
        """Return the settings that calibration begins with, and that count where there is none.

        Parameters
        ----------
        ftype
            The type of our text file.
        lengths
            The tokens of each text.
        passive
            Whether waiting threads have to sleep, since processor time is measured.
        """

    @classmethod
    @abstractmethod
    def knobs(cls, ftype: str, *, passive: bool) -> Sequence[Changes]:
        """Return the changes to try: those of each knob from the best settings of the knobs before it."""

    def change(self, change: Mapping[str, Any], lengths: Sequence[int]) -> Settings | None:  # noqa: ARG002
        """Return these settings with a change, or None where it makes no difference to texts of such lengths."""
        return replace(self, **change)

    def arguments(self, lengths: Sequence[int]) -> dict[str, Any]:  # noqa: ARG002
        """Return what the engine takes besides the file and the threads, for texts of such lengths."""
        return {"settings": self}

    def __str__(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in asdict(self).items())


@dataclass(frozen=True)
class PaddedSettings(Settings):
    """The settings of an engine that takes padded batches.

    Attributes
    ----------
    n_rows
        Texts of a batch.
    """

    n_rows: int = 8

    def change(self, change: Mapping[str, Any], lengths: Sequence[int]) -> Settings | None:
        """Return these settings with a change, or None where it makes no difference to texts of such lengths."""
        changed = replace(self, **change)
        return None if min(self.n_rows, changed.n_rows) >= len(lengths) and self.n_rows != changed.n_rows else changed
