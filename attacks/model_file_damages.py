"""Model files with the damages of known advisories, or of those that are named on the command line.

ModelLoadError that names the file and what is wrong: a key, a tensor, a number or the missing bytes.
"""

import re
import sys
from pathlib import Path

from stage import FOLDER, model_files, report, write_file

import jina_omni
from testing.gguf_advisories import ADVISORIES
from testing.gguf_edits import Case
from testing.gguf_parts import Parts


def load(case: Case, path: Path) -> None:
    """Load a damaged file as what it is: the text model file, or a projector file beside a sound text model file."""
    if case.of in ("small", "nano"):
        jina_omni.Model(path)
    else:
        jina_omni.Model(model_files().text, path)


def expect_refusal(case: Case) -> None:
    """Check that a damaged file is a `ModelLoadError` that names it and gives the reason."""
    small = model_files()
    sources = {"small": small.text, "nano": model_files("nano").text, "both": small.combined}
    source = sources.get(case.of) or getattr(small, case.of)
    path = write_file(f"damaged-{source.name}", case.damage(Parts(source)))
    try:
        load(case, path)
    except jina_omni.ModelLoadError as error:
        message = str(error)
        assert message.startswith(f"{path}: "), message
        assert re.search(case.words, message.removeprefix(f"{path}: ")), message
        report(f"refused: {message.removeprefix(f'{FOLDER}/')}")
    else:
        raise AssertionError(f"{case.name} was loaded")


advisories = {advisory.name: advisory for advisory in ADVISORIES}
for name in sys.argv[1:] or advisories:
    for case in advisories[name].cases:
        expect_refusal(case)
