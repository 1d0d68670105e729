"""The one rule by which every adapter takes a model and options, and what it stores of them."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni.demo import DATA
from jina_omni.integrations.shared.file_identity import describe_files
from jina_omni.integrations.shared.model_source import ModelSource, check_same_identity
from tests.integrations.conftest import TEXT, VISION


def make_source(model: object, **options: object) -> ModelSource:
    return ModelSource(model, options, adapter="Adapter")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with copies of the packaged model's files."""
    for file in DATA.glob("*.gguf"):
        shutil.copy(file, tmp_path)
    return tmp_path


def test_a_stored_model_is_the_same_model(open_model: partial[jina_omni.Model]) -> None:
    with open_model(device="cpu", n_threads=2, compute="exact", dialect="sentence-transformers") as model:
        written = json.dumps(make_source(model).arguments)
        assert len(written) < 3_000  # no weights
        with make_source(json.loads(written)).model as again:
            assert again.info == model.info


def test_a_given_model_is_the_one_that_is_used(model: jina_omni.Model) -> None:
    assert make_source(model).model is model


def test_a_model_a_file_a_folder_and_a_dict_make_the_same_vectors(model: jina_omni.Model, folder: Path) -> None:
    expected = model.encode_document("a red circle", truncate_dim=32)
    for given in (model, str(TEXT), TEXT, folder, str(folder), {"model": TEXT, "mmproj": VISION, "device": "cpu"}):
        source = make_source(given, truncate_dim=32)
        stored = ModelSource(json.loads(json.dumps(source.arguments)), source.options, adapter="Adapter")
        for made in (source, stored):
            np.testing.assert_array_equal(made.model.encode_document("a red circle", **made.options), expected)


def test_equal_settings_are_stored_equally_however_they_are_given(model: jina_omni.Model) -> None:
    given = make_source({"model": str(TEXT), "mmproj": str(VISION), "device": "cpu", "n_threads": 1})
    assert given.arguments == make_source(model).arguments | {"modality": None}
    assert given.identity_digest == make_source(model).identity_digest


def test_a_task_that_is_passed_is_the_one_that_the_name_of_the_file_says() -> None:
    named, passed, other = (make_source({"model": TEXT, "task": task}) for task in (None, "retrieval", "clustering"))
    assert named.arguments == passed.arguments
    assert named.identity_digest == passed.identity_digest != other.identity_digest


def test_values_of_numpy_and_the_order_of_projectors_are_stored_as_others(model: jina_omni.Model) -> None:
    source = make_source(model, truncate_dim=np.int64(32), truncate=np.True_)
    plain = make_source(model, truncate_dim=32, truncate=True)
    assert json.dumps(source.options) == json.dumps(plain.options)
    audio = DATA / "toy-retrieval-audio-mmproj-F16.gguf"
    both = [
        make_source({"model": TEXT, "mmproj": order, "n_threads": np.int32(1)})
        for order in ([audio, VISION], [VISION, audio])
    ]
    assert json.dumps(both[0].arguments["files"]) == json.dumps(both[1].arguments["files"])
    assert both[0].identity == both[1].identity


def test_a_path_is_stored_so_that_it_is_found_from_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    source = make_source({"model": TEXT.name, "mmproj": [VISION.name]})
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).model.encode("a"), source.model.encode("a"))
    assert (source.arguments["model"], source.arguments["mmproj"]) == (
        str(folder / TEXT.name),
        [str(folder / VISION.name)],
    )


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"model": TEXT, "threads": 2}, TypeError),
        ({}, TypeError),
        (3, TypeError),
        (None, TypeError),
        ({"model": TEXT, "compute": "slow"}, ValueError),
        ("none.gguf", jina_omni.ModelLoadError),
        ({"model": "none.gguf"}, jina_omni.ModelLoadError),
        ({"model": TEXT, "threads": 2, "files": []}, TypeError),
    ],
)
def test_what_makes_no_model_is_refused_at_once(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        make_source(wrong)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"dim": 64}, "Adapter.. has no argument 'dim'; pass truncate_dim="),
        ({"trunkate": True}, "'trunkate'; it takes model, truncate_dim"),
        ({"dialect": "card"}, "a jina_omni.Model that has it"),
        ({"fetch": len}, "is not stored"),
        ({"cancel": jina_omni.CancelToken()}, "belongs to one call"),
        ({"on_error": "return"}, "needs a vector for each document"),
        ({"on_progress": print}, "is not stored"),
        ({"task": "clustering"}, "a jina_omni.Model that has it"),
        ({"devices": ["cuda:0"]}, "a jina_omni.Model that has it"),
        ({"show_progress_bar": "no"}, "show_progress_bar is 'no'; it takes True or False"),
        ({"truncate_dim": 65}, "truncate_dim is 65"),
        ({"truncate": "false"}, "truncate is 'false'"),
        ({"prompt": 3}, "prompt is 3"),
    ],
)
def test_a_wrong_option_is_refused_at_once(model: jina_omni.Model, options: dict[str, object], hint: str) -> None:
    with pytest.raises((TypeError, ValueError), match=hint):
        make_source(model, **options)


def test_stored_arguments_open_one_model_at_the_first_use(folder: Path) -> None:
    stored = make_source({"model": folder / TEXT.name, "device": "cpu"}).arguments
    source = make_source(stored)
    assert source.model is source.model
    (folder / TEXT.name).unlink()
    absent = make_source(stored)
    with pytest.raises(jina_omni.ModelLoadError, match=TEXT.name):
        _ = absent.model


def test_copies_share_the_model_and_a_pickle_opens_it_again(model: jina_omni.Model) -> None:
    source = make_source(model, truncate_dim=32)
    assert copy.deepcopy(source).model is model
    assert copy.copy(source).model is model
    again = pickle.loads(pickle.dumps(source))
    assert again.options == {"truncate_dim": 32}
    assert again.identity == source.identity
    assert again.model is not model


