"""The contract of csrc/jina_omni.h, and what the Python side makes of wrong arguments."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.native import Context, Projector, TextModel, audio_token_count, find_device
from jina_omni.native.boundary import _lib as lib
from testing.checkpoints.writer import Checkpoint
from testing.gguf_parts import Parts, key
from tests.native.null_arguments import prototypes

ROOT = Path(__file__).parents[2]
CPU = find_device("cpu")

# Parameters that may be NULL, as the header says.
MAY_BE_NULL = {"error", "cancel", "value"}
# Functions that return a string.
NAMES = ("omni_backend", "omni_kernels_name", "omni_product_name")
# What functions without a status return then.
NOTHING = {
    "omni_log_next": 0,
    "omni_text_metadata": -1,
    "omni_text_special_token": -1,
    "omni_projector_metadata": -1,
    "omni_text_free": None,
    "omni_projector_free": None,
    "omni_context_free": None,
    "omni_context_multiply_adds": -1,
    "omni_context_weight_bytes": -1,
}


def test_every_function_of_the_header_is_in_the_extension() -> None:
    assert set(prototypes()) == {name for name in dir(lib) if name.startswith("omni_")}


def test_null_is_refused_or_means_none_for_every_pointer_of_every_function(small: Checkpoint) -> None:
    command = [sys.executable, "-m", "tests.native.null_arguments", small.text, small.combined]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, ""), (lines[-1:], done.stderr)
    results = [line for line in lines if len(line) == 3]
    assert {name for name, _, _ in results} == set(prototypes())
    assert sum(null is not None for _, null, _ in results) > 40
    for name, null, found in results:
        if name in NOTHING:
            expected = found if null is None or null in MAY_BE_NULL else NOTHING[name]
        elif null is None or null in MAY_BE_NULL:
            expected = "a string" if name in NAMES else found
            assert found == lib.OMNI_OK or name in NAMES or name.endswith("_count")
        else:
            expected = lib.OMNI_INVALID_ARGUMENT
        assert found == expected, (name, null)


PIXELS = np.zeros((4, 1536), np.float32)
WRONG: list[tuple[Callable[[Context, TextModel, Projector], object], type[Exception], str]] = [
    (lambda c, _, p: c.encode_patches(p, PIXELS, [[1, 2, 3]]), ValueError, "patches has the shape"),
    (lambda c, _, p: c.encode_patches(p, np.zeros((6, 1536)), [[1, 2, 3]]), ValueError, "grids .* of merge_size"),
    (lambda c, _, p: c.encode_patches(p, "abc", [[1, 2, 2]]), TypeError, "patches is an array of <U3"),
    (lambda c, _, p: c.encode_patches(p, PIXELS, [[1, 2.5, 2]]), TypeError, "grids is an array of float64"),
    (lambda c, t, _: c.encode_patches(t, PIXELS, [[1, 2, 2]]), TypeError, "projector is .*expected a Projector"),
    (lambda c, t, _: c.encode_sequences(t, [1 << 32, 1], [2]), ValueError, "tokens has a number beyond 32 bits"),
    (lambda c, t, _: c.encode_sequences(t, [1, -2], [2]), ValueError, "tokens has an id"),
    (lambda c, t, _: c.encode_sequences(t, [1, -1], [2]), ValueError, "media_embeddings is not one row for each"),
    (lambda c, t, _: c.encode_sequences(t, [1, 2], [1, 2]), ValueError, "lengths sum to 3, but tokens has"),
    (lambda c, t, _: c.encode_sequences(t, [1, 2], [2], PIXELS), ValueError, "media_embeddings has the shape"),
    (lambda c, t, _: c.encode_sequences(t, [1], [1], cancel=[0]), TypeError, r"cancel is \[0\], expected a Cancel"),
    (lambda c, t, _: c.encode_sequences(t, [[1], [2, 3]], [2]), ValueError, "tokens can't be an array"),
    (lambda _c, t, _: t.tokenize(b"words"), TypeError, "string is b'words', expected a str"),
    (lambda _c, t, _: t.special_token(7), TypeError, "spelling is 7, expected a str"),
    (lambda _c, _t, p: p.metadata(None), TypeError, "key is None, expected a str"),
    (lambda _c, t, _: t.tokenize("a\ud800"), ValueError, "string has a lone surrogate at position 1"),
    (
        lambda *_: audio_token_count(1 << 31),
        ValueError,
        "n_frames is 2147483648; it takes a whole number from -2147483648 to",
    ),
    (lambda *_: find_device(None), TypeError, "the name of a device is None, expected a str"),
    (lambda *_: TextModel("x.gguf", "cpu"), TypeError, "device is 'cpu', expected a Device, as find_device returns it"),
    (lambda *_: Projector(b"x.gguf", CPU), TypeError, "path is b'x.gguf', expected a str"),
    (lambda *_: Context("cpu", 1), TypeError, "device is 'cpu', expected a Device"),
    (lambda *_: Context(CPU, 0), ValueError, "n_threads is 0; it takes a whole number from 1 to 512"),
    (lambda *_: Context(CPU, 1 << 40), ValueError, "n_threads is 1099511627776; it takes a whole number from 1 to 512"),
    (lambda *_: Context(CPU, "2"), TypeError, "n_threads is '2'; it takes a whole number from 1 to 512"),
    (lambda *_: Context(CPU, 1, instruction_set="mmx"), ValueError, "instruction_set is 'mmx', expected one of"),
]


@pytest.mark.parametrize(("call", "kind", "words"), WRONG, ids=[words for _, _, words in WRONG])
def test_a_wrong_argument_is_an_error_that_names_it(
    call: Callable[[Context, TextModel, Projector], object], kind: type[Exception], words: str, small: Checkpoint
) -> None:
    context = Context(CPU, 1)
    with pytest.raises(kind, match=f"^{words}") as caught:
        call(context, TextModel(small.text, CPU), Projector(small.combined, CPU))
    context.close()
    assert not isinstance(caught.value, jina_omni.JinaOmniError)  # those are about inputs and files


def test_the_architecture_is_the_one_of_the_file(small: Checkpoint, nano: Checkpoint) -> None:
    found = {name: TextModel(files.text, CPU) for name, files in (("small", small), ("nano", nano))}
    assert {name: text.architecture for name, text in found.items()} == {"small": "qwen3", "nano": "eurobert"}
    assert {name: text.normalizes_to_nfc for name, text in found.items()} == {"small": True, "nano": False}


def test_a_batch_of_any_number_of_segments_computes_on_other_backends(small: Checkpoint) -> None:
    """There those of many lengths lie side by side in bins, so that a graph has as many nodes for any number."""
    text = TextModel(small.text, CPU)
    lengths = np.tile([1, 2], 4000).astype(np.int32)
    tokens = np.arange(lengths.sum(), dtype=np.int32) % 2000
    ours, portable = Context(CPU, 2), Context(CPU, 2, portable=True)
    found = portable.encode_sequences(text, tokens, lengths)
    expected = ours.encode_sequences(text, tokens, lengths)
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9999
    ours.close()
    portable.close()


def test_a_file_of_another_pre_tokenizer_is_refused_with_those_of_its_architecture(
    nano: Checkpoint, tmp_path: Path
) -> None:
    parts = Parts(nano.text)
    parts.keys["tokenizer.ggml.pre"] = key("tokenizer.ggml.pre", "string", "qwen2")
    path = tmp_path / "text.gguf"
    path.write_bytes(parts.joined())
    words = "tokenizer.ggml.pre is 'qwen2', a file of architecture 'eurobert' has 'jina-v5-nano' or 'llama-bpe'"
    with pytest.raises(jina_omni.ModelLoadError, match=re.escape(words)):
        TextModel(path, CPU)
