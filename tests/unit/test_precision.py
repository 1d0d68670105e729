# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import jina_omni
from jina_omni import InputError, precision, quantize_embeddings
from jina_omni.precision import PRECISIONS

SELF_CALIBRATED = pytest.mark.filterwarnings("ignore:.*give the ranges of")


def vectors(n: int, dim: int = 64, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def whole_numbers() -> NDArray[np.float32]:
    """Return five embeddings that every machine computes alike, the fourth dimension constant, some values zero."""
    i, j = np.indices((5, 16))
    rows = (((i * 37 + j * j * 11 + i * j * 5) % 23 - 11) / np.float32(7)).astype(np.float32)
    rows[:, 3] = 0.5
    return rows


# What quantize_embeddings of sentence-transformers 6.2.0 gave for `whole_numbers`.
UINT8 = """
    000 107 243 000 254 255 048 000 162 216 212 000 254 255 255 255
    187 053 254 000 019 170 024 063 254 089 141 000 000 047 127 191
    067 000 000 000 235 085 000 127 081 255 070 000 070 207 000 127
    255 255 011 000 000 000 255 191 173 127 000 000 141 000 239 063
    134 201 023 000 215 194 230 255 000 000 254 000 212 159 111 000
"""
UINT8_CALIBRATED = """
    000 255 255 000 255 255 127 000 136 235 255 000 255 255 255 255
    255 085 255 000 000 151 000 155 255 000 153 000 000 000 116 127
    054 000 000 000 254 000 000 255 000 255 000 000 051 228 000 000
    255 255 000 000 000 000 255 255 158 052 000 000 146 000 255 000
    176 255 000 000 226 200 255 255 000 000 255 000 240 150 095 000
"""
INT8_OF_RANGES = """
    -128 -001 0127 0063 0072 0127 -110 -019 0054 0108 0127 0127 0127 0127 0108 0054
    0054 -074 0127 0063 -128 0072 -128 0035 0127 -074 0054 0127 -128 -092 -037 -001
    -110 -128 -128 0063 0054 -056 -128 0090 -074 0127 -037 0127 -074 0090 -128 -056
    0127 0127 -128 0063 -128 -128 0127 0127 0072 -019 -128 0127 0017 -128 0090 -110
    -019 0126 -128 0063 0035 0108 0127 0127 -128 -128 0127 0127 0108 0035 -056 -128
"""
BINARY = [[-68, 127], [53, 48], [-103, -44], [83, 26], [-33, -68]]


def table(text: str) -> list[list[int]]:
    return [[int(code) for code in line.split()] for line in text.split("\n") if line.strip()]


@SELF_CALIBRATED
def test_codes_are_those_of_sentence_transformers() -> None:
    rows = whole_numbers()
    assert quantize_embeddings(rows, "uint8").tolist() == table(UINT8)
    assert quantize_embeddings(rows, "int8").tolist() == [[code - 128 for code in row] for row in table(UINT8)]
    calibrated = quantize_embeddings(rows, "uint8", calibration_embeddings=rows[:3] * np.float32(0.75))
    assert calibrated.tolist() == table(UINT8_CALIBRATED)
    ranges = np.array([[-1.0] * 16, [1.0] * 16])
    assert quantize_embeddings(rows, "int8", ranges).tolist() == table(INT8_OF_RANGES)
    assert quantize_embeddings(rows, "binary").tolist() == BINARY
    assert quantize_embeddings(rows, "ubinary").tolist() == [[code + 128 for code in row] for row in BINARY]


@SELF_CALIBRATED
@pytest.mark.parametrize(
    ("name", "dtype", "width"),
    [
        ("float32", np.float32, 64),
        ("float16", np.float16, 64),
        ("int8", np.int8, 64),
        ("uint8", np.uint8, 64),
        ("binary", np.int8, 8),
        ("ubinary", np.uint8, 8),
    ],
)
def test_each_precision_has_its_type_and_width(name: Any, dtype: type, width: int) -> None:
    codes = quantize_embeddings(vectors(5), name)
    assert (codes.dtype, codes.shape) == (dtype, (5, width))
    empty = quantize_embeddings(vectors(0), name)
    assert (empty.dtype, empty.shape) == (dtype, (0, width))


def test_the_precisions_are_those_of_the_list() -> None:
    assert PRECISIONS == ("float32", "float16", "int8", "uint8", "binary", "ubinary")


def test_floats_are_rounded_to_the_nearest() -> None:
    rows = vectors(3).astype(np.float64)
    np.testing.assert_array_equal(quantize_embeddings(rows, "float32"), rows.astype(np.float32))
    np.testing.assert_allclose(quantize_embeddings(rows, "float16"), rows, rtol=2**-11, atol=2**-25)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 99))
