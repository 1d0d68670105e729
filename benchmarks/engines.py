"""The sides of the text benchmark. Each embeds lists of token ids and returns rows that are not normalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bfloat16 import to_bfloat16
from benchmarks.padding import Batch, embed_in_batches
from benchmarks.settings import Changes, Settings

Tokens = Sequence[Sequence[int]]
Rows = NDArray[np.float32]


class OursText:
    """jina_omni at the level of token ids. This class holds all that the text benchmark uses of its API."""

    # the defaults of Model on a CPU and on an accelerator
    _BATCH_TOKENS_CPU, _BATCH_TOKENS_ACCELERATOR = 4096, 16384

    def __init__(self, path: Path, n_threads: int, *, pack: bool = False, device: str = "cpu") -> None:
        from jina_omni.batching import make_batches
        from jina_omni.native import Context, TextModel, find_device

        found = find_device(device)
        self._batch_tokens = self._BATCH_TOKENS_CPU if found.is_cpu else self._BATCH_TOKENS_ACCELERATOR
        self._model = TextModel(path, found)
        self._context = Context(found, n_threads)
        if pack:
            self._context.pack(self._model)
        self._make_batches = make_batches

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences."""
        out = np.empty((len(work), self._model.n_embd), np.float32)
        for batch in self._make_batches([len(ids) for ids in work], self._batch_tokens):
            tokens = np.concatenate([np.asarray(work[i], np.int32) for i in batch])
            lengths = np.array([len(work[i]) for i in batch], np.int32)
            out[batch] = self._context.encode_sequences(self._model, tokens, lengths)
        return out


