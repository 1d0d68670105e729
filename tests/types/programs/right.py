"""A program of a user, as strict type checkers want it: nothing of it is an error."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import jina_omni
from jina_omni.inputs import Input


def open_model(path: Path) -> jina_omni.Model:
    return jina_omni.Model(path, [path / "vision.gguf"], device="cpu", n_threads=4, compute="exact", dialect="card")


def search(m: jina_omni.Model, query: str, folder: Path) -> list[tuple[float, Path]]:
    paths = sorted(folder.iterdir())
    documents: npt.NDArray[np.float32] = m.encode_document(paths, truncate=True, show_progress_bar=True)
    scores = m.similarity(m.encode_query(query, truncate_dim=256), documents)[0]
    return sorted(zip(scores.tolist(), paths, strict=True), reverse=True)


def embed_a_mix(m: jina_omni.Model) -> None:
    picture = Image.new("RGB", (32, 32))
    page = jina_omni.Pdf("a.pdf", pages=[0])
    inputs: list[Input] = ["a cat", picture, jina_omni.Image("a.jpg"), ["a caption", page]]
    vectors, errors = m.encode(inputs, on_error="return")
    for index, error in errors.items():
        print(index, error.location, error.file, error.message_for("it"))
    codes = jina_omni.quantize_embeddings(vectors, "ubinary")
    print(jina_omni.cosine_similarity(codes, codes, precision="ubinary"))


def read_lines(path: Path) -> Iterator[str]:
    with path.open() as file:
        yield from file


def follow(progress: jina_omni.Progress) -> None:
    print(progress.fraction, progress.remaining)


def embed_a_stream(m: jina_omni.Model, path: Path) -> None:
    for vector in m.encode_iter(read_lines(path), on_progress=follow, prompt_name="document"):
        print(vector.shape)


def embed_bits(m: jina_omni.Model, path: Path, texts: list[str]) -> None:
    print(m.encode_query("a cat", precision="float16").shape, m.encode_document(texts, precision="ubinary").dtype)
    codes, errors = m.encode_document(texts, precision="binary", on_error="return")
    print(codes.shape, len(errors))
    for code in m.encode_iter(read_lines(path), precision="binary"):
        print(code.shape)
    for vector in m.encode_iter(read_lines(path), on_error="return"):
        if isinstance(vector, jina_omni.JinaOmniError):
            print(vector.problem)
        else:
            first: npt.NDArray[np.float32] = vector[:1]
            print(first)


async def embed_bits_too(m: jina_omni.Model, path: Path, texts: list[str]) -> None:
    print((await m.encode_query_async("a cat", precision="float16")).shape)
    codes, errors = await m.encode_document_async(texts, precision="binary", on_error="return")
    print(codes.shape, len(errors))
    async for code in m.encode_iter_async(read_lines(path), precision="binary"):
        print(code.shape)


async def serve(m: jina_omni.Model, queries: list[str]) -> None:
    vectors = await asyncio.gather(*(m.encode_query_async(query, priority="interactive") for query in queries))
    print(np.stack(vectors).mean())


def stop_in_time(m: jina_omni.Model, token: jina_omni.CancelToken) -> int:
    try:
        m.encode("a cat", cancel=token)
    except jina_omni.InputTooLongError as error:
        return error.tokens or 0
    except jina_omni.JinaOmniError:
        return -1
    return m.count_tokens("a cat")
