# SPDX-License-Identifier: Apache-2.0
import doctest
import wave

import numpy as np
import pytest

from jina_omni.errors import InputError, located
from jina_omni.media import mel as mel_module
from jina_omni.media.mel import compute_log_mel, count_mel_frames, require_mel_frames
from tests.parity.regenerate_mel import CLIPS, DATA, clip
from tests.reference_pack import PACK, needs_pack


def noise(n, seed=0):
    return np.random.default_rng(seed).integers(-1000, 1000, n).astype(np.float32) / 1000


@pytest.mark.parametrize("name", CLIPS)
def test_the_frames_are_those_that_transformers_computed(name):
    stored = np.load(DATA)
    found = compute_log_mel(clip(name))
    assert found.shape == (stored[f"count_{name}"], 128)
    assert np.abs(found[stored[f"frames_{name}"]] - stored[f"mel_{name}"]).max() < 1e-4


@pytest.mark.parametrize("n", [321, 400, 480, 481, 16_000, 16_001, 115_840, 479_640, 479_641, 479_841, 480_000])
@pytest.mark.parametrize("n_mel", [128, 80])
@pytest.mark.parametrize("end", [1, 30])
def test_every_frame_is_that_of_transformers(n, n_mel, end):
    transformers = pytest.importorskip("transformers")
    extractor = transformers.WhisperFeatureExtractor(feature_size=n_mel)
    samples = noise(n) / 30
    samples[-150:] *= end  # what decides the maximum may lie in frames that begin behind the last real one
    expected = extractor(samples, sampling_rate=16_000, return_attention_mask=True, return_tensors="np")
    count = int(expected["attention_mask"].sum())
    found = compute_log_mel(samples, n_mel)
    assert found.shape == (count, n_mel)
    assert np.abs(found - expected["input_features"][0].T[:count]).max() < 1e-4


@needs_pack
@pytest.mark.parametrize("size", ["small", "nano"])
def test_the_mel_is_that_of_the_reference_pack(size):
    stages = np.load(PACK / size / "stages.npz")
    expected = stages["audio_mel"].T
    with wave.open(str(PACK / "media" / str(stages["audio_name"]))) as file:
        samples = np.frombuffer(file.readframes(-1), np.int16).astype(np.float32) / 32768
    found = compute_log_mel(samples)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4


def test_a_row_is_a_frame_of_floats_in_one_piece():
    found = compute_log_mel(noise(16_000))
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert compute_log_mel(noise(0)).shape == (0, 128)


def test_a_clip_is_the_start_of_the_same_clip_with_silence_after_it():
    samples = noise(20_000)
    longer = compute_log_mel(np.concatenate([samples, np.zeros(50_000, np.float32)]))
    assert np.abs(compute_log_mel(samples) - longer[: count_mel_frames(20_000)]).max() < 1e-6


def test_the_samples_stay_as_they_are():
    samples = noise(480_000)
    before = samples.copy()
    compute_log_mel(samples)
    assert np.array_equal(samples, before)


def test_more_bands_than_bins_leave_some_at_the_floor():
    found = compute_log_mel(noise(4_000), 400)
    assert found.shape == (25, 400)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("n_samples", "n_frames"), [(1, 1), (160, 1), (161, 2), (176_000, 1100), (479_841, 3000), (480_000, 3000)]
)
def test_a_clip_has_a_frame_for_every_160_samples(n_samples, n_frames):
    assert count_mel_frames(n_samples) == n_frames


def test_fewer_than_three_frames_are_refused():
    assert require_mel_frames(321) == 3
    message = r"^input 3 is a sound of 20\.0 ms, which is too short; the model needs 20\.1 ms"
    with pytest.raises(InputError, match=message), located(input=3):
        require_mel_frames(320)


def test_the_examples_run():
    assert doctest.testmod(mel_module).failed == 0
