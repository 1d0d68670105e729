from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jina_omni
from jina_omni.integrations.shared.child_rows import ChildRows
from jina_omni.integrations.shared.rows import Rows, check_row_options, embed_rows, open_in_worker
from tests.integrations.conftest import TEXT


def pass_on(row: Any) -> Any:
    return row


def test_a_failing_row_is_an_error_value_that_does_not_name_its_place_in_the_batch(model: jina_omni.Model) -> None:
    damaged = jina_omni.Image(b"\x89PNG\r\n\x1a\n")
    made = embed_rows(model, ["a", damaged, "", "b", damaged], pass_on, {"truncate_dim": 32})
    np.testing.assert_array_equal(made["embedding"][[0, 3]], model.encode_document(["a", "b"], truncate_dim=32))
    assert np.isnan(made["embedding"][[1, 2, 4]]).all()
    assert [error is None for error in made["error"]] == [True, False, False, True, False]
    assert made["error"][1] == made["error"][4]
    assert made["error"][1].startswith("DecodeError: input ")
    assert made["error"][2] == "InputError: input is an empty text, which has no embedding; leave it out"


def test_a_function_that_raises_costs_its_row_alone(model: jina_omni.Model) -> None:
    rows = [{"text": "a"}, {}, {"text": "b"}, {"text": "", "bytes": None}]
    made = embed_rows(model, rows, lambda row: jina_omni.Image(row["bytes"]) if "bytes" in row else row["text"], {})
    np.testing.assert_array_equal(made["embedding"][[0, 2]], model.encode_document(["a", "b"]))
    assert np.isnan(made["embedding"][[1, 3]]).all()
    assert made["error"][1] == "KeyError: 'text'"
    assert "Error: " in made["error"][3]
    none = embed_rows(model, [{}, {}], lambda row: row["text"], {"truncate_dim": 32})
    assert none["embedding"].shape == (2, 32)


def test_rows_are_documents_unless_the_options_say_else(model: jina_omni.Model) -> None:
    made = embed_rows(model, ["a"], pass_on, {"prompt_name": "query"})
    np.testing.assert_array_equal(made["embedding"], model.encode_query(["a"]))


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("trunkate", r"did you mean 'truncate'\?$"),
        ("batchsize", r"did you mean 'batch_size'\?$"),
        ("on_error", "the reason is in the column error"),
        ("precision", "embeddings are float32"),
        ("dim", "pass truncate_dim="),
    ],
)
def test_a_wrong_option_is_refused_before_any_row_is_embedded(option: str, hint: str) -> None:
    with pytest.raises(TypeError, match=rf"^embed\(\) has no argument '{option}'; .*{hint}"):
        check_row_options("embed", {option: 3}, ["model", "batch_size"])
    check_row_options("embed", {"truncate": True, "prompt_name": "query"}, ["model"])


def test_a_worker_opens_what_a_model_takes_with_what_it_is_assigned(model: jina_omni.Model) -> None:
    for given in (TEXT, str(TEXT), {"model": TEXT, "n_threads": 5}, model, partial(jina_omni.Model, TEXT)):
        with open_in_worker(given, n_threads=1, device="cpu") as opened:
            assert (opened.info.n_threads, opened.info.device) == (1, "cpu")
            np.testing.assert_array_equal(opened.encode("a"), model.encode("a"))


def make_embedder(deadly: str) -> Callable[[Sequence[str]], Rows]:
    model = jina_omni.Model(TEXT, device="cpu", n_threads=1)

    def make_input(row: str) -> str:
        if row == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if row == "wrong":
            raise KeyError(row)
        return row

    return lambda rows: embed_rows(model, rows, make_input, {})


def fail(path: Path) -> None:
    if path.exists():
        os._exit(1)


def test_a_row_with_which_a_child_ends_costs_that_row_alone(model: jina_omni.Model) -> None:
    embed = ChildRows(pickle.dumps(partial(make_embedder, "deadly")))
    made = embed(["a", "deadly", "b", "wrong"])
    np.testing.assert_array_equal(made["embedding"][[0, 2]], model.encode_document(["a", "b"]))
    assert np.isnan(made["embedding"][[1, 3]]).all()
    assert made["error"][1].startswith("NativeError: the process ended while it embedded this input")
    assert made["error"].tolist()[::2] == [None, None]
    assert made["error"][3] == "KeyError: 'wrong'"
    np.testing.assert_array_equal(embed(["c"])["embedding"], model.encode_document(["c"]))


@pytest.mark.filterwarnings("ignore")
def test_a_child_that_can_not_open_its_model_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(jina_omni.NativeError, match="ended while it opened the model"):
        ChildRows(pickle.dumps(partial(fail, tmp_path / "there")))