@pytest.mark.parametrize("place", ["name", "header", "weights"])
def test_other_files_under_the_same_path_are_refused(folder: Path, place: str) -> None:
    path = folder / TEXT.name
    source = make_source({"model": path, "device": "cpu"})
    stored = json.loads(json.dumps(source.arguments))
    source.model.close()
    if place == "name":  # another task may be found in it, which has other prompts
        path = path.rename(folder / "other-F16.gguf")
        stored["model"] = str(path)
    else:
        data = bytearray(path.read_bytes())
        i = data.index(b"general.name") + 24 if place == "header" else len(data) // 4 * 3
        data[i] ^= 1
        path.write_bytes(data)
    again = make_source(stored)
    with pytest.raises(
        jina_omni.ModelLoadError, match=r"not those that Adapter was stored with.*embed everything again"
    ):
        _ = again.model


def test_weights_behind_a_long_header_are_sampled(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    data = np.random.default_rng(0).integers(0, 256, 40 * 2**20, np.uint8)
    data.tofile(path)
    first = describe_files([str(path)])
    assert first[0]["name"], first[0]["size"] == ("a.gguf", len(data))
    data[16 * 2**20 :] += 1  # as after more training: nearly all weights
    data.tofile(path)
    assert describe_files([str(path)])[0]["sha256"] != first[0]["sha256"]


def test_each_part_of_a_split_file_has_an_identity(tmp_path: Path) -> None:
    paths = [tmp_path / f"a-0000{i}-of-00002.gguf" for i in (1, 2)]
    for path in paths:
        path.write_bytes(path.name.encode())
    found = describe_files([str(paths[0])])
    assert [file["name"] for file in found] == [path.name for path in paths]
    paths[1].unlink()
    with pytest.raises(jina_omni.ModelLoadError, match=r"00002-of-00002.gguf: the file can't be read"):
        describe_files([str(paths[0])])


def test_vectors_of_other_settings_do_not_compare() -> None:
    given = {"model": TEXT, "mmproj": [VISION], "device": "cpu"}
    source = make_source(given)
    for arguments, options, name in [
        ({"dialect": "sentence-transformers"}, {}, "dialect"),
        ({"compute": "exact"}, {}, "compute"),
        ({"task": "clustering"}, {}, "task"),
        ({"orientation": "upright"}, {}, "orientation"),
        ({"background": "white"}, {}, "background"),
        ({"mmproj": []}, {}, "files"),
        ({}, {"truncate_dim": 32}, "truncate_dim"),
        ({}, {"normalize_embeddings": False}, "normalize_embeddings"),
        ({}, {"prompt": "x"}, "prompt"),
    ]:
        other = make_source({**given, **arguments}, **options)
        with pytest.raises(ValueError, match=f"the table has vectors of another identity.*: {name} "):
            check_same_identity(source, other, "the table")
        assert source.identity_digest != other.identity_digest
    same = make_source({**given, "n_threads": 1, "pack": True, "mmap": True}, batch_tokens=64, truncate=True)
    check_same_identity(source, same, "the table")
    white = [make_source({**given, "background": colour}) for colour in ("white", "#ffffff", (255, 255, 255))]
    assert len({each.identity_digest for each in white}) == 1


def test_a_misspelt_argument_of_the_adapter_itself_is_answered_by_the_right_one(model: jina_omni.Model) -> None:
    with pytest.raises(TypeError, match=r"priority, on_error, embed_batch_size; did you mean 'embed_batch_size'\?$"):
        ModelSource(model, {"embed_batchsize": 3}, adapter="Adapter", others=["on_error", "embed_batch_size"])


@pytest.mark.parametrize("single", ["a red circle", b"a", None, {"text": "a"}, {"a", "b"}, jina_omni.Text("a"), 3])
def test_a_single_document_is_no_list_of_documents(model: jina_omni.Model, single: object) -> None:
    """A str would be a list of its letters."""
    with pytest.raises(TypeError, match=r"^documents are .*; they are a list, of one document too"):
        make_source(model).embed_documents(single)


def test_documents_are_any_list_and_a_list_as_a_query_is_one_fused_input(model: jina_omni.Model) -> None:
    source = make_source(model, truncate_dim=32)
    expected = model.encode_document(["a", "b"], truncate_dim=32)
    for documents in (["a", "b"], ("a", "b"), iter(["a", "b"]), np.array(["a", "b"])):
        np.testing.assert_array_equal(source.embed_documents(documents), expected)
    assert source.embed_documents([]).shape == (0, 32)
    np.testing.assert_array_equal(source.embed_query("a"), model.encode_query("a", truncate_dim=32))
    np.testing.assert_array_equal(source.embed_query(["a", "b"]), model.encode_query([["a", "b"]], truncate_dim=32)[0])
    for query, says in (
        ("", "query is an empty text"),
        ([], "query is an empty list"),
        (["a", ""], "query, part 1 is"),
    ):
        with pytest.raises(jina_omni.InputError, match=f"^{says}"):
            source.embed_query(query)


def test_other_options_share_the_model(model: jina_omni.Model) -> None:
    source = make_source(model, truncate_dim=32)
    other = source.replace_options({"truncate_dim": 64})
    assert (other.model, other.options) == (model, {"truncate_dim": 64})
    assert (other.arguments, source.options) == (source.arguments, {"truncate_dim": 32})
    for wrong in ({"truncate_dim": 65}, {"trunkate": True}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            source.replace_options(wrong)
    with make_source(source.arguments).replace_options({"truncate_dim": 64}).model as opened:  # at its first use
        assert opened is not model
