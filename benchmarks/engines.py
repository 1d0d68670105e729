"""The sides of the text benchmark. Each embeds lists of token ids and returns rows that are not normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bfloat16 import to_bfloat16

Tokens = Sequence[Sequence[int]]
Rows = NDArray[np.float32]


class OursText:
    """jina_omni at the level of token ids. This class holds all that the text benchmark uses of its API."""

    # the default of Model on a CPU
    _BATCH_TOKENS = 4096

    def __init__(self, path: Path, n_threads: int) -> None:
        from jina_omni.batching import make_batches
        from jina_omni.native import Context, TextModel, find_device

        device = find_device("cpu")
        self._model = TextModel(path, device)
        self._context = Context(device, n_threads)
        self._make_batches = make_batches

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences."""
        out = np.empty((len(work), self._model.n_embd), np.float32)
        for batch in self._make_batches([len(ids) for ids in work], self._BATCH_TOKENS):
            tokens = np.concatenate([np.asarray(work[i], np.int32) for i in batch])
            lengths = np.array([len(work[i]) for i in batch], np.int32)
            out[batch] = self._context.encode_sequences(self._model, tokens, lengths)
        return out


@dataclass(frozen=True)
class LlamaSettings:
    """The settings of libllama's embedding context; the size of its cache follows from them."""

    n_batch: int = 512
    n_ubatch: int = 512
    kv_unified: bool = True
    use_extra_bufts: bool = True
    flash_attn: bool | None = None

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

    def __str__(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in asdict(self).items())


class LlamaText:
    """libllama's embedding context, made for the lengths of one row of the benchmark."""

    def __init__(self, path: Path, n_threads: int, settings: LlamaSettings, lengths: Sequence[int]) -> None:
        from testing.engine.llama import Embedder

        options = asdict(settings) | {"n_seq_max": settings.n_seq_max(lengths), "n_ctx": settings.n_ctx(lengths)}
        self._embedder = Embedder(path, n_threads=n_threads, **options)

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences."""
        return self._embedder.embed(work)


class LlamaPython:
    """llama-cpp-python's ``Llama.embed``, which knows no `use_extra_bufts` and always has `kv_unified`."""

    def __init__(self, path: Path, n_threads: int, settings: LlamaSettings, lengths: Sequence[int]) -> None:
        from llama_cpp import LLAMA_POOLING_TYPE_LAST, Llama

        sizes = {"n_ctx": max(settings.n_batch, *lengths), "n_batch": settings.n_batch, "n_ubatch": settings.n_ubatch}
        threads = {"n_threads": n_threads, "n_threads_batch": n_threads}
        options = {"pooling_type": LLAMA_POOLING_TYPE_LAST, "flash_attn": settings.flash_attn is not False}
        self._llama = Llama(str(path), embedding=True, verbose=False, **sizes, **threads, **options)

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences; it takes texts only, so they go in through its tokenizer."""
        self._llama.tokenize = lambda text: list(work[int(text)])
        return np.array(self._llama.embed([str(i) for i in range(len(work))]), np.float32)


class TorchText:
    """transformers' module in float32, or in bfloat16, with the weights of the same file."""

    # padded tokens of one batch: large products, yet activations that stay small next to the weights
    _BATCH_TOKENS = 2048

    def __init__(self, path: Path, n_threads: int, *, bfloat16: bool = False) -> None:
        import torch

        from testing.checkpoints import torch_reference
        from testing.checkpoints.weights import Weights

        torch.set_num_threads(n_threads)
        self._torch = torch
        self._model = torch_reference.TorchText(path)._model
        # the reference reads single rows from the file; a user's model holds the table
        table = torch.from_numpy(Weights(path)["token_embd.weight"])
        self._model.embed_tokens = torch.nn.Embedding.from_pretrained(table)
        if bfloat16:
            to_bfloat16(self._model)
        self._causal = self._model.config.model_type == "qwen3"

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences, those of similar length together and padded on the right."""
        torch = self._torch
        out = np.empty((len(work), self._model.config.hidden_size), np.float32)
        order = sorted(range(len(work)), key=lambda i: -len(work[i]))
        while order:
            longest = len(work[order[0]])
            batch = order[: max(1, self._BATCH_TOKENS // longest)]
            order = order[len(batch) :]
            ids = torch.zeros((len(batch), longest), dtype=torch.int64)
            mask = torch.zeros_like(ids)
            for k, i in enumerate(batch):
                ids[k, : len(work[i])] = torch.tensor(work[i])
                mask[k, : len(work[i])] = 1
            # behind a causal mask the padding on the right is never seen, and without a mask torch is faster
            needs_mask = not self._causal and bool((mask == 0).any())
            with torch.inference_mode():
                hidden = self._model(
                    input_ids=ids, attention_mask=mask if needs_mask else None, use_cache=False
                ).last_hidden_state
                out[batch] = hidden[torch.arange(len(batch)), mask.sum(dim=1) - 1].numpy()
        return out
