"""The programs of examples/ find on the toy model what they are for."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import io
import json
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import jina_omni
from jina_omni.asynchronous import AsyncEncoding
from jina_omni.demo.scenes import SAMPLING_RATE, Picture, Sound
from jina_omni.preparing import InputPreparer
from testing.media_files import sound_file

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name != "toy_pictures.py")
PACKAGES = {"cluster_folder.py": ("sklearn",), "fastapi_endpoint.py": ("fastapi", "httpx2", "uvicorn")}

SCENES = {
    "stars": Picture("star", "red", 3, "left"),
    "circle": Picture("circle", "blue", 1, "bottom"),
    "triangles": Picture("triangle", "green", 2, "top"),
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs an example with arguments, and returns what it prints on stdout and stderr."""
    monkeypatch.syspath_prepend(EXAMPLES)

    def run(name: str, *arguments: object) -> tuple[str, str]:
        require_packages(name)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr()

    return run


def require_packages(name: str) -> None:
    for package in PACKAGES.get(name, ()):
        pytest.importorskip(package)


def draw(scene: Picture, path: Path, seed: int = 0) -> Path:
    scene.draw(np.random.default_rng(seed)).save(path)
    return path


def groups(printed: str) -> list[set[str]]:
    return [{Path(line).name for line in group.splitlines()} for group in printed.strip().split("\n\n")]


def test_there_are_five() -> None:
    assert len(PROGRAMS) == 5


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_says_how_to_run_it(name: str, run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(name, "--help")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "pip install" in text
    assert f"python examples/{name} " in text
    assert "--model" in text


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "fastapi_endpoint.py"])
def test_an_example_runs_without_arguments(name: str, run) -> None:
    printed, errors = run(name)
    assert ".png" in printed
    assert not errors


def test_the_search_finds_pictures_and_sounds_and_skips_other_files(tmp_path: Path, run) -> None:
    for name, scene in SCENES.items():
        draw(scene, tmp_path / f"{name}.png")
    whistle = Sound("tone", "rising", "high", 1, "slow").play(np.random.default_rng(0))
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "whistle.wav").write_bytes(sound_file(whistle, SAMPLING_RATE))
    (tmp_path / "notes.txt").write_text("red stars")
    for query, name in (
        ("two green triangles", "triangles.png"),
        ("a blue circle at the bottom", "circle.png"),
        ("a long rising high whistle", "whistle.wav"),
    ):
        printed, errors = run("search_folder.py", tmp_path, query, "-k", 2)
        lines = printed.splitlines()
        assert len(lines) == 2
        assert lines[0].endswith(name)
        assert errors.startswith(f"skipped {tmp_path / 'notes.txt'}: ")


def test_duplicates_are_found_whatever_their_size_and_format(tmp_path: Path, run) -> None:
    stars = Image.open(draw(SCENES["stars"], tmp_path / "stars.png"))
    stars.resize((128, 128)).save(tmp_path / "small.png")
    circle = Image.open(draw(SCENES["circle"], tmp_path / "circle.png"))
    circle.save(tmp_path / "circle.jpg", quality=30)
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees clockwise
    circle.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", quality=90, exif=turned)
    draw(SCENES["stars"], tmp_path / "others.png", seed=1)  # of the same scene, but another picture
    draw(SCENES["triangles"], tmp_path / "triangles.png")
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
    printed, errors = run("deduplicate_photos.py", tmp_path)
    assert groups(printed) == [{"circle.png", "circle.jpg", "turned.jpg"}, {"stars.png", "small.png"}]
    assert errors.startswith(f"skipped {tmp_path / 'damaged.jpg'}: ")
    assert {"stars.png", "others.png"} <= groups(run("deduplicate_photos.py", tmp_path, "--threshold", "0.7")[0])[1]


def test_clusters_are_the_scenes(tmp_path: Path, run) -> None:
    scenes = []
    for name, scene in SCENES.items():
        scenes.append({f"{name}-{seed}.png" for seed in range(6)})
        for seed in range(6):
            draw(scene, tmp_path / f"{name}-{seed}.png", seed)
    printed, _ = run("cluster_folder.py", tmp_path, "--clusters", len(SCENES))
    assert sorted(groups(printed), key=sorted) == sorted(scenes, key=sorted)


