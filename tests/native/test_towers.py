"""The towers against independent results: stored torch outputs, and numpy on dequantised weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from jina_omni.native import Context, Projector, TextModel, find_device
from testing.checkpoints.numpy_reference import NumpyText, NumpyVision
from testing.checkpoints.pixels import Patches
from testing.checkpoints.weights import Weights
from testing.checkpoints.writer import Checkpoint
from tests.native.sequences import Span, cosines, pooled
from tests.native.weight_types import TYPES

CPU = find_device("cpu")


@pytest.fixture(scope="module")
def context() -> Iterator[Context]:
    context = Context(CPU, 2)
    yield context
    context.close()


@pytest.fixture(scope="module")
def exact_context() -> Iterator[Context]:
    context = Context(CPU, 2, exact=True)
    yield context
    context.close()


def random_sequences(seed: int, lengths: tuple[int, ...]) -> list[list[Span]]:
    """Return sequences of random ordinary tokens."""
    rng = np.random.default_rng(seed)
    return [[rng.integers(0, 2000, n).tolist()] for n in lengths]


def with_image(seed: int, n_embd: int) -> list[Span]:
    """Return a sequence of tokens, rows as a vision tower could make them, and tokens."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((40, n_embd)).astype(np.float32)
    return [rng.integers(0, 2000, 5).tolist(), rows, rng.integers(0, 2000, 7).tolist()]


def test_text_tower_equals_the_reference_at_every_length(context: Context, checkpoint: Checkpoint) -> None:
    text = TextModel(checkpoint.text, CPU)
    sequences = [*random_sequences(1, (1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 300)), with_image(1, text.n_embd)]
    reference = NumpyText(checkpoint.text)
    expected = np.stack([reference.embed(spans) for spans in sequences])
    assert cosines(pooled(context, text, sequences), expected).min() > 0.999995


def test_a_sequence_longer_than_one_part_equals_the_reference(context: Context, checkpoint: Checkpoint) -> None:
    """Over 512 tokens in a run, the products go part by part, and sequences lie across the parts."""
    text = TextModel(checkpoint.text, CPU)
    sequences = random_sequences(2, (255, 2, 600, 1100))
    reference = NumpyText(checkpoint.text)
    expected = np.stack([reference.embed(spans) for spans in sequences])
    assert cosines(pooled(context, text, sequences), expected).min() > 0.999995


@pytest.mark.parametrize(
    "grids", [[(1, 32, 32)], [(1, 2, 2), (1, 40, 6), (2, 4, 10)], [(1, 64, 70), (1, 16, 16)]], ids=str
)
def test_vision_tower_equals_the_reference_for_any_grids(
    context: Context, checkpoint: Checkpoint, grids: list[tuple[int, int, int]]
) -> None:
    vision = Projector(checkpoint.vision, CPU)
    reference = NumpyVision(checkpoint.vision)
    rng = np.random.default_rng(3)
    inputs = [rng.uniform(-1, 1, (t * h * w, 1536)).astype(np.float32) for t, h, w in grids]
    expected = np.concatenate([reference.rows(Patches(rows, grid)) for rows, grid in zip(inputs, grids, strict=True)])
    rows = context.encode_patches(vision, np.concatenate(inputs), np.array(grids, np.int32))
    assert np.linalg.norm(rows - expected) < 2e-3 * np.linalg.norm(expected)


def test_the_attention_of_other_backends_gives_the_same(context: Context, checkpoint: Checkpoint) -> None:
    """On the CPU it runs for this test only, but an accelerator has no other."""
    text, vision = TextModel(checkpoint.text, CPU), Projector(checkpoint.vision, CPU)
    sequences = [*random_sequences(4, (5, 5, 5, 33, 33, 70, 2100)), with_image(4, text.n_embd)]
    patches = np.random.default_rng(4).uniform(-1, 1, (3 * 96, 1536)).astype(np.float32)
    grids = np.array([(2, 8, 12), (1, 8, 12)], np.int32)
    portable = Context(CPU, 2, portable=True)
    assert cosines(pooled(portable, text, sequences), pooled(context, text, sequences)).min() > 0.9999
    ours, theirs = (c.encode_patches(vision, patches, grids) for c in (context, portable))
    assert np.linalg.norm(ours - theirs) < 2e-3 * np.linalg.norm(ours)
    portable.close()


@pytest.mark.parametrize("weight_type", TYPES)
def test_every_weight_type_is_as_close_to_the_dequantised_weights_as_libllama(
    context: Context,
    exact_context: Context,
    quantized: dict[str, Path],
    engine: ModuleType,
    weight_type: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = quantized[weight_type]
    text = TextModel(path, CPU)
    reference, weights = NumpyText(path), Weights(path)
    # Both engines round the activations, each to other errors: only the mean over many inputs tells which is closer.
    texts = random_sequences(5, tuple(range(3, 43)) * 5)
    fused = [with_image(seed, text.n_embd) for seed in range(100)]

    expected = np.stack([reference.embed(spans) for spans in [*texts, *fused]])
    fast = cosines(pooled(context, text, [*texts, *fused]), expected)
    exact = cosines(pooled(exact_context, text, [*texts, *fused]), expected)
    with engine.Embedder(path, n_ctx=1024, n_batch=1024, n_ubatch=1024, n_seq_max=64, n_threads=2) as embedder:
        rows = [embedder.embed_rows(np.concatenate([_rows(weights, span) for span in spans])) for spans in fused]
        theirs = cosines(np.concatenate([embedder.embed([spans[0] for spans in texts]), np.stack(rows)]), expected)
    found = {"fast": fast, "exact": exact, "libllama": theirs}
    lines = [f"{name} {_summary(cosine, len(texts))}" for name, cosine in found.items()]
    with capsys.disabled():
        print(f"\n{text.architecture:9} {weight_type:8} {'   '.join(lines)}", end="")
    assert exact.min() >= 0.99999
    for kind in (slice(0, len(texts)), slice(len(texts), None)):
        assert fast[kind].mean() >= theirs[kind].mean() - 1e-4


def _rows(weights: Weights, span: Span) -> NDArray[np.float32]:
    return weights.rows("token_embd.weight", np.array(span)) if isinstance(span, list) else span


def _summary(cosine: NDArray[np.float64], n_text: int) -> str:
    return f"text {cosine[:n_text].mean():.6f} image {cosine[n_text:].mean():.6f}"


@pytest.mark.parametrize("weight_type", TYPES)
def test_an_input_gives_the_same_bits_alone_and_in_any_batch(
    quantized: dict[str, Path], weight_type: str, context: Context
) -> None:
    text = TextModel(quantized[weight_type], CPU)
    sequences = [*random_sequences(6, (1, 2, 7, 30, 31, 64, 100, 250)), with_image(6, text.n_embd)]
    alone = np.concatenate([pooled(context, text, [spans]) for spans in sequences])
    together = pooled(context, text, sequences)
    reverse = pooled(context, text, sequences[::-1])[::-1]
    single = Context(CPU, 1)
    one_thread = pooled(single, text, sequences)
    single.close()
    for other in (together, reverse, one_thread):
        assert np.array_equal(alone, other)


def test_a_repeated_call_gives_the_same_bits(context: Context, quantized: dict[str, Path]) -> None:
    for weight_type in ("F16", "Q8_0", "Q4_K_M"):
        text = TextModel(quantized[weight_type], CPU)
        sequences = random_sequences(7, (9, 40, 200))
        assert np.array_equal(pooled(context, text, sequences), pooled(context, text, sequences))
