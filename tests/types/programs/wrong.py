"""Mistakes of a user, each of which a type checker finds in its line."""

from pathlib import Path

import jina_omni


def embed(m: jina_omni.Model, path: Path) -> None:
    m.encode("a", trunkate=True)  # wrong
    m.encode_query("a", prompt_name="query")  # wrong
    m.encode("a", precision="int4")  # wrong
    m.encode("a", on_error="skip")  # wrong
    print(m.encode_query("a", precision="int8", on_error="return").shape)  # wrong
    m.encode("a", truncate_dim="32")  # wrong
    m.encode("a", on_progress=3)  # wrong
    m.encode(3)  # wrong
    m.count_tokens("a", truncate=True)  # wrong
    jina_omni.Model(path, devise="cpu")  # wrong
    jina_omni.Model(path, compute="quick")  # wrong
    jina_omni.demo_model(threads=2)  # wrong
    jina_omni.Image(path, orientaton="upright")  # wrong
    jina_omni.Audio(path, sampling_rate="8 kHz")  # wrong
    jina_omni.Pdf(path, pages=3)  # wrong
    jina_omni.similarity([1.0], [1.0])  # wrong
    print(jina_omni.Embedder)  # wrong
    print(m.info.dimension)  # wrong
    print(m.encode("a").shpe)  # wrong