def test_a_bit_is_set_where_a_value_is_over_zero(dim: int, n: int, seed: int) -> None:
    rows = np.random.default_rng(seed).integers(-1, 2, (n, dim)).astype(np.float32)
    packed = quantize_embeddings(rows, "ubinary")
    for row, codes in zip(rows, packed, strict=True):
        bits = "".join(f"{code:08b}" for code in codes)
        assert bits == "".join("1" if value > 0 else "0" for value in row).ljust(len(bits), "0")
    np.testing.assert_array_equal(quantize_embeddings(rows, "binary"), packed.astype(int) - 128)


@given(st.integers(2, 6), st.integers(0, 99))
def test_a_code_names_the_step_of_its_range_that_holds_the_value(dim: int, seed: int) -> None:
    rows = vectors(7, dim, seed)
    ranges = np.stack([rows.min(axis=0), rows.max(axis=0)])
    codes = quantize_embeddings(rows, "uint8", ranges)
    for i, j in np.ndindex(rows.shape):
        low, high = Fraction(float(ranges[0, j])), Fraction(float(ranges[1, j]))
        exact = (Fraction(float(rows[i, j])) - low) * 255 / (high - low)
        assert codes[i, j] - Fraction(1, 1000) < exact < codes[i, j] + Fraction(1001, 1000)  # float32 at the borders


def test_what_lies_outside_the_ranges_takes_the_nearest_code() -> None:
    ranges = [[0.0] * 8, [1.0] * 8]
    assert quantize_embeddings([[-9.0] * 8, [9.0] * 8], "uint8", ranges).tolist() == [[0] * 8, [255] * 8]
    assert quantize_embeddings([[-np.inf] * 8, [np.inf] * 8], "int8", ranges).tolist() == [[-128] * 8, [127] * 8]


@pytest.mark.parametrize("name", PRECISIONS)
def test_a_single_embedding_has_the_codes_that_it_has_among_others(name: Any) -> None:
    rows, others = vectors(4), vectors(200, seed=1)
    ranges = np.stack([others.min(axis=0), others.max(axis=0)])
    for given_ in ({"ranges": ranges}, {"calibration_embeddings": others}):
        codes = quantize_embeddings(rows, name, **given_)
        np.testing.assert_array_equal(quantize_embeddings(rows[1], name, **given_), codes[1])
        np.testing.assert_array_equal(quantize_embeddings(rows[1:2], name, **given_), codes[1:2])


def test_ranges_come_before_calibration_embeddings() -> None:
    rows, ranges = vectors(3), np.array([[-1.0] * 64, [1.0] * 64])
    both = quantize_embeddings(rows, "int8", ranges, vectors(200))
    np.testing.assert_array_equal(both, quantize_embeddings(rows, "int8", ranges))


def test_few_embeddings_that_give_their_own_ranges_are_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"^99 embeddings give the ranges of int8 themselves") as caught:
        quantize_embeddings(vectors(99), "int8")
    assert caught[0].filename == __file__
    quantize_embeddings(vectors(100), "int8")  # a warning would be an error here
    quantize_embeddings(vectors(2), "int8", calibration_embeddings=vectors(2))
    quantize_embeddings(vectors(2), "binary")


@pytest.mark.parametrize("rows", [vectors(1), vectors(1)[0]], ids=["row", "vector"])
@pytest.mark.parametrize("name", ["int8", "uint8"])
def test_a_single_embedding_gives_no_ranges(rows: NDArray[Any], name: Any) -> None:
    with pytest.raises(ValueError, match=r"but a single embedding gives no ranges for it; .* with ranges"):
        quantize_embeddings(rows, name)


@SELF_CALIBRATED
@pytest.mark.parametrize("name", ["int8", "uint8", "binary", "ubinary"])
def test_rows_of_nan_become_zeros_and_give_no_range(name: Any) -> None:
    rows = vectors(6)
    failed = np.insert(rows, [0, 3], np.nan, axis=0)
    codes = quantize_embeddings(failed, name)
    assert not codes[[0, 4]].any()
    np.testing.assert_array_equal(np.delete(codes, [0, 4], axis=0), quantize_embeddings(rows, name))
    np.testing.assert_array_equal(
        quantize_embeddings(rows, name, calibration_embeddings=failed),
        quantize_embeddings(rows, name, calibration_embeddings=rows),
    )
    assert not quantize_embeddings(failed[[0, 4]], name).any()