def test_pictures_get_the_labels_of_what_they_show(tmp_path: Path, run) -> None:
    paths = [draw(scene, tmp_path / f"{name}.png") for name, scene in SCENES.items()]
    for labels, expected in (
        (["a star", "a circle", "a triangle"], ["a star", "a circle", "a triangle"]),
        (["green shapes", "red shapes", "blue shapes"], ["red shapes", "blue shapes", "green shapes"]),
    ):
        printed, _ = run("zero_shot_classification.py", *paths, "--labels", *labels)
        assert [line.rpartition(": ")[2].rpartition(" (")[0] for line in printed.splitlines()] == expected


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the example with the endpoint, imported."""
    require_packages("fastapi_endpoint.py")
    spec = importlib.util.spec_from_file_location("fastapi_endpoint", EXAMPLES / "fastapi_endpoint.py")
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fastapi_endpoint", example)
    spec.loader.exec_module(example)
    return example


@contextlib.contextmanager
def serve(app: Any) -> Iterator[Any]:
    """Serve an application in a thread, and give a client of it."""
    import httpx2
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, ws="none", log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        address = "http://{}:{}".format(*server.servers[0].sockets[0].getsockname())
        with httpx2.Client(base_url=address, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(60)


def wait_until(is_true: Any) -> None:
    for _ in range(6000):
        if is_true():
            return
        time.sleep(0.01)
    raise TimeoutError


def text_input(text: str) -> dict[str, str]:
    return {"type": "text", "value": text}


def many_documents(n: int) -> list[dict[str, Any]]:
    """Return documents of about 90 tokens each."""
    ending = "a red circle and two blue stars " * 10
    return [{"id": str(i), "input": text_input(f"text number {i} {ending}")} for i in range(n)]


def test_the_endpoint_gives_the_embeddings_of_the_model_and_refuses_the_rest(endpoint: ModuleType) -> None:
    from fastapi.testclient import TestClient

    picture = SCENES["stars"].draw(np.random.default_rng(0))
    file = io.BytesIO()
    picture.save(file, "PNG")
    image = {"type": "image", "value": base64.b64encode(file.getvalue()).decode()}
    text = {"type": "text", "value": "three red stars"}
    with jina_omni.demo_model() as model, TestClient(endpoint.create_app(model)) as client:

        def post(*inputs: dict[str, str], **options: str):
            return client.post("/embed", json={"inputs": inputs, **options})

        documents = np.array(post(image, text).json()["embeddings"], np.float32)
        assert np.array_equal(documents, model.encode_document([picture, "three red stars"]))
        query = np.array(post(text, prompt_name="query").json()["embeddings"], np.float32)
        assert np.array_equal(query, model.encode_query(["three red stars"]))

        secret = {"type": "image", "value": str(EXAMPLES.parent / "docs" / "scoreboard.svg")}
        refused = post(text, secret)
        assert refused.status_code == 422
        assert refused.json()["detail"]["index"] == 1
        assert "not base64" in refused.json()["detail"]["message"]
        assert post({"type": "image", "value": "http://example.org/cat.jpg"}).status_code == 422
        assert post().status_code == 422
        assert post(text, prompt_name="other").status_code == 422


def test_the_endpoint_finds_what_it_has_indexed(endpoint: ModuleType) -> None:
    from fastapi.testclient import TestClient

    texts = {"stars": "three red stars", "circle": "a blue circle", "tone": "a high tone"}
    with jina_omni.demo_model() as model, TestClient(endpoint.create_app(model)) as client:

        def search(text: str, **options: int) -> list[dict[str, Any]]:
            return client.post("/search", json={"query": text_input(text), **options}).json()

        assert search("red stars") == []
        documents = [{"id": name, "input": text_input(text)} for name, text in texts.items()]
        documents.insert(1, {"id": "empty", "input": text_input("")})
        lines = client.post("/index", json=documents).text.splitlines()
        assert [json.loads(line)["id"] for line in lines] == ["stars", "empty", "circle", "tone"]
        assert [json.loads(line)["error"] is None for line in lines] == [True, False, True, True]

        hits = search("red stars")
        assert {hit["id"] for hit in hits} == set(texts)
        assert search("red stars", k=1) == hits[:1]
        assert hits[0]["id"] == "stars"
        cosine = model.similarity(model.encode_query("red stars"), model.encode_document("three red stars"))
        assert hits[0]["cosine"] == pytest.approx(float(cosine[0, 0]), abs=1e-6)


def test_the_endpoint_answers_queries_while_it_indexes(endpoint: ModuleType) -> None:
    documents = many_documents(2048)  # 8 windows of a stream
    lines: list[str] = []
    with jina_omni.demo_model() as model, serve(endpoint.create_app(model)) as client:

        def index() -> None:
            with client.stream("POST", "/index", json=documents) as response:
                lines.extend(response.iter_lines())

        indexing = threading.Thread(target=index)
        indexing.start()
        wait_until(lambda: client.post("/search", json={"query": text_input("stars")}).json())
        n_answered = 0
        while indexing.is_alive():
            query = {"inputs": [text_input("three red stars")], "prompt_name": "query"}
            found = np.array(client.post("/embed", json=query).json()["embeddings"], np.float32)
            assert np.array_equal(found, model.encode_query(["three red stars"]))
            n_answered += 1
        indexing.join()
        assert n_answered > 8  # more than one in each window
        assert [json.loads(line) for line in lines] == [{"id": one["id"], "error": None} for one in documents]


def test_the_endpoint_stops_a_job_whose_client_leaves(endpoint: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    n_windows = 0
    ended = threading.Event()
    run = AsyncEncoding._run

    async def count_windows(self: AsyncEncoding, call: Any) -> Any:
        nonlocal n_windows
        n_windows += 1
        return await run(self, call)

    with jina_omni.demo_model() as model:
        app = endpoint.create_app(model)

        async def observe(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            finally:
                if scope.get("path") == "/index":
                    ended.set()

        monkeypatch.setattr(AsyncEncoding, "_run", count_windows)
        with serve(observe) as client:
            with client.stream("POST", "/index", json=many_documents(2048)) as response:
                assert next(response.iter_lines())
            assert ended.wait(60)
            assert 0 < n_windows < 8
            assert len(client.post("/search", json={"query": text_input("stars"), "k": 3}).json()) == 3


def test_the_endpoint_gives_up_after_its_timeout(endpoint: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi.testclient import TestClient

    released = threading.Event()
    prepare = InputPreparer.prepare

    def wait_first(*args: Any, **kwargs: Any) -> Any:
        released.wait(60)
        return prepare(*args, **kwargs)

    monkeypatch.setattr(endpoint, "TIMEOUT", 0.1)
    with jina_omni.demo_model() as model, TestClient(endpoint.create_app(model)) as client:
        with monkeypatch.context() as patched:
            patched.setattr(InputPreparer, "prepare", wait_first)
            assert client.post("/search", json={"query": text_input("stars")}).status_code == 503
            assert client.post("/embed", json={"inputs": [text_input("stars")]}).status_code == 503
            released.set()
        monkeypatch.setattr(endpoint, "TIMEOUT", 60)
        assert client.post("/embed", json={"inputs": [text_input("stars")]}).status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches a whole console there")
def test_the_endpoint_ends_while_it_indexes(endpoint: ModuleType) -> None:
    import httpx2

    command = [sys.executable, endpoint.__file__, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        address = next(found[0] for line in server.stderr if (found := re.search(r"http://[\d.:]+", line)))
        n_lines = 0
        with (
            contextlib.suppress(httpx2.RemoteProtocolError),  # the end of an answer that was cut
            httpx2.stream("POST", f"{address}/index", json=many_documents(10_000), timeout=60) as response,
        ):
            for _ in response.iter_lines():
                if n_lines == 0:
                    server.send_signal(signal.SIGINT)
                n_lines += 1
        server.communicate(timeout=60)
        assert server.returncode == 0
        assert 0 < n_lines < 10_000
