# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jina_omni import Image, Model, cosine_similarity, cosines, quantize_embeddings
from jina_omni.cosines import scale_to_unit_length
from jina_omni.precision import Precision


def vectors(n: int, dim: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 70), st.integers(0, 99))
def test_it_is_the_cosine_of_each_pair(n_a: int, n_b: int, dim: int, seed: int) -> None:
    a, b = vectors(n_a, dim, seed), 3 * vectors(n_b, dim, seed + 1000)
    got = cosine_similarity(a, b)
    assert got.dtype == np.float32
    expected = np.empty((n_a, n_b))
    for i in range(n_a):
        for j in range(n_b):
            x, y = a[i].astype(np.float64), b[j].astype(np.float64)
            expected[i, j] = x @ y / (x @ x) ** 0.5 / (y @ y) ** 0.5
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_a_single_vector_counts_as_one_row() -> None:
    a = vectors(3, 8, 0)
    assert cosine_similarity(a[0], a).shape == (1, 3)
    assert cosine_similarity(a, a[0]).shape == (3, 1)
    assert cosine_similarity(a[0], a[0]).shape == (1, 1)
    np.testing.assert_allclose(cosine_similarity(a[1], a), cosine_similarity(a, a)[1:2], atol=1e-6)


def test_lists_are_taken() -> None:
    np.testing.assert_allclose(cosine_similarity([[3.0, 4]], [[4.0, 3], [-3, -4]]), [[0.96, -1.0]], rtol=1e-6)


def test_no_rows_give_no_cosines() -> None:
    assert cosine_similarity(np.empty((0, 8)), vectors(2, 8, 0)).shape == (0, 2)