def test_what_is_quantized_stays_as_it_was() -> None:
    rows = vectors(3)
    before, ranges = rows.copy(), np.array([[-1.0] * 64, [1.0] * 64])
    for name in PRECISIONS:
        codes = quantize_embeddings(rows, name, ranges)
        codes[:] = 1
        np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(
    ("embeddings", "options", "words"),
    [
        (vectors(2), {"precision": "int4"}, "precision is 'int4'; it is one of float32, float16, int8"),
        (np.zeros((2, 8), np.int8), {"precision": "binary"}, "embeddings to quantize are int8 of the shape (2, 8), "),
        ([[1, 2]], {"precision": "float32"}, "are int64 of the shape (1, 2), expected floats"),
        (np.zeros((2, 2, 8)), {"precision": "binary"}, "of the shape (2, 2, 8), expected floats of the shape (n, dim)"),
        (vectors(2), {"precision": "int8", "ranges": np.zeros((2, 63))}, "ranges have the shape (2, 63), expected"),
        (
            vectors(2),
            {"precision": "int8", "calibration_embeddings": vectors(9, 32)},
            "calibration_embeddings have the shape (9, 32), expected (m, 64)",
        ),
        (
            vectors(2),
            {"precision": "int8", "calibration_embeddings": np.full((3, 64), np.nan)},
            "calibration_embeddings have the shape (3, 64), expected (m, 64) with a row without NaN",
        ),
        (
            vectors(2),
            {"precision": "int8", "calibration_embeddings": vectors(0)},
            "calibration_embeddings have the shape (0, 64), expected (m, 64)",
        ),
    ],
)
def test_what_cannot_be_quantized_is_said(embeddings: Any, options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        quantize_embeddings(embeddings, **options)
    assert not isinstance(caught.value, InputError)  # it is about an argument


@pytest.fixture(scope="module")
def model(request: pytest.FixtureRequest) -> Iterator[jina_omni.Model]:
    with jina_omni.Model(request.getfixturevalue("small").text) as model:
        yield model


TEXTS = [f"text {i} {'of words ' * (i % 5)}" for i in range(9)]


@SELF_CALIBRATED
@pytest.mark.parametrize("name", PRECISIONS)
@pytest.mark.parametrize("dim", [None, 32])
def test_encode_gives_the_codes_of_its_own_vectors(model: jina_omni.Model, name: Any, dim: int | None) -> None:
    codes = model.encode(TEXTS, precision=name, truncate_dim=dim)
    expected = quantize_embeddings(model.encode(TEXTS, truncate_dim=dim), name)
    assert codes.dtype == expected.dtype
    np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize("name", ["float16", "binary", "ubinary"])
def test_one_input_gives_one_row(model: jina_omni.Model, name: Any) -> None:
    np.testing.assert_array_equal(model.encode("a", precision=name), quantize_embeddings(model.encode("a"), name))
    np.testing.assert_array_equal(model.encode_query(["a"], precision=name)[0], model.encode_query("a", precision=name))


def test_few_inputs_are_warned_of(model: jina_omni.Model) -> None:
    with pytest.warns(UserWarning, match="9 embeddings give the ranges of uint8 themselves"):
        model.encode(TEXTS, precision="uint8")


@SELF_CALIBRATED
def test_failing_inputs_are_zeros_and_give_no_range(model: jina_omni.Model) -> None:
    for name in PRECISIONS:
        codes, errors = model.encode(["", *TEXTS, None], precision=name, on_error="return")
        assert sorted(errors) == [0, len(TEXTS) + 1]
        np.testing.assert_array_equal(codes[1:-1], model.encode(TEXTS, precision=name))
        failed = np.isnan(codes[[0, -1]]) if name.startswith("float") else codes[[0, -1]] == 0
        assert failed.all()


def test_what_cannot_be_is_refused_before_anything_is_computed(
    model: jina_omni.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model._preparer, "prepare", None)
    with pytest.raises(ValueError, match="precision is 'int4'; it is one of"):
        model.encode(TEXTS, precision="int4")
    for one in ("a", ["a"]):
        with pytest.raises(ValueError, match="precision is 'int8', but a single embedding gives no ranges for it"):
            model.encode(one, precision="int8")
    with pytest.raises(ValueError, match=r"precision is 'uint8', which needs the ranges of all embeddings, .* know"):
        model.encode_iter(TEXTS, precision="uint8")


def test_a_stream_has_precisions_that_need_no_ranges(model: jina_omni.Model) -> None:
    for name in ("float16", "binary"):
        streamed = list(model.encode_iter(TEXTS, precision=name))
        np.testing.assert_array_equal(streamed, model.encode(TEXTS, precision=name))


def test_the_examples_run() -> None:
    assert doctest.testmod(precision).failed == 0
