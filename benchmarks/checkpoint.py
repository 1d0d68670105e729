"""The random checkpoints that the benchmarks run on, written once and kept in a folder."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from testing.checkpoints import shapes, writer
from testing.checkpoints.shapes import ModelShape
from testing.engine.llama import quantize


def default_cache() -> Path:
    """Return the folder that is used when the command line names none.

    Returns
    -------
    Path
        Below the system's folder for temporary files.
    """
    return Path(tempfile.gettempdir()) / "jina_omni_benchmarks"


class Checkpoints:
    """The files of one size.

    Parameters
    ----------
    cache
        The folder that keeps them.
    size
        ``small`` or ``nano``.
    of_sizes
        The shapes by size: the published ones, or `testing.checkpoints.shapes.TINY`.
    """

    def __init__(self, cache: Path, size: str, of_sizes: Mapping[str, ModelShape] = shapes.FULL) -> None:
        self.shape = of_sizes[size]
        self._name = writer.model_name(self.shape, "clustering")
        # a writer that makes other files gives them another folder; one that is merely edited does not
        text, vision, audio = self.shape.text, self.shape.vision, self.shape.audio
        planned = (writer.text_tensors(text), writer.vision_tensors(vision), writer.audio_tensors(audio), self.shape)
        contents = repr(planned).encode() + writer.random_values(0, "", 1000).tobytes()
        self._folder = cache / hashlib.sha256(contents).hexdigest()[:12]
        self._folder.mkdir(parents=True, exist_ok=True)

    def text(self, ftype: str) -> Path:
        """Return the text file of one type, written when it isn't there.

        Parameters
        ----------
        ftype
            ``F16`` or another key of `testing.engine.llama.FTYPES`.

        Returns
        -------
        Path
            The file.
        """
        path = self._folder / f"{self._name}-{ftype}.gguf"
        if path.exists():
            return path
        if ftype != "F16":
            source = self.text("F16")
            print(f"quantising {path.name} ...", flush=True)
            return quantize(source, path, ftype, n_threads=2)
        print(f"writing {path.name} ...", flush=True)
        return writer.write_text(path.with_suffix(".part"), self.shape).rename(path)

    def vision(self) -> Path:
        """Return the vision projector, written when it isn't there.

        Returns
        -------
        Path
            The file.
        """
        return self._projector("vision", writer.write_vision)

    def audio(self) -> Path:
        """Return the audio projector, written when it isn't there.

        Returns
        -------
        Path
            The file.
        """
        return self._projector("audio", writer.write_audio)

    def _projector(self, kind: str, write: Callable[[Path, ModelShape], Path]) -> Path:
        path = self._folder / f"{self._name}-{kind}-mmproj-F16.gguf"
        if not path.exists():
            print(f"writing {path.name} ...", flush=True)
            write(path.with_suffix(".part"), self.shape).rename(path)
        return path

    def describe(self) -> str:
        """Return the shape in words.

        Returns
        -------
        str
            One line.
        """
        t, v, a = self.shape.text, self.shape.vision, self.shape.audio
        heads = f"{t.n_head}/{t.n_head_kv} heads x {t.head_dim}"
        text = f"{t.architecture} {t.n_layer} layers, n_embd {t.n_embd}, n_ff {t.n_ff}, {heads}, vocabulary {t.n_vocab}"
        towers = "; ".join(
            f"{kind} {tower.n_layer} layers, n_embd {tower.n_embd}, n_ff {tower.n_ff}"
            for kind, tower in (("vision", v), ("audio", a))
        )
        return f"{self.shape.size}: {text}; {towers}"
