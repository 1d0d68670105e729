# SPDX-License-Identifier: Apache-2.0
"""The real client of the hub, talking to a server of this suite on loopback."""

from __future__ import annotations

import doctest
import logging
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import jina_omni
from jina_omni import Model, ModelLoadError, download, list_models, published, repository
from jina_omni.cli import main
from jina_omni.dialects import TASKS
from jina_omni.info import find_quantization
from jina_omni.repository import choose_files
from testing.checkpoints.writer import Checkpoint
from testing.gguf_parts import split_file
from tests.hub_server import HubServer, Repository

constants = pytest.importorskip("huggingface_hub.constants")

STEM = "jina-embeddings-v5-omni-small-clustering"
SMALL = f"jinaai/{STEM}-GGUF"
MATRICES = (
    *("imatrix.gguf", "a.imatrix.gguf", "a-imatrix.gguf", "a-F16.imatrix.gguf", "imatrix_a.gguf", "A-IMATRIX.GGUF"),
    *("imatrix-a-F16.gguf", "a/imatrix-q8_0.gguf", "a.i-matrix.gguf", "importance_matrix.gguf"),
)
VISION, AUDIO = f"{STEM}-vision-mmproj-F16.gguf", f"{STEM}-audio-mmproj-F16.gguf"


def text_name(quantization: str) -> str:
    return f"{STEM}-{quantization}.gguf"


