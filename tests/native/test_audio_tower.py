"""The audio tower against numpy on dequantised weights, and what it promises of clips, chunks, files and arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFValueType
from gguf.gguf_writer import GGUFValue
from numpy.typing import NDArray

from jina_omni import Cancelled, ModelLoadError
from jina_omni.native import CancelToken, Context, Projector, audio_token_count, find_device
from testing.checkpoints.cases import mel
from testing.checkpoints.numpy_reference import NumpyAudio
from testing.checkpoints.shapes import TINY, AudioShape
from testing.checkpoints.writer import BF16, F32, Checkpoint, Edits, audio_tensors, write_audio, write_combined

Floats = NDArray[np.float32]

CPU = find_device("cpu")
# Around one row, one chunk, two chunks, and the longest clip; 724 and 1100 are those of MODEL_FACTS.
LENGTHS = (3, 4, 5, 62, 199, 200, 201, 399, 400, 401, 724, 1100, 3000)
# From here on our own kernel makes all products of a lone clip; ggml's, for fewer rows, round to the weights' type.
OWN_KERNEL = 128


@pytest.fixture(scope="module")
def context() -> Iterator[Context]:
    context = Context(CPU, 2, exact=True)  # what rounds to 14 bits is in tests/parity
    yield context
    context.close()


@pytest.fixture(scope="module", params=["small", "nano"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return request.getfixturevalue(request.param)


def encode(context: Context, audio: Projector, clips: Sequence[Floats]) -> list[Floats]:
    """Return the rows of each clip (n_mel, frames), run together."""
    lengths = [clip.shape[1] for clip in clips]
    rows = context.encode_mel(audio, np.concatenate([clip.T for clip in clips]), np.array(lengths, np.int32))
    return np.split(rows, np.cumsum([audio_token_count(length) for length in lengths])[:-1])


def error(ours: Floats, theirs: Floats) -> float:
    """Return the distance of two arrays of one shape, relative to the second."""
    assert ours.shape == theirs.shape
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def test_rows_equal_the_reference_at_every_length(context: Context, checkpoint: Checkpoint) -> None:
    audio, reference = Projector(checkpoint.audio, CPU), NumpyAudio(checkpoint.audio)
    clips = [mel(length) for length in LENGTHS]
    together = encode(context, audio, clips)
    for length, clip, rows in zip(LENGTHS, clips, together, strict=True):
        expected = reference.rows(clip)
        assert error(rows, expected) < 1e-5, length
        (alone,) = encode(context, audio, [clip])
        assert error(alone, expected) < (1e-3 if length < OWN_KERNEL else 1e-5), length
        if length >= OWN_KERNEL:
            assert np.array_equal(alone, rows), length


def test_the_number_of_rows_is_that_of_the_reference() -> None:
    known = {2: 0, 3: 1, 4: 1, 200: 50, 201: 50, 724: 181, 1100: 275, 1101: 275, 3000: 750}
    assert {length: audio_token_count(length) for length in known} == known
    assert [audio_token_count(length) for length in (-(2**31), -1, 0, 2**31 - 1)] == [0, 0, 0, 2**29]


@pytest.mark.parametrize("exact", [False, True])
def test_threads_and_repetition_do_not_change_a_bit(small: Checkpoint, *, exact: bool) -> None:
    audio = Projector(small.audio, CPU)
    clips = [mel(length) for length in (3, 90, 200, 401, 1100)]
    context, single = (Context(CPU, n, exact=exact) for n in (2, 1))
    first, second = (np.concatenate(encode(context, audio, clips)) for _ in range(2))
    one_thread = np.concatenate(encode(single, audio, clips))
    context.close()
    single.close()
    assert np.array_equal(first, second)
    assert np.array_equal(first, one_thread)


def test_the_attention_of_other_backends_gives_the_same(context: Context, checkpoint: Checkpoint) -> None:
    audio = Projector(checkpoint.audio, CPU)
    clips = [mel(length) for length in (3, 3, 200, 201, 650, 400)]
    portable = Context(CPU, 2, portable=True)
    ours, theirs = (np.concatenate(encode(c, audio, clips)) for c in (context, portable))
    portable.close()
    assert error(ours, theirs) < 2e-3


def test_chunks_do_not_see_each_other(context: Context, small: Checkpoint) -> None:
    audio = Projector(small.audio, CPU)
    clip = mel(500)
    changed = clip.copy()
    changed[:, 200:400] = -changed[:, 200:400]
    one, other = encode(context, audio, [clip, changed])
    same = (one == other).all(axis=1)
    assert same[:50].all()
    assert not same[50:100].any()
    assert same[100:].all()


# Of one pair of frames, odd so that pairs of positions lie across chunks, shorter than usual, and as long as the table.
@pytest.mark.parametrize("n_window", [1, 7, 50, 1500])
def test_the_file_decides_the_length_of_a_chunk(context: Context, tmp_path: Path, n_window: int) -> None:
    edits = Edits(metadata={"clip.audio.n_window": n_window})
    path = write_audio(tmp_path / "audio.gguf", TINY["small"], edits=edits)
    audio, reference = Projector(path, CPU), NumpyAudio(path)
    assert audio.n_window == n_window
    clips = [mel(length) for length in (3, 14, 15, 29, 100, 101, 700)]
    portable = Context(CPU, 2, portable=True)
    for rows, other, clip in zip(encode(context, audio, clips), encode(portable, audio, clips), clips, strict=True):
        assert error(rows, reference.rows(clip)) < 1e-5
        assert error(other, reference.rows(clip)) < 2e-3
    portable.close()


def test_missing_keys_have_the_values_of_the_published_files(
    context: Context, small: Checkpoint, tmp_path: Path
) -> None:
    keys = ("n_window", "num_mel_bins", "attention.layer_norm_epsilon")
    edits = Edits(metadata=dict.fromkeys([f"clip.audio.{key}" for key in keys]))
    bare = Projector(write_audio(tmp_path / "audio.gguf", TINY["small"], edits=edits), CPU)
    assert (bare.n_window, bare.n_mel, bare.max_mel_frames) == (100, 128, 3000)
    (rows,), (expected,) = (encode(context, audio, [mel(401)]) for audio in (bare, Projector(small.audio, CPU)))
    assert np.array_equal(rows, expected)


@pytest.mark.parametrize("kind", [F32, BF16], ids=lambda kind: kind.name)
def test_every_tensor_may_be_of_another_float_type(
    context: Context, small: Checkpoint, tmp_path: Path, kind: GGMLQuantizationType
) -> None:
    """All of them, norms, biases and positions too."""
    names = [tensor.name for tensor in audio_tensors(TINY["small"].audio)]
    edits = Edits(tensor_types=dict.fromkeys(names, kind))
    path = write_audio(tmp_path / "audio.gguf", TINY["small"], edits=edits)
    audio, reference = Projector(path, CPU), NumpyAudio(path)
    assert audio.n_params == Projector(small.audio, CPU).n_params
    clips = [mel(length) for length in (3, 50, 200, 401)]
    for rows, clip in zip(encode(context, audio, clips), clips, strict=True):
        assert error(rows, reference.rows(clip)) < 1e-5


@pytest.mark.parametrize(
    "shape", [AudioShape(2, 6, 2, 10, 5, n_mel=3, n_window=2, n_pos=5), AudioShape(1, 30, 1, 1, 7, n_mel=80, n_pos=100)]
)
def test_widths_need_not_be_multiples_of_anything(context: Context, tmp_path: Path, shape: AudioShape) -> None:
    edits = Edits(weight_type=F32)
    path = write_audio(tmp_path / "audio.gguf", replace(TINY["small"], audio=shape), edits=edits)
    audio, reference = Projector(path, CPU), NumpyAudio(path)
    assert audio.max_mel_frames == 2 * shape.n_pos
    clips = [mel(length)[: shape.n_mel] for length in (3, 4, 5, 9, 10)]
    portable = Context(CPU, 2, portable=True)
    for rows, other, clip in zip(encode(context, audio, clips), encode(portable, audio, clips), clips, strict=True):
        assert error(rows, reference.rows(clip)) < 1e-5
        assert error(other, reference.rows(clip)) < 2e-3
    portable.close()


def test_a_file_with_both_towers_gives_the_bits_of_each_alone(context: Context, checkpoint: Checkpoint) -> None:
    audio, vision, both = (Projector(path, CPU) for path in (checkpoint.audio, checkpoint.vision, checkpoint.combined))
    assert (audio.has_audio, audio.has_vision, both.has_audio, both.has_vision) == (True, False, True, True)
    assert both.n_params == audio.n_params + vision.n_params
    assert both.n_bytes == audio.n_bytes + vision.n_bytes < checkpoint.combined.stat().st_size
    clips = [mel(length) for length in (3, 200, 401)]
    for ours, theirs in zip(encode(context, both, clips), encode(context, audio, clips), strict=True):
        assert np.array_equal(ours, theirs)
    patches = np.random.default_rng(0).uniform(-1, 1, (96, 1536)).astype(np.float32)
    grids = np.array([(1, 8, 12)], np.int32)
    ours, theirs = (context.encode_patches(one, patches, grids) for one in (both, vision))
    assert np.array_equal(ours, theirs)


def test_a_bias_of_the_keys_is_ignored(context: Context, small: Checkpoint, tmp_path: Path) -> None:
    edits = Edits(tensors={"a.blk.0.attn_k.bias": np.ones(128, np.float32)})
    audio = Projector(write_audio(tmp_path / "audio.gguf", TINY["small"], edits=edits), CPU)
    (rows,), (expected,) = (encode(context, one, [mel(401)]) for one in (audio, Projector(small.audio, CPU)))
    assert np.array_equal(rows, expected)


def test_wrong_shapes_and_lengths_are_refused(context: Context, small: Checkpoint) -> None:
    audio, vision = Projector(small.audio, CPU), Projector(small.vision, CPU)
    frames = np.zeros((3001, 128), np.float32)

    def refused(frames: Floats, lengths: object, match: str, projector: Projector = audio) -> None:
        with pytest.raises(ValueError, match=match):
            context.encode_mel(projector, frames, np.array(lengths, np.int32))

    refused(frames[:10], [9], r"shape \(10, 128\), its lengths demand \(9, 128\)")
    refused(frames[:10, :80], [10], r"shape \(10, 80\)")
    refused(frames[0], [1], r"shape \(128,\)")
    refused(frames[:10], [[10]], r"lengths has the shape \(1, 1\)")
    refused(frames[:0], [], "n_clips is below 1")
    refused(frames[:2], [2], "fewer than 3 mel frames")
    refused(frames[:10], [10, 0], "fewer than 3 mel frames")
    refused(frames[:10], [30, -20], "fewer than 3 mel frames")
    refused(frames, [3001], "longer than max_mel_frames")
    refused(frames[:10], [10], "no audio tower", vision)


def test_a_cancelled_call_stops_and_leaves_the_context_usable(context: Context, small: Checkpoint) -> None:
    audio = Projector(small.audio, CPU)
    token = CancelToken()
    token.cancel()
    (before,) = encode(context, audio, [mel(401)])
    with pytest.raises(Cancelled):
        context.encode_mel(audio, mel(3000).T, np.array([3000], np.int32), cancel=token)
    (after,) = encode(context, audio, [mel(401)])
    assert np.array_equal(before, after)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("block_count", None, "block_count"),
        ("block_count", 0, "block_count"),
        ("block_count", 4, "a.blk.3"),
        ("block_count", 2**31, "block_count"),
        ("embedding_length", 64, "a.position_embd.weight"),
        ("embedding_length", 2**31, "embedding_length"),
        ("attention.head_count", 0, "head_count"),
        ("attention.head_count", 3, "head_count"),
        ("feed_forward_length", 255, "ffn_up"),
        ("projection_dim", 255, "mm.a.fc.weight"),
        ("projection_dim", None, "projection_dim"),
        ("num_mel_bins", 0, "num_mel_bins"),
        ("num_mel_bins", 80, "a.conv1d.1.weight"),
        ("num_mel_bins", 2**31, "num_mel_bins"),
        ("n_window", 0, "n_window"),
        ("n_window", 1501, "a.position_embd.weight"),
        ("n_window", GGUFValue(-1, GGUFValueType.INT32), "n_window"),
        ("n_window", "many", "n_window"),
        ("attention.layer_norm_epsilon", -1.0, "layer_norm_epsilon"),
        ("attention.layer_norm_epsilon", 7, "layer_norm_epsilon"),
    ],
)
def test_a_file_with_a_wrong_key_is_refused_by_name(tmp_path: Path, key: str, value: object, match: str) -> None:
    edits = Edits(metadata={f"clip.audio.{key}": value})
    path = write_audio(tmp_path / "audio.gguf", TINY["small"], edits=edits)
    with pytest.raises(ModelLoadError, match=match) as caught:
        Projector(path, CPU)
    assert str(path) in str(caught.value)


def test_a_missing_or_misshapen_tensor_is_refused_by_name(tmp_path: Path) -> None:
    shape = replace(TINY["small"], audio=replace(TINY["small"].audio, n_layer=1))
    for name in [tensor.name for tensor in audio_tensors(shape.audio)]:
        for values in (None, np.zeros((3, 7), np.float32)):
            path = write_audio(tmp_path / "audio.gguf", shape, edits=Edits(tensors={name: values}))
            with pytest.raises(ModelLoadError, match=f"tensor '{name}'"):
                Projector(path, CPU)


def test_towers_of_different_widths_in_one_file_are_refused(tmp_path: Path) -> None:
    shape = replace(TINY["small"], audio=replace(TINY["small"].audio, n_embd_text=128))
    with pytest.raises(ModelLoadError, match=r"vision\.projection_dim.*256.*audio\.projection_dim.*128"):
        Projector(write_combined(tmp_path / "both.gguf", shape), CPU)
