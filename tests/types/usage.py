"""What type checkers see of the public functions; mypy reads this file, nothing runs it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_type

import jina_omni
from jina_omni.errors import LocatedError
from jina_omni.precision import Embeddings

Floats = npt.NDArray[np.float32]
Errors = dict[int, LocatedError]


def embed(m: jina_omni.Model, path: Path) -> None:
    assert_type(m.encode("a"), Floats)
    assert_type(m.encode(["a", jina_omni.Image("a.jpg"), path, ["a", jina_omni.Pdf(path)], {"text": "a"}]), Floats)
    assert_type(m.encode("a", truncate_dim=32, normalize_embeddings=False, prompt_name="query"), Floats)
    assert_type(m.encode(["a"], on_error="return"), tuple[Floats, Errors])
    assert_type(m.encode(["a"], precision="int8"), Embeddings)
    assert_type(m.encode(["a"], precision="binary", on_error="return"), tuple[Embeddings, Errors])
    assert_type(m.encode_query("a", truncate=True), Floats)
    assert_type(m.encode_document(["a"], on_error="return"), tuple[Floats, Errors])
    assert_type(m.encode_iter(["a"]), Iterator[Floats])
    assert_type(m.encode_iter(["a"], on_error="return"), Iterator[Floats | LocatedError])
    assert_type(m.encode_query("a", precision="int8"), Embeddings)
    assert_type(m.encode_document(["a"], precision="int8", on_error="return"), tuple[Embeddings, Errors])
    assert_type(m.encode_iter(["a"], precision="binary"), Iterator[Embeddings])
    assert_type(m.encode_iter(["a"], precision="binary", on_error="return"), Iterator[Embeddings | LocatedError])
    m.encode("a", on_progress=lambda progress: print(progress.fraction))
    m.encode("a", batch_size=8)  # type: ignore[call-overload]
    m.encode_query("a", prompt_name="document")  # type: ignore[call-overload]
    m.encode("a", truncate_dim="32")  # type: ignore[call-overload]
    m.encode("a", priority="urgent")  # type: ignore[call-overload]


async def await_embeddings(m: jina_omni.Model, path: Path, stream: AsyncIterator[str]) -> None:
    assert_type(await m.encode_async("a"), Floats)
    assert_type(await m.encode_async(["a", path, ["a", jina_omni.Pdf(path)]], priority="background"), Floats)
    assert_type(await m.encode_async(["a"], on_error="return"), tuple[Floats, Errors])
    assert_type(await m.encode_async(["a"], precision="int8"), Embeddings)
    assert_type(await m.encode_async(["a"], precision="binary", on_error="return"), tuple[Embeddings, Errors])
    assert_type(await m.encode_query_async("a", truncate=True), Floats)
    assert_type(await m.encode_document_async(["a"], on_error="return"), tuple[Floats, Errors])
    assert_type(m.encode_iter_async(["a"]), AsyncIterator[Floats])
    assert_type(m.encode_iter_async(stream, on_error="return"), AsyncIterator[Floats | LocatedError])
    assert_type(await m.encode_query_async("a", precision="int8"), Embeddings)
    assert_type(await m.encode_document_async(["a"], precision="int8", on_error="return"), tuple[Embeddings, Errors])
    assert_type(m.encode_iter_async(stream, precision="binary"), AsyncIterator[Embeddings])
    await m.encode_async("a", batch_size=8)  # type: ignore[call-overload]
    await m.encode_async("a", priority="urgent")  # type: ignore[call-overload]
    await m.encode_query_async("a", prompt_name="document")  # type: ignore[call-overload]


def count(m: jina_omni.Model, path: Path) -> None:
    assert_type(m.count_tokens("a"), int)
    assert_type(m.count_tokens("a", cancel=jina_omni.CancelToken()), int)
    assert_type(m.count_tokens(path), int)
    assert_type(m.count_tokens(["a", "b"]), list[int])
    assert_type(m.count_tokens({"input": ["a"]}), int | list[int])
    assert_type(m.count_tokens(text for text in ("a", "b")), list[int])
    assert_type(m.count_tokens({1: "a"}.values()), list[int])


def embed_values_as_they_lie(m: jina_omni.Model, path: Path, samples: list[float], frames: list[str]) -> None:
    assert_type(m.encode(text for text in ("a", "b")), Floats)
    assert_type(m.encode({1: "a"}.values()), Floats)
    assert_type(m.encode(np.array(["a", "b"], object)), Floats)
    with path.open("rb") as file:
        m.encode([file, jina_omni.Image(file), jina_omni.Pdf(io.BytesIO())])
    m.encode(
        [jina_omni.Audio(samples, sampling_rate=8_000), jina_omni.Audio((8_000, samples)), jina_omni.Video(frames)]
    )


def open_models() -> None:
    assert_type(jina_omni.Model("small-retrieval", modality="vision", device="cpu"), jina_omni.Model)
    assert_type(jina_omni.Model.from_hub("small-retrieval", revision="v1", n_threads=2), jina_omni.Model)
    assert_type(jina_omni.demo_model(compute="exact"), jina_omni.Model)
    jina_omni.Model("small-retrieval", n_ctx=8)  # type: ignore[call-arg]
    jina_omni.demo_model(threads=8)  # type: ignore[call-arg]


def quantize(vectors: Floats) -> None:
    assert_type(jina_omni.quantize_embeddings(vectors, "float32"), npt.NDArray[np.float32])
    assert_type(jina_omni.quantize_embeddings(vectors, "int8"), npt.NDArray[np.int8])
    assert_type(jina_omni.quantize_embeddings(vectors, "ubinary"), npt.NDArray[np.uint8])
    assert_type(jina_omni.cosine_similarity(vectors, vectors), Floats)