def test_a_zero_vector_has_the_cosine_zero_and_no_warning() -> None:
    got = cosine_similarity([[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [2.0, 0.0]])
    np.testing.assert_array_equal(got, [[0.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("values", ["a cat", ["a", "b"], [b"a"], [Image("a.png")], [{"text": "a"}]])
def test_what_is_not_embedded_is_refused_with_the_way_out(values: object) -> None:
    for one, other in ((values, [1.0]), ([1.0], values)):
        with pytest.raises(ValueError, match="not numbers; embed texts and media first") as raised:
            cosine_similarity(one, other)
        assert raised.value.__suppress_context__


def test_numbers_of_any_type_are_taken() -> None:
    np.testing.assert_allclose(cosine_similarity(np.array([[3.0, 4]], object), [[True, False]]), [[0.6]], rtol=1e-6)


@pytest.mark.parametrize("widths", [(8, 7), (1, 2), (32, 64)])
def test_other_widths_are_refused_by_name(widths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"of {widths[0]} and {widths[1]} dimensions can't be compared"):
        cosine_similarity(np.ones((2, widths[0])), np.ones((2, widths[1])))


def test_what_is_compared_stays_as_it_was() -> None:
    a = 5 * vectors(2, 4, 0)
    before = a.copy()
    cosine_similarity(a, a)
    np.testing.assert_array_equal(a, before)


def test_the_model_offers_the_same() -> None:
    a, b = vectors(2, 16, 0), vectors(3, 16, 1)
    np.testing.assert_array_equal(Model.similarity(a, b), cosine_similarity(a, b))


# ---- codes ----


@pytest.mark.parametrize("precision", ["binary", "ubinary"])
def test_packed_bits_compare_by_hamming_distance(precision: Precision) -> None:
    a, b = vectors(5, 64, 0), vectors(7, 64, 1)
    n_differ = ((a > 0)[:, np.newaxis] != (b > 0)).sum(axis=-1)
    packed = quantize_embeddings(a, precision), quantize_embeddings(b, precision)
    for found in (cosine_similarity(*packed, precision=precision), Model.similarity(*packed, precision=precision)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, 1 - 2 * n_differ / 64, atol=1e-6)
    as_lists = [codes.tolist() for codes in packed]
    np.testing.assert_array_equal(cosine_similarity(*as_lists, precision=precision), found)
    signs = np.where(b > 0, 1.0, -1.0)
    np.testing.assert_allclose(
        cosine_similarity(a, packed[1], precision=precision), cosine_similarity(a, signs), atol=1e-6
    )


@pytest.mark.parametrize("precision", ["int8", "uint8"])
def test_codes_of_a_range_compare_as_their_embeddings(precision: Precision) -> None:
    a, b = vectors(6, 128, 0), vectors(150, 128, 1)
    a[:, 3] = b[:, 3] = 0.5  # a range of length 0
    ranges = np.stack([np.minimum(a.min(axis=0), b.min(axis=0)), np.maximum(a.max(axis=0), b.max(axis=0))])
    codes = [quantize_embeddings(rows, precision, ranges=ranges) for rows in (a, b)]
    wanted = cosine_similarity(a, b)
    for left in (codes[0], a):
        found = cosine_similarity(left, codes[1], precision=precision, ranges=ranges)
        np.testing.assert_allclose(found, wanted, atol=5e-3)
    assert abs(cosine_similarity(*(each.astype(np.float32) for each in codes)) - wanted).max() > 0.1


def test_what_codes_can_not_say_is_refused() -> None:
    rows = vectors(4, 64, 0)
    ranges = np.stack([rows.min(axis=0), rows.max(axis=0)])
    for precision, other in (("int8", "binary"), ("uint8", "ubinary")):
        codes = quantize_embeddings(rows, precision, ranges=ranges)
        for pair in ((codes, codes), (codes, rows), (rows, codes)):
            words = rf"are {precision}, .* pass precision='{other}', or '{precision}' with ranges="
            for wrong in (None, "float32", "float16"):
                with pytest.raises(ValueError, match=words):
                    cosine_similarity(*pair, precision=wrong)
            with pytest.raises(ValueError, match=rf"codes of {precision} mean nothing without the ranges"):
                cosine_similarity(*pair, precision=precision)
            with pytest.raises(ValueError, match=r"ranges have the shape \(2, 3\), expected .* \(2, 64\)"):
                cosine_similarity(*pair, precision=precision, ranges=ranges[:, :3])
    for wrong, precision in (
        (np.zeros((1, 8), np.int8), "ubinary"),
        (np.zeros((1, 8), np.uint8), "binary"),
        (np.array([[256]]), "ubinary"),
        (np.array([[-1]]), "uint8"),
        (np.array([[128]]), "int8"),
    ):
        words = rf"embeddings to compare are {wrong.dtype}, but codes of precision='{precision}' are u?int8"
        with pytest.raises(ValueError, match=words):
            cosine_similarity(wrong, wrong, precision=precision)
    with pytest.raises(ValueError, match="precision is 'int4'"):
        cosine_similarity(rows, rows, precision="int4")
    with pytest.raises(ValueError, match="of 64 and 512 dimensions"):
        cosine_similarity(rows, rows.astype(np.uint8), precision="ubinary")


@given(st.integers(1, 5), st.integers(1, 40), st.floats(1e-6, 1e6), st.integers(0, 99))
def test_unit_length_keeps_directions(n: int, dim: int, scale: float, seed: int) -> None:
    rows = vectors(n, dim, seed) * np.float32(scale)
    units = scale_to_unit_length(rows)
    assert units.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(units.astype(np.float64), axis=1), 1, rtol=1e-6)
    factors = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(units * factors, rows, rtol=1e-5)


def test_the_examples_run() -> None:
    assert doctest.testmod(cosines).failed == 0


@pytest.mark.parametrize("codes", [[[3, -4]], np.array([[3, -4]], np.int16), np.array([[3, 4]], np.uint32)], ids=str)
def test_codes_of_any_integers_are_refused_without_their_precision(codes: object) -> None:
    with pytest.raises(ValueError, match=r"which are packed bits or codes of a range; pass precision="):
        cosine_similarity(codes, [[1.0, 2.0]])


def test_codes_that_became_floats_are_refused() -> None:
    codes = quantize_embeddings(vectors(8, 16, 0), "int8", ranges=np.array([[-1.0] * 16, [1.0] * 16]))
    with pytest.raises(ValueError, match=r"pass the codes as the integers that they are"):
        cosine_similarity(codes.astype(np.float32), codes.astype(np.float32), precision="int8")


@pytest.mark.parametrize(
    "ranges", [[[1.0] * 16, [-1.0] * 16], [[-1.0] * 16, [np.nan] * 16], [[-np.inf] * 16, [1.0] * 16]]
)
def test_ranges_that_mean_nothing_are_refused(ranges: list[list[float]]) -> None:
    embeddings = vectors(8, 16, 0)
    with pytest.raises(ValueError, match=r"a minimum above its maximum; pass minima, then maxima"):
        quantize_embeddings(embeddings, "int8", ranges=np.array(ranges))
