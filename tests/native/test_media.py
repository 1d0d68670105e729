"""Sounds, films, pages and pictures through `Model` on the tiny checkpoints."""

from __future__ import annotations

import base64
import io
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pypdfium2
import pytest

import jina_omni
from jina_omni import Audio, Image, Model, Pdf, Video
from jina_omni.media.mel import compute_log_mel
from jina_omni.native import Context
from testing.checkpoints import spans
from testing.checkpoints.cases import clip, image, sound
from testing.checkpoints.numpy_reference import NumpyAudio, NumpyText, NumpyVision
from testing.checkpoints.shapes import TINY
from testing.checkpoints.writer import Checkpoint, Edits, write_audio, write_text
from testing.media_files import (
    as_librosa,
    encoded,
    looped,
    noise,
    signal,
    sound_container,
    sound_file,
    track_file,
    video_file,
)
from testing.pdfs import document, rectangle
from tests.native import small_pictures
from tests.native.sequences import cosines
from tests.native.weight_types import TYPES

RATE = 16_000
A4 = b"/MediaBox[0 0 595 842]"  # 1,260 tokens


@pytest.fixture(scope="module", params=["small", "nano"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return small_pictures.write(tmp_path_factory.mktemp("small-pictures"), request.param)


@pytest.fixture(scope="module")
def model(files: Checkpoint) -> Iterator[Model]:
    """Give a model for everything."""
    with Model(files.text, [files.vision, files.audio], n_threads=1) as model:
        yield model


class Spy:
    """What the towers are given, in order.

    Attributes
    ----------
    grids, mel_lengths
        Of every medium.
    sequences
        Token ids, with -1 for each row of a medium.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.grids: list[tuple[int, ...]] = []
        self.mel_lengths: list[int] = []
        self.sequences: list[list[int]] = []
        for name, record in (
            ("encode_patches", lambda _, _values, grids: self.grids.extend(map(tuple, grids.tolist()))),
            ("encode_mel", lambda _, _values, lengths: self.mel_lengths.extend(lengths.tolist())),
            ("encode_sequences", self._record),
        ):
            monkeypatch.setattr(Context, name, self._spied(getattr(Context, name), record))

    @staticmethod
    def _spied(original: Any, record: Any) -> Any:
        def called(self: Context, *arguments: Any, **options: Any) -> Any:
            record(*arguments[:3])
            return original(self, *arguments, **options)

        return called

    def _record(self, _text: Any, tokens: np.ndarray, lengths: np.ndarray) -> None:
        self.sequences += [one.tolist() for one in np.split(tokens, np.cumsum(lengths)[:-1])]


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    return Spy(monkeypatch)


def as_audio(samples: np.ndarray) -> Audio:
    return Audio(samples, sampling_rate=RATE)


def tones(seconds: float, name: str = "tones") -> np.ndarray:
    return sound(name, round(seconds * RATE)).samples


def film(n_frames: int = 5, name: str = "film", **options: Any) -> bytes:
    return video_file(clip(name, n_frames, 160, 96), **options)


def two_pages() -> bytes:
    return document(
        (b"/MediaBox[0 0 72 72]", rectangle((255, 0, 0), 0, 36, 36, 36)),
        (b"/MediaBox[0 0 144 72]", rectangle((0, 0, 255), 0, 0, 144, 36)),
    )


def one_of_each() -> list[Any]:
    """Return a text, media of every kind, and a mixture."""
    picture, mixture = image("each", 90, 60), ["a ", image("mixed", 50, 60), as_audio(tones(0.7))]
    return ["some words", picture, as_audio(tones(1.1)), Video(film()), Pdf(two_pages()), mixture]


# ---- how many tokens, and from what ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "rows"), [(11, 275), (30, 750), (7.24, 181), (0.0201, 1)])
def test_a_sound_has_a_row_for_every_four_frames_of_its_own_length(
    model: Model, spy: Spy, seconds: float, rows: int
) -> None:
    given = as_audio(tones(seconds))
    count = model.count_tokens(given)
    model.encode(given)
    (tokens,) = spy.sequences
    assert len(tokens) == count
    assert tokens[1 : 1 + rows] == [-1] * rows
    names = model.info.audio_delimiters
    assert [tokens[0], *tokens[1 + rows :]] == [
        model._preparer.tokenizer.special_token(names[0]),
        model._preparer.tokenizer.special_token(names[1]),
        *model._preparer.tokenizer.end.tolist(),
    ]


def test_a_pdf_is_its_pages_as_images_fused(model: Model) -> None:
    pdf = Pdf(two_pages())
    drawn = pypdfium2.PdfDocument(two_pages())
    pages = [Image(np.asarray(drawn[i].render(scale=150 / 72).to_pil().convert("RGB"))) for i in range(2)]
    drawn.close()
    assert np.array_equal(model.encode(pdf), model.encode([pages])[0])
    assert np.array_equal(model.encode(pdf.split()), model.encode(pages))
    assert np.array_equal(model.encode([["a ", pdf, " b"]]), model.encode([["a ", *pages, " b"]]))
    assert cosines(*model.encode(pages)) < 0.999


def test_a_pdf_over_the_context_says_how_many_pages_fit(nano: Checkpoint) -> None:
    data = document(*[(A4, b"")] * 8)
    with Model(nano.text, nano.vision) as model:
        with pytest.raises(jina_omni.InputTooLongError, match=r"of its 8 pages the first 6 fit") as raised:
            model.encode(["a", Pdf(data)])
        assert raised.value.index == 1
        assert raised.value.tokens == 8 * 1260 + 1 == model.count_tokens(Pdf(data))
        assert "pages=[0, 1, 2, 3, 4, 5]" in str(raised.value)
        assert model.count_tokens(Pdf(data, pages=range(6))) <= raised.value.limit == 8192
        assert model.count_tokens(Pdf(data, pages=range(7))) > 8192
        with pytest.raises(jina_omni.InputTooLongError, match=r"of its 7 pages the first 6 fit: pass pages=\[7, 6, 5"):
            model.encode(Pdf(data, pages=range(7, 0, -1)))


def test_a_page_over_the_context_says_so_itself(nano: Checkpoint, tmp_path: Path) -> None:
    edits = Edits(metadata={"eurobert.context_length": 1000})
    text = write_text(tmp_path / "text.gguf", TINY["nano"], edits=edits)
    problem = pytest.raises(jina_omni.InputTooLongError, match=r"^input 1 has 2,521 tokens.*first page fits.*lower dpi")
    with Model(text, nano.vision) as model, problem:
        model.encode(["a", Pdf(document(*[(A4, b"")] * 2))])


def test_a_sound_over_thirty_seconds_is_refused_or_cut(model: Model) -> None:
    long = tones(31)
    with pytest.raises(jina_omni.InputTooLongError, match=r"^input 1 is a sound of 31.00 seconds") as raised:
        model.encode(["a", as_audio(long)])
    assert raised.value.index == 1
    whole = model.encode(as_audio(long[: 30 * RATE]))
    assert np.array_equal(model.encode(as_audio(long), truncate=True), whole)


def test_a_sound_over_what_the_tower_takes_is_an_error_of_its_own(small: Checkpoint, tmp_path: Path) -> None:
    """Published towers take thirty seconds; a file may have positions for fewer."""
    shape = replace(TINY["small"], audio=replace(TINY["small"].audio, n_pos=100))
    with Model(small.text, write_audio(tmp_path / "audio-mmproj.gguf", shape)) as model:
        rows, errors = model.encode([as_audio(tones(2.1)), "a", as_audio(tones(2))], on_error="return")
        assert list(errors) == [0]
        assert isinstance(errors[0], jina_omni.InputTooLongError)
        assert "input 0 is a sound of 210 mel frames, over the 200 of the audio tower" in str(errors[0])
        assert np.array_equal(rows[1:], model.encode(["a", as_audio(tones(2))]))


def test_a_missing_tower_is_named_with_the_file_to_pass(files: Checkpoint) -> None:
    given = one_of_each()
    with (
        Model(files.text) as neither,
        Model(files.text, files.vision) as seeing,
        Model(files.text, files.audio) as hearing,
    ):
        _, errors = neither.encode(given, on_error="return")
        assert list(errors) == [1, 2, 3, 4, 5]
        wanted = {1: "vision", 2: "audio", 3: "vision", 4: "vision", 5: "vision"}
        assert all(f"{wanted[i]}-mmproj-F16.gguf" in str(error) for i, error in errors.items())
        assert {type(error) for error in errors.values()} == {jina_omni.ModalityNotLoadedError}
        assert list(seeing.encode(given, on_error="return")[1]) == [2, 5]
        assert list(hearing.encode(given, on_error="return")[1]) == [1, 3, 4, 5]
    loud = Video(film(sound=True, container="matroska"))
    with Model(files.text, files.vision, dialect="sentence-transformers") as model:
        assert np.isfinite(model.encode(Video(film()))).all()
        with pytest.raises(jina_omni.ModalityNotLoadedError, match="audio-mmproj-F16"):
            model.encode(loud)
    with Model(files.text, files.vision) as model:
        assert np.isfinite(model.encode(loud)).all()


# ---- the same bits --------------------------------------------------------------------------------------------------


def test_towers_give_the_same_bits_together_alone_and_from_one_file(model: Model, files: Checkpoint) -> None:
    text, picture, heard, video, pdf, _ = one_of_each()
    both = model.encode(one_of_each())
    with Model(files.text, files.combined) as combined:
        assert np.array_equal(combined.encode(one_of_each()), both)
    with Model(files.text, [files.audio, files.vision]) as turned:
        assert np.array_equal(turned.encode(one_of_each()), both)
    with Model(files.text, files.vision) as seeing:
        assert np.array_equal(seeing.encode([text, picture, video, pdf]), both[[0, 1, 3, 4]])
    with Model(files.text, files.audio) as hearing:
        assert np.array_equal(hearing.encode([text, heard]), both[[0, 2]])


def test_media_give_the_same_bits_alone_in_any_batch_and_from_four_threads(model: Model, files: Checkpoint) -> None:
    given = one_of_each()
    alone = np.concatenate([model.encode([one]) for one in given])
    assert np.array_equal(model.encode(given), alone)
    assert np.array_equal(model.encode(given[::-1], batch_tokens=1)[::-1], alone)
    with ThreadPoolExecutor(4) as pool:
        places = [i % len(given) for i in range(4 * len(given))]
        for i, row in zip(places, pool.map(lambda i: model.encode([given[i]]), places), strict=True):
            assert np.array_equal(row[0], alone[i])
        for rows in pool.map(lambda _: model.encode(given), range(4)):
            assert np.array_equal(rows, alone)
    with Model(files.text, files.combined, n_threads=2) as two:
        assert np.array_equal(two.encode(given), alone)


def test_equal_inputs_of_a_call_are_computed_once(model: Model, spy: Spy, tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    image("twice", 80, 80).save(path)
    samples, picture = tones(1), image("once", 60, 90)
    given = [
        *(path, "words", as_audio(samples), picture, Video(film())),
        *(path, "words", as_audio(samples), picture, Video(film())),
        *(Image(path), [path, "words"], Image(str(path)), [path, "words"], Video(film(), fps=1)),
    ]
    rows = model.encode(given)
    # the picture at the path is read for itself and for the mixture, the film at two rates
    assert (len(spy.grids), len(spy.mel_lengths), len(spy.sequences)) == (5, 1, 7)
    assert np.array_equal(rows[:5], rows[5:10])
    assert np.array_equal(rows[10], rows[0])
    assert np.array_equal(rows[12], rows[0])
    assert np.array_equal(rows[11], rows[13])
    distinct = [0, 1, 2, 3, 4, 11, 14]
    assert np.array_equal(rows[distinct], model.encode([given[i] for i in distinct]))


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF", "M4A"])
def test_a_stereo_file_at_44100_hz_is_what_librosa_makes_of_it(model: Model, kind: str) -> None:
    """As samples at 16 kHz, whose vectors equal those of torch; see the stored outputs."""
    samples = signal(2.6)
    data = sound_container(samples, "ipod", "alac") if kind == "M4A" else sound_file(samples, kind=kind)
    expected = model.encode(as_audio(as_librosa(samples, 44_100)))
    assert cosines(model.encode(Audio(data)), expected) >= 0.99999


# ---- media that are not what their headers say ----------------------------------------------------------------------


def unfinished(samples: np.ndarray, share: float) -> bytes:
    """Return a Matroska file that announces a share of its length, as one whose recorder crashed later on."""
    data = sound_container(samples[:, np.newaxis], "matroska", "aac", RATE)
    place = data.index(b"\x44\x89\x88") + 3  # the duration, a float of 8 bytes: RFC 9559, 5.1.2.10
    (duration,) = struct.unpack_from(">d", data, place)
    return data[:place] + struct.pack(">d", share * duration) + data[place + 8 :]


def heard_in(data: bytes) -> Audio:
    with av.open(io.BytesIO(data)) as container:
        return as_audio(np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]))


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_a_sound_of_another_length_than_was_announced_gives_the_right_vector(
    model: Model, spy: Spy, share: float
) -> None:
    data = unfinished(noise(11 * RATE), share)
    picture = image("beside", 70, 70)
    given = [["a ", Audio(data), picture], "words", Audio(data), [picture, Audio(data), " b"]]
    exact = heard_in(data)
    counts = model.count_tokens(given)
    rows = model.encode(given)
    found = dict(zip(map(len, spy.sequences), spy.sequences, strict=True))
    assert abs(model.count_tokens(Audio(data)) - model.count_tokens(exact)) > 100  # else there is nothing to see here
    assert sorted(found) == sorted(model.count_tokens([["a ", exact, picture], "words", exact, [picture, exact, " b"]]))
    assert sorted(found) != sorted(counts)
    assert np.array_equal(rows, model.encode([["a ", exact, picture], "words", exact, [picture, exact, " b"]]))


def test_a_sound_that_turns_out_over_the_context_is_an_error_of_its_own(small: Checkpoint, tmp_path: Path) -> None:
    data = unfinished(noise(11 * RATE), 0.1)
    with Model(small.text, small.audio) as model:
        guessed, true = model.count_tokens(Audio(data)), model.count_tokens(heard_in(data))
    assert guessed < true
    limit = (guessed + true) // 2
    text = write_text(tmp_path / "text.gguf", TINY["small"], edits=Edits(metadata={"qwen3.context_length": limit}))
    with Model(text, small.audio) as model:
        rows, errors = model.encode(["a", Audio(data), "b", Audio(data)], on_error="return")
        assert list(errors) == [1, 3]
        assert {(type(e), e.index, e.tokens, e.limit) for e in errors.values()} == {
            (jina_omni.InputTooLongError, i, true, limit) for i in (1, 3)
        }
        assert np.array_equal(rows[[0, 2]], model.encode(["a", "b"]))
        with pytest.raises(jina_omni.InputTooLongError, match=r"^input 1 has") as raised:
            model.encode(["a", Audio(data)])
        assert raised.value.index == 1


def test_a_films_sound_may_be_longer_than_its_pictures(files: Checkpoint) -> None:
    """Its length is guessed from the pictures, and put right when it is read."""
    frames = clip("talk", 3, 64, 64)
    data = video_file(frames, "matroska", "ffv1", rate=24, pix_fmt="bgr0", sound=True)
    with Model(files.text, files.combined, dialect="sentence-transformers") as model:
        with av.open(io.BytesIO(data)) as container:
            track = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]) / np.float32(32768)
        expected = [as_audio(track.astype(np.float32)), Video(frames)]
        assert np.array_equal(model.encode(Video(data)), model.encode([expected])[0])


def test_sound_alone_in_a_film_container_is_a_sound(model: Model, tmp_path: Path) -> None:
    for container, codec in (("mp4", "aac"), ("webm", "libopus"), ("matroska", "flac")):
        name, data = f"a.{container}", track_file(container, codec)
        (tmp_path / name).write_bytes(data)
        assert np.array_equal(model.encode(tmp_path / name), model.encode(Audio(data))), name


# ---- inputs that fail -----------------------------------------------------------------------------------------------


def test_broken_files_leave_the_others_as_they_are(model: Model, tmp_path: Path) -> None:
    png, wav, mp4, pdf = encoded(image("good", 64, 64), "PNG"), sound_file(noise(), RATE), film(), two_pages()
    good = {"a.png": png, "b.wav": wav, "c.mp4": mp4, "d.pdf": pdf}
    broken = {"e.png": png[:-90], "f.wav": wav[:40], "g.mp4": mp4[: len(mp4) // 2], "h.pdf": pdf[:60]}
    for name, data in (good | broken).items():
        (tmp_path / name).write_bytes(data)
    paths = [tmp_path / name for pair in zip(broken, good, strict=True) for name in pair]
    mixtures = [[tmp_path / name for name in names] for names in (("a.png", "e.png", "b.wav"), ("b.wav", "c.mp4"))]
    rows, errors = model.encode([*paths, *mixtures], on_error="return")
    assert sorted(errors) == [0, 2, 4, 6, 8]
    assert {type(error) for error in errors.values()} == {jina_omni.DecodeError}
    assert all(error.index == i and f"input {i}" in str(error) for i, error in errors.items())
    assert np.array_equal(rows[[1, 3, 5, 7, 9]], model.encode([*paths[1::2], mixtures[1]]))
    assert np.isnan(rows[list(errors)]).all()


def test_cancelling_stops_the_decoding_of_a_long_film(small: Checkpoint, tmp_path: Path) -> None:
    blocks = np.random.default_rng(0).integers(0, 256, (24, 45, 80, 3), dtype=np.uint8)
    frames = np.kron(blocks, np.ones((1, 16, 16, 1), np.uint8))
    path = tmp_path / "film.mkv"
    path.write_bytes(looped(video_file(frames, rate=24), 100))
    token = jina_omni.CancelToken()
    cancelled_at: list[float] = []

    def cancel() -> None:
        time.sleep(1)
        cancelled_at.append(time.monotonic())
        token.cancel()

    with Model(small.text, small.vision) as model:
        before = model.encode("a text")
        threading.Thread(target=cancel).start()
        with pytest.raises(jina_omni.Cancelled):
            model.encode(["a text", Video(path, max_frames=8)], cancel=token)
        stopped_at = time.monotonic()
        assert 0 < stopped_at - cancelled_at[0] < 1
        readers = [thread for thread in threading.enumerate() if thread.name.startswith("jina_omni_media")]
        for thread in readers:
            thread.join(1)
        assert not any(thread.is_alive() for thread in readers)
        assert np.array_equal(model.encode("a text"), before)


# ---- quantised text files -------------------------------------------------------------------------------------------

FUSED: tuple[spans.Part, ...] = (
    "what is seen and heard: ",
    image("quantised", 100, 70),
    sound("quantised", 40_000),
    " and ",
    spans.Video(clip("quantised", 3, 120, 80), (0.5, 2.0)),
    ", all at once",
)
ALONE = [FUSED[1:2], FUSED[2:3], FUSED[4:5], FUSED]


def as_ours(part: spans.Part) -> Any:
    if isinstance(part, spans.Audio):
        return as_audio(part.samples)
    return Video(part.frames, timestamps=part.times) if isinstance(part, spans.Video) else part


@pytest.fixture(scope="session")
def sequences(checkpoint: Checkpoint) -> list[list[spans.Span]]:
    """Return the inputs as the reference's sequences; their rows don't depend on the text file."""
    vision, audio = NumpyVision(checkpoint.vision), NumpyAudio(checkpoint.audio)
    with Model(checkpoint.text) as model:
        tokenizer = model._preparer.tokenizer
        return [
            spans.build_spans(
                parts,
                encode=lambda text: tokenizer(text).tolist(),
                known=lambda token: tokenizer.special_token(token) is not None,
                vision=vision.rows,
                audio=lambda samples: audio.rows(compute_log_mel(samples).T),
                limits=vision.limits,
                eos=next(iter(tokenizer.end.tolist()), None),
            )
            for parts in ALONE
        ]


@pytest.mark.parametrize("weight_type", TYPES)
def test_media_beside_a_text_file_of_every_type_equal_the_dequantised_weights(
    checkpoint: Checkpoint,
    quantized: dict[str, Path],
    sequences: list[list[spans.Span]],
    weight_type: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference = NumpyText(quantized[weight_type])
    expected = np.stack([reference.embed(one) for one in sequences])
    given = [[as_ours(part) for part in parts] for parts in ALONE]
    mmproj = [checkpoint.vision, checkpoint.audio]
    found = {}
    for compute in ("exact", "fast"):
        with Model(quantized[weight_type], mmproj, compute=compute) as model:
            found[compute] = cosines(model.encode(given), expected)
    with capsys.disabled():
        lines = [f"{compute} {cosine.min():.6f}" for compute, cosine in found.items()]
        print(f"\n{reference._weights.architecture:9} {weight_type:8} media {'   '.join(lines)}", end="")
    assert found["exact"].min() >= 0.99999
    # ``fast`` rounds what goes into a product to 1/127 of the largest of 32 values: by some 0.6 % of it at random, and
    # so by 2 % after the four roundings of each of three layers, a cosine of 0.9998. Twice that would be a fault.
    assert found["fast"].min() >= 0.9992


# ---- what is shown, and streams -------------------------------------------------------------------------------------


def test_the_bar_counts_inputs_with_media(model: Model, capfd: pytest.CaptureFixture[str]) -> None:
    model.encode(one_of_each())
    assert capfd.readouterr() == ("", "")
    given = [*one_of_each(), Image(b"GIF89a"), as_audio(np.zeros(3, np.float32)), Video(film()[:500])]
    _, errors = model.encode(given, show_progress_bar=True, on_error="return")
    out, err = capfd.readouterr()
    assert (out, len(errors)) == ("", 3)
    assert f"100%: {len(given)} of {len(given)} inputs, " in err


def test_a_stream_of_paths_is_read_a_window_at_a_time(model: Model, tmp_path: Path) -> None:
    image("streamed", 40, 40).save(tmp_path / "a.png")
    (tmp_path / "b.wav").write_bytes(sound_file(noise(), RATE))
    (tmp_path / "c.mp4").write_bytes(film())
    (tmp_path / "d.pdf").write_bytes(two_pages())
    (tmp_path / "e.gif").write_bytes(b"GIF89a")
    n_read = 0

    def paths() -> Iterator[Path]:
        nonlocal n_read
        for _ in range(60):
            for path in sorted(tmp_path.iterdir()):
                n_read += 1
                yield path

    stream = model.encode_iter(paths(), on_error="return")
    assert n_read == 0
    found = [next(stream)]
    assert n_read == 256
    found += stream
    assert len(found) == n_read == 300
    rows = model.encode(sorted(tmp_path.iterdir())[:4])
    for i, one in enumerate(found):
        if i % 5 == 4:
            assert isinstance(one, jina_omni.DecodeError)
            assert one.index == i
        else:
            assert np.array_equal(one, rows[i % 5])


# ---- requests of other systems --------------------------------------------------------------------------------------


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


PNG, WAV, MP4, PDF = (
    encoded(image("asked", 64, 48), "PNG"),
    sound_file(noise(), RATE),
    film(name="asked"),
    two_pages(),
)
FIRST, SECOND = (encoded(image(name, 64, 48), "PNG") for name in ("first", "second"))
PAIR = np.stack([image(name, 64, 48) for name in ("first", "second")])
REQUESTS = {
    "llama-server": (
        {
            "content": [
                {"prompt_string": "heard: <__media__> seen: <__media__>", "multimodal_data": [b64(WAV), b64(PNG)]},
                {
                    "prompt_string": "<0.5 seconds><__media__>",
                    "multimodal_data": [],
                    "videopair_data": [[b64(FIRST), b64(SECOND)]],
                },
            ]
        },
        [["heard: ", Audio(WAV), " seen: ", Image(PNG)], ["<0.5 seconds>", Video(PAIR, timestamps=False)]],
    ),
    "Elastic": (
        {
            "input": [
                {"content": {"type": "audio", "format": "base64", "value": b64(WAV)}},
                {
                    "content": [
                        {"type": "text", "value": "a film "},
                        {"type": "video", "format": "base64", "value": f"data:video/mp4;base64,{b64(MP4)}"},
                        {"type": "pdf", "format": "base64", "value": b64(PDF)},
                    ]
                },
            ]
        },
        [Audio(WAV), ["a film ", Video(MP4), Pdf(PDF)]],
    ),
    "Jina API": (
        {
            "model": "jina-embeddings-v5-omni-small",
            "input": [
                {"audio": b64(WAV)},
                {"video": b64(MP4)},
                {"pdf": b64(PDF)},
                {"content": [{"text": "all "}, {"audio": b64(WAV)}, {"image": b64(PNG)}]},
            ],
        },
        [Audio(WAV), Video(MP4), Pdf(PDF), ["all ", Audio(WAV), Image(PNG)]],
    ),
    "OpenAI": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "said: "},
                        {"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(PNG)}"}},
                    ],
                }
            ]
        },
        ["said: ", Audio(WAV), Image(PNG)],
    ),
    "sentence-transformers": (
        [
            {"audio": {"array": noise(), "sampling_rate": RATE}},
            {"text": "seen ", "video": {"array": PAIR, "video_metadata": {"fps": 4.0}}},
            {"text": "both ", "image": image("asked", 64, 48), "audio": noise()},
        ],
        [
            as_audio(noise()),
            ["seen ", Video(PAIR, fps=4)],
            ["both ", image("asked", 64, 48), as_audio(noise())],
        ],
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_of_other_systems_give_the_bits_of_our_own_types(model: Model, name: str) -> None:
    request, ours = REQUESTS[name]
    given = ours if isinstance(ours[0], (Audio, list)) or name == "sentence-transformers" else [ours]
    assert np.array_equal(np.atleast_2d(model.encode(request)), model.encode(given))
