"""A process of its own that loads files, so that an abort in native code fails one test and names its file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Outcome(NamedTuple):
    """What came of a file.

    Attributes
    ----------
    error
        Name of the exception's class, empty where the file was loaded and run.
    message
        Of the exception.
    """

    error: str
    message: str


class Loader:
    """The process, started anew after each death."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the loader
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, *paths: str | Path) -> Outcome:
        """Load and run a model of these files; a single file whose name says mmproj is loaded as a projector.

        Raises
        ------
        AssertionError
            The process died, or wrote to stderr.
        """
        if self._process is None:
            command = [sys.executable, "-m", "tests.native.loader"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True, cwd=ROOT)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([str(path) for path in paths]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        self._errors.seek(0)
        stderr = self._errors.read()
        self._errors.seek(0)
        self._errors.truncate()
        if not answer:
            self._process = None
            raise AssertionError(f"the process died with {process.wait()}: {stderr[-2000:]}")
        assert stderr == ""
        return Outcome(*json.loads(answer))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None
        self._errors.close()


def _load_and_run(paths: list[str]) -> None:
    """Take the files as far as a caller's first call would."""
    import numpy as np

    import jina_omni
    from jina_omni.native import Context, Projector, find_device

    if len(paths) == 1 and "mmproj" in Path(paths[0]).name:
        cpu = find_device("cpu")
        projector = Projector(paths[0], cpu)
        context = Context(cpu, 1)
        try:
            if projector.has_vision:
                merge = projector.merge_size
                patches = np.full((2 * merge**2, 6 * projector.patch_size**2), 0.5, np.float32)
                context.encode_patches(projector, patches, np.array([(1, merge, 2 * merge)], np.int32))
            if projector.has_audio:
                length = min(70, projector.max_mel_frames)
                frames = np.full((length, projector.n_mel), 0.5, np.float32)
                context.encode_mel(projector, frames, np.array([length], np.int32))
        finally:
            context.close()
        return
    with jina_omni.Model(paths[0], paths[1:], n_threads=1) as model:
        model.encode("Some words, größer than <|im_end|> 3.14")
        if "image" in model.info.modalities:
            model.encode(jina_omni.Image(np.zeros((8, 8, 3), np.uint8)))


def _main() -> None:
    for line in sys.stdin:
        outcome = Outcome("", "")
        try:
            _load_and_run(json.loads(line))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test judges it
            outcome = Outcome(type(error).__name__, str(error))
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    _main()