@dataclass(frozen=True)
class LlamaSettings(Settings):
    """The settings of libllama's embedding context; the size of its cache follows from them."""

    n_batch: int = 512
    n_ubatch: int = 512
    kv_unified: bool = True
    use_extra_bufts: bool = True
    flash_attn: bool | None = None

    @classmethod
    def first(cls, ftype: str, lengths: Sequence[int], *, passive: bool) -> LlamaSettings:  # noqa: ARG003
        """Return the settings as they come, with room for the longest text."""
        return cls(n_batch=max(512, *lengths))

    @classmethod
    def knobs(cls, ftype: str, *, passive: bool) -> Sequence[Changes]:  # noqa: ARG003
        """Return the changes to try. n_batch goes with n_ubatch: a larger one only makes the mask larger."""
        return (
            ({"use_extra_bufts": False},),
            ({"kv_unified": False},),
            (
                {"n_batch": 128, "n_ubatch": 128},
                {"n_batch": 256, "n_ubatch": 256},
                {"n_batch": 1024, "n_ubatch": 1024},
                {"n_batch": 2048, "n_ubatch": 2048},
                {"n_batch": 2048, "n_ubatch": 256},
            ),
            ({"flash_attn": False},),
            ({"kv_unified": False},),
        )

    def change(self, change: Mapping[str, Any], lengths: Sequence[int]) -> LlamaSettings | None:
        """Return these settings with a change, or None where it makes no difference to texts of such lengths."""
        changed = replace(self, **change)
        changed = replace(changed, n_batch=max(changed.n_batch, *lengths))
        # a batch that holds all texts already can't get better by being larger
        return None if changed.n_batch > self.n_batch >= sum(lengths) else changed

    def arguments(self, lengths: Sequence[int]) -> dict[str, Any]:
        """Return what the engine takes besides the file and the threads, for texts of such lengths."""
        return {"settings": self, "lengths": lengths}

    def n_seq_max(self, lengths: Sequence[int]) -> int:
        """Return the sequences of one decode that its tokens allow."""
        shortest = min(lengths)
        return max(1, min(256, len(lengths), self.n_batch // shortest))

    def n_ctx(self, lengths: Sequence[int]) -> int:
        """Return the cells of the cache."""
        if self.kv_unified:
            return self.n_batch
        # every sequence has a cache of its own, in steps of 256 cells
        return max(self.n_batch, self.n_seq_max(lengths) * -(-max(lengths) // 256) * 256)


class LlamaText:
    """libllama's embedding context, made for the lengths of one row of the benchmark."""

    def __init__(
        self, path: Path, n_threads: int, settings: LlamaSettings, lengths: Sequence[int], device: str = "cpu"
    ) -> None:
        from testing.engine.llama import Embedder

        options = asdict(settings) | {"n_seq_max": settings.n_seq_max(lengths), "n_ctx": settings.n_ctx(lengths)}
        self._embedder = Embedder(path, n_threads=n_threads, device=device, **options)

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences."""
        return self._embedder.embed(work)


class LlamaPython:
    """llama-cpp-python's ``Llama.embed``, which knows no `use_extra_bufts` and always has `kv_unified`."""

    def __init__(
        self, path: Path, n_threads: int, settings: LlamaSettings, lengths: Sequence[int], device: str = "cpu"
    ) -> None:
        from llama_cpp import LLAMA_POOLING_TYPE_LAST, LLAMA_SPLIT_MODE_NONE, Llama, llama_supports_gpu_offload

        place: dict[str, Any] = {}
        if device != "cpu":
            if not llama_supports_gpu_offload():
                raise RuntimeError("llama-cpp-python was built for the CPU alone")
            number = int(device.partition(":")[2] or 0)
            place = {"n_gpu_layers": -1, "split_mode": LLAMA_SPLIT_MODE_NONE, "main_gpu": number}
        sizes = {"n_ctx": max(settings.n_batch, *lengths), "n_batch": settings.n_batch, "n_ubatch": settings.n_ubatch}
        threads = {"n_threads": n_threads, "n_threads_batch": n_threads}
        options = {"pooling_type": LLAMA_POOLING_TYPE_LAST, "flash_attn": settings.flash_attn is not False}
        self._llama = Llama(str(path), embedding=True, verbose=False, **sizes, **threads, **options, **place)

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences; it takes texts only, so they go in through its tokenizer."""
        self._llama.tokenize = lambda text: list(work[int(text)])
        return np.array(self._llama.embed([str(i) for i in range(len(work))]), np.float32)


def name_torch_device(device: str) -> str:
    """Return torch's name of a device of ours.

    Raises
    ------
    RuntimeError
        It has none.
    """
    backend, colon, number = device.partition(":")
    if backend in ("cpu", "cuda"):
        return backend + colon + number
    if backend in ("metal", "mtl"):
        return "mps"
    raise RuntimeError(f"torch has no device {device}")


def load_torch(path: Path) -> Any:
    """Return transformers' module in float32 with the weights of a text file."""
    import torch

    from testing.checkpoints import torch_reference
    from testing.checkpoints.weights import Weights

    model = torch_reference.TorchText(path)._model
    # the reference reads single rows from the file; a user's model holds the table
    table = torch.from_numpy(Weights(path)["token_embd.weight"])
    model.embed_tokens = torch.nn.Embedding.from_pretrained(table)
    return model


class TorchText:
    """transformers' module in float32, or in bfloat16, with the weights of the same file."""

    # Padded tokens of one batch. On a CPU: large products, yet activations that stay small next to the weights.
    _BATCH_TOKENS_CPU, _BATCH_TOKENS_ACCELERATOR = 2048, 16384

    def __init__(self, path: Path, n_threads: int, *, bfloat16: bool = False, device: str = "cpu") -> None:
        import torch

        torch.set_num_threads(n_threads)
        self._torch = torch
        self._batch_tokens = self._BATCH_TOKENS_CPU if device == "cpu" else self._BATCH_TOKENS_ACCELERATOR
        self._model = load_torch(path)
        if bfloat16:
            to_bfloat16(self._model)
        self._model.to(name_torch_device(device))
        self._causal = self._model.config.model_type == "qwen3"

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences, those of similar length together and padded on the right."""
        width = self._model.config.hidden_size
        return embed_in_batches(work, lambda longest: max(1, self._batch_tokens // longest), width, self._embed)

    def _embed(self, batch: Batch) -> Rows:
        torch = self._torch
        place = self._model.device
        ids, last = torch.from_numpy(batch.ids).to(place), torch.from_numpy(batch.last).to(place)
        mask = (torch.arange(ids.shape[1], device=place) <= last[:, None]).long()
        # behind a causal mask the padding on the right is never seen, and without a mask torch is faster
        needs_mask = not self._causal and bool((batch.last < ids.shape[1] - 1).any())
        with torch.inference_mode():
            hidden = self._model(
                input_ids=ids, attention_mask=mask if needs_mask else None, use_cache=False
            ).last_hidden_state
            return hidden[torch.arange(len(batch.rows), device=place), last].cpu().numpy()
