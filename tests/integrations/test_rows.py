from __future__ import annotations

import numpy as np

import jina_omni
from jina_omni.integrations.shared.rows import embed_rows


def test_a_failing_row_is_an_error_value_that_does_not_name_its_place_in_the_batch(model: jina_omni.Model) -> None:
    damaged = jina_omni.Image(b"\x89PNG\r\n\x1a\n")
    made = embed_rows(model, ["a", damaged, "", "b", damaged], {"truncate_dim": 32})
    np.testing.assert_array_equal(made["embedding"][[0, 3]], model.encode_document(["a", "b"], truncate_dim=32))
    assert np.isnan(made["embedding"][[1, 2, 4]]).all()
    assert [error is None for error in made["error"]] == [True, False, False, True, False]
    assert made["error"][1] == made["error"][4]
    assert made["error"][1].startswith("DecodeError: input ")
    assert made["error"][2] == "InputError: input is an empty text, which has no embedding; leave it out"


def test_rows_are_documents_unless_the_options_say_else(model: jina_omni.Model) -> None:
    made = embed_rows(model, ["a"], {"prompt_name": "query"})
    np.testing.assert_array_equal(made["embedding"], model.encode_query(["a"]))
