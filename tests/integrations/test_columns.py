# SPDX-License-Identifier: Apache-2.0
"""Columns and rows of the packages that hold tables, none of which the library imports."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import jina_omni

from .packages import import_framework

TEXTS = ["a red circle", "a blue square", "two green stars"]


def assert_column(model: jina_omni.Model, column: object, values: list[object]) -> None:
    np.testing.assert_array_equal(model.encode(column), model.encode(values))
    assert model.count_tokens(column) == model.count_tokens(values)
    np.testing.assert_array_equal(np.stack(list(model.encode_iter(column))), model.encode(values))


def test_columns_of_pandas(model: jina_omni.Model) -> None:
    pandas = import_framework("pandas")
    table = pandas.DataFrame({"text": TEXTS, "label": [1, 2, 3]}, index=[7, 5, 3])
    for column in (table["text"], table["text"].astype(object), table["text"].astype("category"), table["text"].values):
        assert_column(model, column, TEXTS)
    assert_column(model, pandas.Index(TEXTS), TEXTS)
    assert_column(model, table[["text"]].to_dict("records"), TEXTS)
    _, errors = model.encode(pandas.Series(["a", None, float("nan")], dtype=object), on_error="return")
    assert sorted(errors) == [1, 2]
    with pytest.raises(jina_omni.InputError, match="of the type DataFrame, a table; pass one of its columns"):
        model.encode(table)


def test_columns_of_polars(model: jina_omni.Model) -> None:
    polars = import_framework("polars")
    table = polars.DataFrame({"text": TEXTS, "label": [1, 2, 3]})
    assert_column(model, table["text"], TEXTS)
    assert_column(model, table.select("text").to_dicts(), TEXTS)
    for refused in (table, table.lazy()):
        with pytest.raises(jina_omni.InputError, match=r"of the type \w+Frame, a table; pass one of its columns"):
            model.encode(refused)


def test_columns_of_arrow(model: jina_omni.Model) -> None:
    arrow = import_framework("pyarrow")
    table = arrow.table({"text": TEXTS, "label": [1, 2, 3]})
    assert_column(model, table["text"], TEXTS)
    assert_column(model, arrow.array(TEXTS), TEXTS)
    with pytest.raises(jina_omni.InputError, match="of the type Table, a table; pass one of its columns"):
        model.encode(table)


def test_columns_and_rows_of_datasets(
    model: jina_omni.Model, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = import_framework("datasets")
    images = [jina_omni.Image(path) for path in pictures]
    features = datasets.Features({"text": datasets.Value("string"), "image": datasets.Image()})
    rows = datasets.Dataset.from_dict({"text": TEXTS, "image": list(map(str, pictures))}, features)
    assert_column(model, rows["text"], TEXTS)
    assert_column(model, rows["image"], images)  # decoded: PIL images
    files = rows.cast_column("image", datasets.Image(decode=False))
    assert_column(model, files["image"], images)
    fused = [[text, image] for text, image in zip(TEXTS, images, strict=True)]
    assert_column(model, files, fused)  # its rows, each a dict
    found: list[np.ndarray] = []
    rows.map(lambda row: found.append(model.encode(row)), load_from_cache_file=False)  # lazy rows
    np.testing.assert_array_equal(np.stack(found), model.encode(fused))


def test_samples_of_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = import_framework("datasets")
    soundfile = import_framework("soundfile")
    file = io.BytesIO()
    samples = np.sin(np.arange(8_000) / 7)
    soundfile.write(file, samples, 8_000, format="WAV", subtype="FLOAT")
    rows = datasets.Dataset.from_dict({"audio": [{"bytes": file.getvalue(), "path": "sound.wav"}]})
    (row,) = rows.cast_column("audio", datasets.Audio(decode=False))
    wanted = jina_omni.Audio(samples, sampling_rate=8_000)
    decoded = {"path": "sound.wav", "array": samples, "sampling_rate": 8_000}
    with jina_omni.demo_model(device="cpu") as model:
        for value in (row, row["audio"], decoded, {"audio": decoded}, (samples, 8_000)):
            part = jina_omni.Audio(value) if isinstance(value, tuple) else value
            np.testing.assert_allclose(model.encode(part), model.encode(wanted), atol=1e-5)


def test_a_row_of_pixels_is_an_image(model: jina_omni.Model, pictures: list[Path]) -> None:
    with PIL.Image.open(pictures[0]) as picture:
        np.testing.assert_array_equal(model.encode({"image": picture}), model.encode(pictures[0]))