@pytest.fixture(scope="module")
def files(small: Checkpoint) -> dict[str, bytes]:
    """Return what lies in a repository: a tiny model under the published names."""
    text = small.text.read_bytes()
    return {
        "README.md": b"---\nlicense: cc-by-nc-4.0\n---\n",
        text_name("F16"): text,
        text_name("Q4_K_M"): text + bytes(32),  # other bytes, so that it is another file
        text_name("Q8_0"): text + bytes(64),
        VISION: small.vision.read_bytes(),
        AUDIO: small.audio.read_bytes(),
    }


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, bytes]) -> Iterator[HubServer]:
    with HubServer() as server:
        server.repositories[SMALL] = Repository()
        server.repositories[SMALL].commit(files)
        # HF_ENDPOINT is read when the client is imported, which another test may have done.
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        module = "huggingface_hub.file_download"  # which has a copy before version 1
        monkeypatch.setattr(f"{module}.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def fetch(hub: HubServer, cache: Path) -> Callable[..., jina_omni.ModelPaths]:  # noqa: ARG001 - the server must run
    """Return `download` with a cache of this test's own."""
    return lambda name=SMALL, **options: download(name, **{"cache_dir": cache, **options})


def names(paths: jina_omni.ModelPaths) -> list[str]:
    return [Path(path).name for path in (paths.text, *paths.mmproj)]


def test_the_list_of_models_is_what_is_published() -> None:
    models = list_models()
    assert len({model.repository for model in models}) == 8
    assert {(model.size, model.task) for model in models} == {(s, t) for s in ("small", "nano") for t in TASKS}
    assert {model.name: model for model in models}["nano-text-matching"] == jina_omni.PublishedModel(
        name="nano-text-matching",
        repository="jinaai/jina-embeddings-v5-omni-nano-text-matching-GGUF",
        size="nano",
        task="text-matching",
        quantizations=models[0].quantizations,
        default_quantization="Q5_K_M",
        dims=(32, 64, 128, 256, 512, 768),
        max_seq_length=8192,
    )
    (small,) = (model for model in models if model.repository == SMALL)
    assert (small.name, small.default_quantization, small.dims[-1], small.max_seq_length) == (
        *("small-clustering", "Q4_K_M", 1024, 32768),
    )
    assert len(set(small.quantizations)) == 14
    for quantization in small.quantizations:
        assert find_quantization(text_name(quantization)) == quantization


def test_a_model_of_the_hub_embeds_as_its_files_do(hub: HubServer, cache: Path, small: Checkpoint) -> None:
    inputs = ["a red circle", jina_omni.Image(np.full((64, 64, 3), 200, np.uint8))]
    with Model.from_hub("small-clustering", cache_dir=cache, device="cpu", n_threads=1) as model:
        assert model.info.quantization == "Q4_K_M"
        assert model.info.modalities == ("text", "image", "video", "pdf", "audio")
        assert (model.info.task, model.info.n_threads) == ("clustering", 1)
        vectors = model.encode(inputs)
        copy = pickle.dumps(model)
    with Model(small.text, mmproj=small.vision, device="cpu") as local:
        np.testing.assert_array_equal(vectors, local.encode(inputs))
    hub.stop()  # a pickle holds paths: opening it asks no hub
    with pickle.loads(copy) as again:
        np.testing.assert_array_equal(again.encode(inputs), vectors)


@pytest.mark.parametrize(
    ("modality", "expected"),
    [("omni", [VISION, AUDIO]), ("vision", [VISION]), ("audio", [AUDIO]), ("text", [])],
)
def test_only_what_the_modality_needs_is_downloaded(
    modality: str, expected: list[str], fetch, cache: Path, files: dict[str, bytes]
) -> None:
    paths = fetch(f"{SMALL}:q8_0", modality=modality)
    assert names(paths) == [text_name("Q8_0"), *expected]
    for path in (paths.text, *paths.mmproj):
        assert Path(path).read_bytes() == files[Path(path).name]
    assert sorted(path.name for path in cache.rglob("*.gguf")) == sorted(names(paths))


@pytest.mark.parametrize("name", ["small-clustering", "small-clustering:Q4_K_M", SMALL, f"{SMALL}:Q4_K_M"])
def test_short_names_and_the_default_quantisation(name: str, fetch) -> None:
    assert names(fetch(name, modality="text")) == [text_name("Q4_K_M")]


def test_what_is_cached_is_not_downloaded_again(hub: HubServer, fetch) -> None:
    first = fetch()
    assert len(hub.sent("/bytes/")) == 3
    hub.requests.clear()
    assert fetch() == first
    assert [path for _, path, _ in hub.requests] == [f"/api/models/{SMALL}"]
    hub.requests.clear()
    assert names(fetch(f"{SMALL}:Q8_0")) == [text_name("Q8_0"), VISION, AUDIO]
    assert len(hub.sent("/bytes/")) == 1  # the projectors were there


def test_local_files_only_asks_nobody(hub: HubServer, fetch) -> None:
    first = fetch()
    hub.requests.clear()
    assert fetch(local_files_only=True) == first
    assert hub.requests == []


def test_without_a_network_the_cache_is_used_with_a_warning(
    hub: HubServer, fetch, caplog: pytest.LogCaptureFixture
) -> None:
    first = fetch()
    hub.stop()
    assert fetch() == first
    (record,) = (r for r in caplog.records if r.name == "jina_omni" and r.levelno == logging.WARNING)
    assert record.getMessage().startswith(f"{SMALL}: the Hub can't be reached (")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_hub_in_trouble_is_a_hub_that_cannot_be_reached(status: int, hub: HubServer, fetch) -> None:
    first = fetch()
    hub.status = status
    assert fetch() == first


@pytest.mark.parametrize("how", ["stopped", "local_files_only"])
def test_offline_the_error_lists_what_the_cache_has(how: str, hub: HubServer, fetch) -> None:
    fetch(f"{SMALL}:Q8_0", modality="vision")
    if how == "stopped":
        hub.stop()
    options = {"local_files_only": how == "local_files_only"}
    with pytest.raises(ModelLoadError, match=r"in the cache.* no text model file of Q4_K_M; there is Q8_0$"):
        fetch(**options)
    with pytest.raises(ModelLoadError, match=rf"no audio projector file.*there is {VISION}\. Do without"):
        fetch(f"{SMALL}:Q8_0", **options)
    assert names(fetch(f"{SMALL}:Q8_0", modality="vision", **options)) == [text_name("Q8_0"), VISION]
    with pytest.raises(ModelLoadError, match=r"small-retrieval-GGUF: .*the cache has no files of this rev") as none:
        fetch("small-retrieval", **options)
    if how == "local_files_only":
        assert "local_files_only is set" in str(none.value)
    else:
        assert "the Hub can't be reached" in str(none.value)
        assert none.value.__context__ is not None


def test_a_connection_that_is_cut_is_resumed_where_it_ended(
    hub: HubServer, fetch, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 50_000)  # what it writes at a time, and can resume from
    hub.cut_after = 100_000
    try:
        paths = fetch(modality="text")
    except ModelLoadError:  # some versions of the client resume by themselves, some in the next call
        paths = fetch(modality="text")
    assert Path(paths.text).read_bytes() == files[text_name("Q4_K_M")]
    first, second = (byte_range for _, _, byte_range in hub.sent("/bytes/"))
    assert first is None
    assert second == "bytes=100000-"


def test_a_download_that_fails_says_so_and_the_next_one_keeps_the_whole_files(
    hub: HubServer, fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["huggingface_hub.file_download"]
    monkeypatch.setattr(module.time, "sleep", lambda _: None)  # between its attempts
    fetch(modality="vision")
    hub.cut_after, hub.cut_always = 0, True
    with pytest.raises(ModelLoadError, match=rf"^{SMALL}: the download failed .*try again") as caught:
        fetch()
    assert caught.value.__cause__ is not None
    assert names(fetch(modality="vision")) == [text_name("Q4_K_M"), VISION]
    hub.cut_after = None
    hub.requests.clear()
    assert names(fetch()) == [text_name("Q4_K_M"), VISION, AUDIO]
    assert len([range_ for _, _, range_ in hub.sent("/bytes/")]) == 1


def test_bytes_that_are_no_model_are_refused_when_it_is_opened(hub: HubServer, cache: Path) -> None:
    hub.corrupt = True  # of the right length: the client compares no digest of what comes by HTTP
    with pytest.raises(ModelLoadError, match="gguf"):
        Model.from_hub(SMALL, modality="text", cache_dir=cache, device="cpu")


def test_a_repository_that_does_not_exist_is_told_with_those_that_do(fetch) -> None:
    with pytest.raises(ModelLoadError) as caught:
        fetch("jinaai/jina-embeddings-v5-omni-large-GGUF")
    message = str(caught.value)
    assert message.startswith("the Hub has no repository jinaai/jina-embeddings-v5-omni-large-GGUF, or it is private")
    assert all(model.repository in message for model in list_models())


@pytest.mark.parametrize("name", ["large-clustering", "", ":Q4_K_M", "a/b/c", "jinaai/", "no good/name", "../x"])
def test_a_name_that_is_none_is_refused_before_anybody_is_asked(name: str, hub: HubServer, fetch) -> None:
    with pytest.raises(ModelLoadError, match="Published are small-retrieval, ") as caught:
        fetch(name)
    assert repr(name) in str(caught.value)
    assert hub.requests == []


def test_a_quantisation_that_does_not_exist_is_told_with_those_that_do(fetch) -> None:
    with pytest.raises(ModelLoadError) as caught:
        fetch("small-clustering:Q9_K")
    assert str(caught.value) == (
        f"{SMALL} on the Hub: there is no text model file of Q9_K; there is F16, Q4_K_M, Q8_0; did you mean 'Q4_K_M'?"
    )


def test_a_missing_projector_is_told_with_what_there_is(hub: HubServer, fetch, files: dict[str, bytes]) -> None:
    hub.repositories[SMALL].commit({name: data for name, data in files.items() if name != AUDIO})
    with pytest.raises(ModelLoadError) as caught:
        fetch()
    assert str(caught.value) == (
        f"{SMALL} on the Hub: there is no audio projector file, which is a .gguf with 'mmproj' and 'audio' in its "
        f"name; there is {VISION}. Do without by modality='vision' or 'text'"
    )
    assert hub.sent("/bytes/") == []


def test_a_gated_repository_asks_for_a_login(hub: HubServer, fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repositories[SMALL].token = "hf_mine"
    with pytest.raises(ModelLoadError, match=f"^{SMALL} is gated: accept its terms .* set HF_TOKEN$"):
        fetch()
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert names(fetch(modality="text")) == [text_name("Q4_K_M")]


def test_a_login_that_is_refused_is_no_missing_network(hub: HubServer, fetch) -> None:
    fetch()
    hub.status = 403
    with pytest.raises(ModelLoadError, match=f"^the Hub refuses {SMALL} .*: log in by the command 'hf auth login'"):
        fetch()


def test_a_revision_is_kept_to(hub: HubServer, fetch, files: dict[str, bytes]) -> None:
    old = hub.repositories[SMALL].refs["main"]
    first = fetch(modality="text")
    new = hub.repositories[SMALL].commit({**files, text_name("Q4_K_M"): files[text_name("F16")]})
    second = fetch(modality="text")
    assert Path(first.text).parent.name == old
    assert Path(second.text).parent.name == new
    assert Path(second.text).read_bytes() == files[text_name("F16")]
    assert fetch(modality="text", revision=old) == first
    for revision, expected in ((None, second), (new, second), (old, first)):
        assert fetch(modality="text", revision=revision, local_files_only=True) == expected
    with pytest.raises(ModelLoadError, match="has no revision 'v9'; take a branch, a tag or a commit"):
        fetch(revision="v9")


def test_a_tag_is_a_revision_too(hub: HubServer, fetch, files: dict[str, bytes]) -> None:
    tagged = hub.repositories[SMALL].commit({**files, "notes.txt": b""}, ref="v1")
    paths = fetch(modality="text", revision="v1")
    assert Path(paths.text).parent.name == tagged
    assert fetch(modality="text", revision="v1", local_files_only=True) == paths


def test_the_license_is_told_once_when_something_is_downloaded(fetch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jina_omni")
    fetch(modality="text")
    (record,) = (r for r in caplog.records if r.name == "jina_omni")
    assert (record.levelno, "CC BY-NC 4.0" in record.getMessage()) == (logging.INFO, True)
    assert text_name("Q4_K_M") in record.getMessage()
    caplog.clear()
    fetch(modality="text")
    assert not [r for r in caplog.records if r.name == "jina_omni"]


def test_wrong_arguments_fail_before_anything_is_downloaded(hub: HubServer, cache: Path) -> None:
    with pytest.raises(TypeError, match="devise"):
        Model.from_hub(SMALL, cache_dir=cache, devise="cpu")
    with pytest.raises(TypeError, match="mmproj"):
        Model.from_hub(SMALL, cache_dir=cache, mmproj="mine.gguf")
    with pytest.raises(ValueError, match="modality is 'image'; it is one of omni, vision, audio, text"):
        Model.from_hub(SMALL, cache_dir=cache, modality="image")
    with pytest.raises(ValueError, match="compute is 'quick'; it is one of fast, exact"):
        Model.from_hub(SMALL, cache_dir=cache, compute="quick")
    assert hub.requests == []


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelLoadError, match=r"pip install 'jina-omni\[hub\]'"):
        download("small-clustering")


def test_files_of_somebody_else_are_found_by_their_names(
    hub: HubServer, fetch, cache: Path, small: Checkpoint, files: dict[str, bytes]
) -> None:
    mine = hub.repositories["me/my-model"] = Repository()
    both = "mmproj-my-model-F16.gguf"
    mine.commit({"sub folder/My[1]-Q4_0.gguf": files[text_name("F16")], both: small.combined.read_bytes()})
    with Model.from_hub("me/my-model", cache_dir=cache, device="cpu") as model:  # the only text file
        assert (model.info.quantization, model.info.task) == ("Q4_0", "clustering")
        assert model.info.modalities == ("text", "image", "video", "pdf", "audio")
    assert names(fetch("me/my-model:q4_0", modality="audio")) == ["My[1]-Q4_0.gguf", both]
    assert names(fetch("me/my-model", local_files_only=True)) == ["My[1]-Q4_0.gguf", both]


def test_the_environment_variables_of_the_client_hold(hub: HubServer, files: dict[str, bytes], tmp_path: Path) -> None:
    code = "import jina_omni, sys; print(jina_omni.download(sys.argv[1], modality='text').text)"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(jina_omni.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
    }

    def run(name: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, name]
        streams = {"capture_output": True, "text": True}
        return subprocess.run(command, env=environment | more, timeout=120, check=False, **streams)

    online = run(SMALL)
    assert online.returncode == 0, online.stderr
    path = Path(online.stdout.strip())
    assert path.is_relative_to(tmp_path / "home")
    assert path.read_bytes() == files[text_name("Q4_K_M")]
    hub.requests.clear()
    assert run(SMALL, HF_HUB_OFFLINE="1").stdout == online.stdout
    other = run(f"{SMALL}:Q8_0", HF_HUB_OFFLINE="1")
    assert "ModelLoadError" in other.stderr
    assert "there is no text model file of Q8_0; there is Q4_K_M" in other.stderr
    assert hub.requests == []


@pytest.mark.parametrize(
    ("there", "quantization", "modality", "expected"),
    [
        (["a.gguf"], None, "text", ["a.gguf"]),
        (["A-Q4_K_M.GGUF", "A-Q8_0.GGUF"], "q8_0", "text", ["A-Q8_0.GGUF"]),
        (["x-nano-Q4_K_M.gguf", "x-nano-Q5_K_M.gguf"], None, "text", ["x-nano-Q5_K_M.gguf"]),
        (["x-small-Q4_K_M.gguf", "x-small-Q5_K_M.gguf"], None, "text", ["x-small-Q4_K_M.gguf"]),
        (["a-Q8_0.gguf", "mmproj-a-F16.gguf"], None, "omni", ["a-Q8_0.gguf", "mmproj-a-F16.gguf"]),
        (["a.gguf", "mmproj.gguf", "vision-mmproj.gguf"], None, "vision", ["a.gguf", "vision-mmproj.gguf"]),
        (
            ["a.gguf", "a-vision-mmproj-Q8_0.gguf", "a-vision-mmproj-F16.gguf"],
            None,
            "vision",
            ["a.gguf", "a-vision-mmproj-F16.gguf"],
        ),
        (["mmproj/a-Q8_0.gguf", "mmproj/b.txt"], None, "text", ["mmproj/a-Q8_0.gguf"]),
        (["._a-Q8_0.gguf", "a-Q8_0.gguf", ".b.gguf", ".old/c.gguf"], None, "text", ["a-Q8_0.gguf"]),
        (["__MACOSX/x/._a-F16.gguf", "x/a-F16.gguf"], None, "text", ["x/a-F16.gguf"]),
        (
            ["a-F16.gguf", "._v-mmproj-F16.gguf", "v-mmproj-F16.gguf", "mmproj.imatrix.gguf"],
            None,
            "vision",
            ["a-F16.gguf", "v-mmproj-F16.gguf"],
        ),
        *((["a-F16.gguf", matrix], None, "text", ["a-F16.gguf"]) for matrix in MATRICES),
        (["a-F16.gguf", "a-imatrix-F16.gguf"], None, "text", ["a-F16.gguf"]),
        (["a-F16.gguf", "a-imatrix-Q4_K_M.gguf"], "Q4_K_M", "text", ["a-imatrix-Q4_K_M.gguf"]),
        (["a-imatrix-Q4_K_M.gguf"], None, "text", ["a-imatrix-Q4_K_M.gguf"]),  # quantised with one
        (["a-UD-Q4_K_XL.gguf", "a-Q4_K_M.gguf"], "ud-q4_k_xl", "text", ["a-UD-Q4_K_XL.gguf"]),
        (["a-UD-Q4_K_XL.gguf", "a-Q4_K_M.gguf"], "Q4_K_XL", "text", ["a-UD-Q4_K_XL.gguf"]),
        (["a-UD-Q4_K_M.gguf", "a-Q4_K_M.gguf"], "Q4_K_M", "text", ["a-Q4_K_M.gguf"]),
        (["a-UD-Q4_K_M.gguf", "a-Q4_K_M.gguf"], "UD-Q4_K_M", "text", ["a-UD-Q4_K_M.gguf"]),
        (["small-UD-Q4_K_M.gguf", "small-UD-Q8_K_XL.gguf"], None, "text", ["small-UD-Q4_K_M.gguf"]),
        (["a.i1-Q4_K_M.gguf", "a.i1-IQ1_S.gguf"], "i1-IQ1_S", "text", ["a.i1-IQ1_S.gguf"]),
        (["a-fp16.gguf", "a-q8_0.gguf"], "FP16", "text", ["a-fp16.gguf"]),
        (
            ["F16/a-F16-00002-of-00002.gguf", "F16/a-F16-00001-of-00002.gguf", "a-Q8_0.gguf"],
            "F16",
            "text",
            ["F16/a-F16-00001-of-00002.gguf"],
        ),
        (["a-00001-of-00001.gguf"], None, "text", ["a-00001-of-00001.gguf"]),
    ],
)
def test_names_decide(there: list[str], quantization: str | None, modality: str, expected: list[str]) -> None:
    chosen = choose_files(there, quantization, modality, "here")
    assert [chosen.text, *chosen.mmproj] == expected


@pytest.mark.parametrize(
    ("there", "modality", "message"),
    [
        ([], "text", "here: there is no text model file"),
        (["a.txt", "a-vision-mmproj.gguf"], "text", "here: there is no text model file"),
        (
            ["a-Q4_0.gguf", "a-Q8_0.gguf"],
            "text",
            "2 text model files fit; name a quantisation, or pass the paths .* a-Q8_0.gguf",
        ),
        (["a-Q8_0.gguf", "b-Q8_0.gguf"], "text", "here: 2 text model files fit; pass .*: a-Q8_0.gguf, b-Q8_0.gguf"),
        (["nano-Q4_0.gguf", "nano-Q8_0.gguf"], "text", "no text model file of Q5_K_M; there is Q4_0, Q8_0"),
        (["a.gguf"], "vision", "no vision projector file.* at all. Do without by modality='audio' or 'text'"),
        (["a.gguf", "x-audio-mmproj.gguf", "y-audio-mmproj.gguf"], "audio", "2 audio projector files fit; .*y-audio"),
        (["a.imatrix.gguf", "._a.gguf"], "text", "here: there is no text model file"),
        (["a-UD-Q4_K_M.gguf", "b-Q4_K_M.gguf"], "text", "2 text model files fit; name a quantisation"),
        (["a-F16.gguf", "a-00001-of-00002.gguf", "a-00002-of-00002.gguf"], "text", "2 text .*: a-00001-of-.*, a-F16"),
        (["b/a-00001-of-00003.gguf", "b/a-00003-of-00003.gguf"], "text", "its part b/a-00002-of-00003.gguf is missing"),
        (["a-00002-of-00002.gguf"], "text", "here: the file is split, and its part a-00001-of-00002.gguf is missing"),
    ],
)
def test_what_names_leave_open_is_an_error_with_the_candidates(there: list[str], modality: str, message: str) -> None:
    with pytest.raises(ModelLoadError, match=message):
        choose_files(there, None, modality, "here")


def test_a_folder_is_a_model(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with Model(tmp_path, device="cpu") as model:
        assert model.info.path == str(tmp_path / text_name("Q4_K_M"))
        assert model.info.modalities == ("text", "image", "video", "pdf", "audio")
    with Model(f"{tmp_path}:Q8_0", modality="audio", device="cpu") as model:
        assert (model.info.quantization, model.info.modalities) == ("Q8_0", ("text", "audio"))
    with pytest.raises(ModelLoadError, match="there is no text model file of IQ1_S; there is F16, Q4_K_M, Q8_0"):
        Model(f"{tmp_path}:IQ1_S")
    with pytest.raises(ModelLoadError, match=r"a text file has 'qwen3' .*; pass this file as mmproj"):
        Model(tmp_path / VISION)


def test_all_parts_of_a_split_file_are_downloaded(
    hub: HubServer, fetch, cache: Path, small: Checkpoint, tmp_path: Path
) -> None:
    parts = split_file(small.text, tmp_path / f"{STEM}-F16", 3)
    mine = hub.repositories["me/split"] = Repository()
    mine.commit({f"F16/{part.name}": part.read_bytes() for part in parts})
    with Model.from_hub("me/split:F16", modality="text", cache_dir=cache, device="cpu") as model:
        assert (model.info.quantization, model.info.task) == ("F16", "clustering")
        vector = model.encode("a red circle")
    assert sorted(path.name for path in cache.rglob("*.gguf")) == [part.name for part in parts]
    assert names(fetch("me/split", modality="text", local_files_only=True)) == [parts[0].name]
    with Model(small.text, device="cpu") as local:
        np.testing.assert_array_equal(vector, local.encode("a red circle"))


@pytest.mark.usefixtures("hub")
def test_the_command_line_takes_names_and_tells_the_license(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    level = logging.getLogger("jina_omni").level
    assert main(["download", "small-clustering:Q8_0", "--modality", "vision", "--cache-dir", str(cache)]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()] == [text_name("Q8_0"), VISION]
    assert "license: CC BY-NC 4.0" in caplog.text
    caplog.clear()
    assert main(["info", "small-clustering:Q8_0", "--modality", "vision", "--device", "cpu"]) == 0
    assert re.search(r"^quantization +'Q8_0'$", capsys.readouterr().out, re.MULTILINE)
    assert "license" not in caplog.text  # told once, at the download
    assert main(["download", "small-clustering:Q6_K"]) == 2
    assert "there is no text model file of Q6_K; there is F16, Q4_K_M, Q8_0" in capsys.readouterr().err
    assert logging.getLogger("jina_omni").level == level


def test_importing_the_library_does_not_import_the_client() -> None:
    code = "import sys, jina_omni; jina_omni.list_models(); sys.exit('huggingface_hub' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(jina_omni.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_the_examples_run() -> None:
    for module in (published, repository):
        assert doctest.testmod(module).failed == 0
