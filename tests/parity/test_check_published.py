"""tools/check_published.py, whole: tiny files of the published layout on the suite's hub, and planted differences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type

from testing.checkpoints.hf_tokenizer import build_tokenizer
from testing.checkpoints.shapes import TINY
from testing.checkpoints.weights import Weights
from testing.checkpoints.writer import Edits, write_checkpoint, write_text
from tests.hub_server import HubServer, Repository

torch = pytest.importorskip("torch", reason="torch is not installed")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
torch_reference = pytest.importorskip("testing.checkpoints.torch_reference", reason="transformers is not installed")
pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# The command, with tiny shapes and the two quantisations that the suite writes.
RUN = """
import dataclasses, sys
sys.path.insert(0, "tools")
import check_published, jina_omni
from testing.checkpoints.shapes import TINY
models = [dataclasses.replace(model, quantizations=("F16", "Q8_0")) for model in jina_omni.list_models()]
sys.exit(check_published.main(sys.argv[1:], models, TINY))
"""
# A name in the checkpoint for each tensor of the files, as MODEL_FACTS section 1.2 has them for small.
NAMES = torch_reference.TEXT_NAMES | {
    "token_embd": "language_model.embed_tokens",
    "output_norm": "language_model.norm",
}
TOP = {
    "v.patch_embd": "visual.patch_embed.proj",
    "v.position_embd": "visual.pos_embed",
    "v.post_ln": "visual.merger.norm",
    "mm.0": "visual.merger.linear_fc1",
    "mm.2": "visual.merger.linear_fc2",
    "a.conv1d.1": "audio_tower.conv1",
    "a.conv1d.2": "audio_tower.conv2",
    "a.post_ln": "audio_tower.ln_post",
    "mm.a.fc": "audio_projector",
}


def torch_name(name: str, size: str) -> str:
    stem, _, kind = name.rpartition(".")
    steps = stem.split(".")
    if stem in TOP:
        found = TOP[stem]
    elif steps[0] == "blk":
        found = f"language_model.layers.{steps[1]}.{NAMES[steps[2]]}"
    elif steps[0] == "v":
        found = f"visual.blocks.{steps[2]}.{torch_reference.VISION_NAMES[steps[3]]}"
    elif steps[0] == "a":
        found = f"audio_tower.layers.{steps[2]}.{torch_reference.AUDIO_NAMES[steps[3]]}"
    else:
        found = NAMES[stem]
    if size == "nano":
        found = found.replace("visual.merger.", "merger.").replace("visual.", "vision_tower.")
    return f"{found}.{kind}"


def write_original(folder: Path, size: str, text: Path, vision: Path, audio: Path) -> dict[str, bytes]:
    """Return the files of a torch checkpoint with the weights of the three files."""
    tensors = {}
    for path in (text, vision, audio):
        weights = Weights(path)
        for name in weights.names(""):
            if name.startswith("v.patch_embd.weight"):
                kernels = [weights[f"v.patch_embd.weight{ending}"] for ending in ("", ".1")]
                tensors[torch_name("v.patch_embd.weight", size)] = torch.from_numpy(np.stack(kernels, axis=2))
            elif name != "a.position_embd.weight":
                values = weights[name].reshape(-1) if ".conv1d." in name and name.endswith(".bias") else weights[name]
                tensors[torch_name(name, size)] = torch.from_numpy(values)
    safetensors_torch.save_file(tensors, folder / "model.safetensors")
    build_tokenizer(text).save(str(folder / "tokenizer.json"))
    config = {"vision_config": {"hidden_act": "gelu_pytorch_tanh"}, "audio_token_id": 2055, "torch_dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(config))
    return {name: (folder / name).read_bytes() for name in ("model.safetensors", "tokenizer.json", "config.json")}


class Published:
    """A hub with the files of a tiny model, and the command that checks them."""

    def __init__(self, server: HubServer, folder: Path, size: str) -> None:
        self.server, self.folder, self.size = server, folder, size
        self.name = f"jina-embeddings-v5-omni-{size}-clustering"
        files = write_checkpoint(folder, TINY[size])
        self.files = {path.name: path.read_bytes() for path in (files.text, files.vision, files.audio)}
        # Other bytes with the same weights: random ones that are quantised are further from F16 than trained ones.
        self.files[f"{self.name}-Q8_0.gguf"] = self.files[files.text.name] + bytes(32)
        (folder / "original").mkdir()
        self.original = write_original(folder / "original", size, files.text, files.vision, files.audio)

    def run(self) -> tuple[int, list[str], str]:
        """Return the exit status, the differences that were found, and the page."""
        for name, files in ((f"{self.name}-GGUF", self.files), (self.name, self.original)):
            if files:
                self.server.repositories[f"jinaai/{name}"] = Repository()
                self.server.repositories[f"jinaai/{name}"].commit(files)
        page = self.folder / "published.md"
        environment = os.environ | {"HF_ENDPOINT": self.server.url, "HF_HOME": str(self.folder / "home")}
        command = [sys.executable, "-c", RUN, "--only", f"{self.size}-clustering", "--output", str(page)]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        assert page.is_file(), done.stderr
        text = page.read_text("utf-8")
        listed = text.partition("### What differs\n\n")[2].partition("\n\n")[0].splitlines()
        return done.returncode, [line.removeprefix("- ") for line in listed if line.startswith("- ")], text


@pytest.fixture(params=["small", "nano"])
def published(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Published]:
    with HubServer() as server:
        yield Published(server, tmp_path, request.param)


def test_files_that_are_as_assumed_have_no_differences(published: Published) -> None:
    status, differences, page = published.run()
    assert (status, differences) == (0, [])
    assert f"## jinaai/{published.name}-GGUF" in page
    assert "Nothing differs." in page
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    cosines = {row[0]: float(row[1]) for row in rows if len(row) == 3 and row[0] not in ("input", "---")}
    assert {name.partition("-")[0] for name in cosines} == {"text", "image", "audio", "video", "fused", "pdf"}
    assert min(cosines.values()) > 0.99999
    answers = {row[0]: row[1] for row in rows if len(row) == 2}
    assert "clip.vision.image_max_pixels = 1310720" in answers["pixels of images and videos"]
    assert "F16" in answers["type of the second patch kernel"]
    assert "audio_token_id = 2055" in answers["config.json"]
    assert [row[:2] for row in rows if row[0] == "Q8_0"] == [["Q8_0", x] for x in ("very short", "short", "medium")]


def written(published: Published, **edits: object) -> bytes:
    """Return the text model file with other contents."""
    path = write_text(published.folder / "other.gguf", TINY[published.size], edits=Edits(**edits))
    return path.read_bytes()


def change_weights(published: Published) -> None:
    name = f"{published.name}-F16.gguf"
    path = published.folder / name
    values = Weights(path)["blk.1.ffn_down.weight"]
    published.files[name] = written(published, tensors={"blk.1.ffn_down.weight": values[::-1]})


def change_rotation(published: Published) -> None:
    architecture = TINY[published.size].text.architecture
    key = f"{architecture}.rope.freq_base"
    published.files[f"{published.name}-F16.gguf"] = written(published, metadata={key: 10_000.0})


def change_quantization(published: Published) -> None:
    published.files[f"{published.name}-Q8_0.gguf"] = written(published, weight_type=Type.Q8_0, seed=1)


def damage(published: Published) -> None:
    name = f"{published.name}-Q8_0.gguf"
    published.files[name] = published.files[name][:-1000]


def rename_a_file(published: Published) -> None:
    published.files[f"{published.name}-Q3_K_M.gguf"] = published.files.pop(f"{published.name}-Q8_0.gguf")


def change_activation(published: Published) -> None:
    published.original["config.json"] = b'{"vision_config": {"hidden_act": "gelu"}}'


def rename_a_tensor(published: Published) -> None:
    path = published.folder / "original" / "model.safetensors"
    tensors = safetensors_torch.load_file(path)
    tensors["language_model.final_norm.weight"] = tensors.pop("language_model.norm.weight")
    safetensors_torch.save_file(tensors, path)
    published.original["model.safetensors"] = path.read_bytes()


def change_the_tokenizer(published: Published) -> None:
    text = published.original["tokenizer.json"].decode()
    stored = json.loads(text)
    stored["model"]["merges"] = stored["model"]["merges"][:50]
    published.original["tokenizer.json"] = json.dumps(stored).encode()


def remove_the_original(published: Published) -> None:
    published.original.clear()


# What is planted at once, each with a part of the difference that must be found.
PLANTED: list[dict[Callable[[Published], None], str]] = [
    {
        change_weights: "text-english: the cosine with torch is ",
        change_quantization: "Q8_0: the lowest cosine with F16 of short texts is ",
        change_activation: "config.json: vision_config.hidden_act is 'gelu', assumed 'gelu_pytorch_tanh'",
        change_the_tokenizer: "text-english: tokenizer.json gives ",
    },
    {
        change_rotation: "rope.freq_base is 10000.0, assumed ",
        damage: "Q8_0 can't be used: ",
        rename_a_tensor: "the torch checkpoint has not 1 tensors under a known name: output_norm.weight",
    },
    {
        rename_a_file: "there is no text model file of Q8_0",
        remove_the_original: "the Hub has no repository jinaai/jina-embeddings-v5-omni-small-clustering",
    },
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: ", ".join(plant.__name__ for plant in planted))
def test_planted_differences_are_found(planted: dict[Callable[[Published], None], str], tmp_path: Path) -> None:
    with HubServer() as server:
        published = Published(server, tmp_path, "small")
        for plant in planted:
            plant(published)
        status, differences, _ = published.run()
    assert status == 1
    for words in planted.values():
        assert [line for line in differences if words in line], (words, differences)
