# SPDX-License-Identifier: Apache-2.0
import base64
import contextlib
import doctest
import inspect
import io
import json
import re
import struct
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

import jina_omni
from jina_omni import Audio, Image, Pdf, Text, Video, requests
from jina_omni.errors import DecodeError, InputError, UnsupportedMediaError, located
from jina_omni.inputs import Fetch, Part
from jina_omni.parsing import parse_input
from jina_omni.requests import unwrap_request


def picture(seed: int, width: int = 24, height: int = 16) -> PILImage.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return PILImage.fromarray(pixels)


def png(seed: int = 0, **size: int) -> bytes:
    file = io.BytesIO()
    picture(seed, **size).save(file, "PNG")
    return file.getvalue()


def jpeg() -> bytes:
    file = io.BytesIO()
    picture(9).save(file, "JPEG")
    return file.getvalue()


def wav() -> bytes:
    samples = struct.pack("<80h", *range(80))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 196, b"WAVE") + form + struct.pack("<4sI", b"data", 160) + samples


MP4 = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(64)
PDF = b"%PDF-1.7\n" + bytes(range(64))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64(data)}"


def parse(value: object, fetch: Fetch | None = None) -> list[Part]:
    return [item.part for item in parse_input(value, fetch)]


def plain(parts: list[Part]) -> list[tuple[object, ...]]:
    """Return parts as tuples that compare, arrays and all."""
    rows = []
    for part in parts:
        if isinstance(part, Text):
            rows.append(("Text", part.text))
            continue
        source = part.source.tolist() if isinstance(part.source, np.ndarray) else part.source
        names = ("orientation", "background", "sampling_rate", "fps", "max_frames", "timestamps", "pages", "dpi")
        options = tuple((name, getattr(part, name)) for name in names if hasattr(part, name))
        rows.append((type(part).__name__, source, *options))
    return rows


def assert_parts(value: object, *expected: Part, **options: object) -> None:
    assert plain(parse(value, **options)) == plain(list(expected))


# As a whole: what the vendors' documentation has, as it comes out of JSON, and the same in this library's own types.
A, B = png(1), png(2)
REQUESTS = {
    "llama-server": (
        {
            "content": [
                {"prompt_string": "Document: a cat"},
                {"prompt_string": "Document: <__media__>", "multimodal_data": [b64(A)]},
                {"prompt_string": "<__media__> beside <__media__>.", "multimodal_data": [b64(A), b64(B)]},
                "a plain prompt",
            ]
        },
        ["Document: a cat", ["Document: ", Image(A)], [Image(A), " beside ", Image(B), "."], "a plain prompt"],
    ),
    "llama-server, one prompt": (
        {"content": {"prompt_string": "<__media__>", "multimodal_data": [b64(A)]}},
        Image(A),
    ),
    "Elastic": (
        {
            "input": [
                {
                    "content": [
                        {"type": "text", "value": "a cat"},
                        {"type": "image", "format": "base64", "value": b64(A)},
                    ]
                },
                {"content": {"type": "image", "format": "base64", "value": data_url(B)}},
                {"content": {"type": "text", "format": "text", "value": "a dog"}},
            ]
        },
        [["a cat", Image(A)], Image(B), "a dog"],
    ),
    "vLLM": (
        {
            "model": "jina",
            "messages": [
                {"role": "system", "content": ""},
                {
                    "role": "user",
                    "name": "someone",
                    "content": [
                        {"type": "text", "text": ""},
                        {"type": "image_url", "image_url": {"url": data_url(A), "detail": "low"}, "uuid": "1"},
                        {"type": "text", "text": "a cat", "cache_control": {"type": "ephemeral"}},
                    ],
                },
                {"role": "assistant", "content": [{"type": "text", "text": ""}], "tool_calls": [], "refusal": None},
            ],
            "encoding_format": "float",
            "continue_final_message": True,
            "add_special_tokens": True,
            "tools": [],
        },
        [Image(A), "a cat"],
    ),
    "Elastic, texts": ({"input": ["a cat", "a dog"]}, ["a cat", "a dog"]),
    "Elastic, one text": ({"input": "a cat"}, "a cat"),
    "Jina": (
        {
            "model": "jina-embeddings-v5-omni-small",
            "input": [
                {"text": "A beautiful sunset over the beach"},
                {"image": b64(A)},
                {"image": data_url(B)},
                {"content": [{"text": "a cat"}, {"image": b64(A)}]},
                "a plain text",
            ],
        },
        ["A beautiful sunset over the beach", Image(A), Image(B), ["a cat", Image(A)], "a plain text"],
    ),
    "Jina, one group": ({"content": [{"image": b64(A)}, {"text": "a cat"}]}, [Image(A), "a cat"]),
    "OpenAI": (
        {
            "model": "jina",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this? "},
                        {"type": "image_url", "image_url": {"url": data_url(A)}},
                        {"type": "image_url", "image_url": data_url(B)},
                    ],
                },
                {"role": "user", "content": " Well?"},
            ],
        },
        ["What is this? ", Image(A), Image(B), " Well?"],
    ),
}
FUSED = ("Jina, one group", "OpenAI", "vLLM")  # whose list of our parts is one input


@pytest.fixture(scope="module", params=["small", "nano"])
def model(request: pytest.FixtureRequest) -> Iterator[jina_omni.Model]:
    files = request.getfixturevalue(request.param)
    with jina_omni.Model(files.text, files.vision) as model:
        yield model


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_gives_the_bits_of_the_same_parts(model: jina_omni.Model, name: str) -> None:
    request, ours = json.loads(json.dumps(REQUESTS[name][0])), REQUESTS[name][1]
    if name in FUSED:
        expected, counts = model.encode([ours])[0], model.count_tokens([ours])[0]
    else:
        expected, counts = model.encode(ours), model.count_tokens(ours)
    vectors = model.encode(request)
    assert vectors.shape == expected.shape
    assert vectors.tobytes() == expected.tobytes()
    assert model.count_tokens(request) == counts


def test_a_stream_takes_a_request_too(model: jina_omni.Model) -> None:
    np.testing.assert_array_equal(list(model.encode_iter({"input": ["a", "b"]})), model.encode(["a", "b"]))
    np.testing.assert_array_equal(list(model.encode_iter({"text": "a"})), model.encode(["a"]))
    np.testing.assert_array_equal(list(model.encode_iter(iter([{"text": "a"}, "b"]))), model.encode(["a", "b"]))


def test_unwrap_request_other_systems_stand_in_a_list_beside_others(model: jina_omni.Model) -> None:
    theirs = ["a cat", {"image": A}, ["seen: ", {"type": "image", "image": B}], {"role": "user", "content": "a dog"}]
    ours = ["a cat", Image(A), ["seen: ", Image(B)], "a dog"]
    np.testing.assert_array_equal(model.encode(theirs), model.encode(ours))


def test_a_failing_dict_is_one_failing_input(model: jina_omni.Model) -> None:
    vectors, errors = model.encode(["a", {"picture": 1}, {"text": "b"}], on_error="return")
    assert list(errors) == [1]
    assert errors[1].index == 1
    assert str(errors[1]).startswith("input 1 has the unknown key 'picture'; ")
    np.testing.assert_array_equal(vectors[[0, 2]], model.encode(["a", "b"]))


def test_the_models_prompt_goes_before_requests_too(model: jina_omni.Model) -> None:
    request = {"prompt_string": "a <__media__>", "multimodal_data": [b64(A)]}
    with_prompt = model.encode(request, prompt="Query: ")
    np.testing.assert_array_equal(with_prompt, model.encode([["Query: a ", Image(A)]], prompt="")[0])
    assert (with_prompt != model.encode(request, prompt="")).any()


def test_addresses_are_fetched_by_the_callers_function_alone(model: jina_omni.Model) -> None:
    web = {"https://example.org/a.png": A, "http://example.org/b": B}
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return web[url]

    request = {
        "input": [
            {"image": "https://example.org/a.png"},
            {"content": [{"type": "image_url", "image_url": {"url": "http://example.org/b"}}]},
            {"type": "image", "format": "base64", "value": "https://example.org/a.png"},
            "https://example.org/a.png",
        ]
    }
    ours = [Image(A), Image(B), Image(A), "https://example.org/a.png"]
    expected = model.encode(ours)
    np.testing.assert_array_equal(model.encode(request, fetch=fetch), expected)
    assert asked == [*web, "https://example.org/a.png"]  # a str at the top is text
    assert model.count_tokens(request, fetch=fetch) == model.count_tokens(ours)
    np.testing.assert_array_equal(list(model.encode_iter(request, fetch=fetch)), expected)
    with pytest.raises(InputError, match=r"^input 0, image is the address 'https://example.org/a.png', and nothing"):
        model.encode(request)


def test_a_marker_outside_a_prompt_string_is_text(model: jina_omni.Model) -> None:
    for value in ("<__media__>", {"text": "<__media__>"}, {"content": "<__media__>"}, ["a", {"text": "<__media__>"}]):
        assert parse(value)[-1] == Text("<__media__>")
    np.testing.assert_array_equal(model.encode({"text": "a <__media__>"}), model.encode("a <__media__>"))


# Prompts of llama-server.


def test_markers_take_files_in_order_then_pairs() -> None:
    pairs = [[b64(png(3)), b64(png(4))], [b64(png(5)), b64(png(6))]]
    assert_parts(
        {
            "prompt_string": "x<__media__><__media__> <0.2 seconds><__media__><1.2 seconds><__media__>\n",
            "multimodal_data": [b64(A), b64(wav())],
            "videopair_data": pairs,
        },
        Text("x"),
        Image(A),
        Audio(wav()),
        Text(" <0.2 seconds>"),
        Video(np.stack([picture(3), picture(4)]), timestamps=False),
        Text("<1.2 seconds>"),
        Video(np.stack([picture(5), picture(6)]), timestamps=False),
        Text("\n"),
    )


def test_files_of_each_kind_are_told_by_their_bytes() -> None:
    data = [b64(x) for x in (jpeg(), wav(), MP4, PDF)]
    assert_parts(
        {"prompt_string": "<__media__>" * 4, "multimodal_data": data}, Image(jpeg()), Audio(wav()), Video(MP4), Pdf(PDF)
    )


def test_the_frames_of_a_pair_may_differ_in_format_and_mode() -> None:
    grey = io.BytesIO()
    picture(0).convert("L").save(grey, "PNG")
    (part,) = parse({"prompt_string": "<__media__>", "videopair_data": [[b64(grey.getvalue()), b64(jpeg())]]})
    assert isinstance(part, Video)
    np.testing.assert_array_equal(part.source[0], picture(0).convert("L").convert("RGB"))
    np.testing.assert_array_equal(part.source[1], PILImage.open(io.BytesIO(jpeg())))


def test_the_text_around_markers_is_verbatim() -> None:
    assert_parts(
        {"prompt_string": " \n<__MEDIA__> <__media__>\t", "multimodal_data": [b64(A)]},
        Text(" \n<__MEDIA__> "),
        Image(A),
        Text("\t"),
    )


# What a str under a kind of media is.


@pytest.mark.parametrize("data", [png(), jpeg(), wav(), MP4, PDF], ids=["png", "jpeg", "wav", "mp4", "pdf"])
@pytest.mark.parametrize("wrapper", [Image, Audio, Video, Pdf])
def test_base64_of_media_is_its_bytes(data: bytes, wrapper: type) -> None:
    assert_parts({wrapper.__name__.lower(): b64(data)}, wrapper(data))


@pytest.mark.parametrize(
    "path",
    [
        "cat.jpg",
        "/data/cat.jpg",
        "C:\\data\\cat.jpg",
        "photos/of/my/cats",
        "aaaaaaaaaaaaaaaa",  # base64, but of no kind of media
        b64(b"a text of some length, which no tower takes"),
        "R0lGODlhAQAB",  # base64 of a GIF's beginning, too short to be one
        "/workspace/images/cat",
        "/workspace/blobs/0a1b2c3d4e5f6071",
        b64(png())[:-1],
        "",
    ],
)
@pytest.mark.parametrize("wrapper", [Image, Audio, Video, Pdf])
def test_other_strings_are_paths_whether_they_exist_or_not(
    path: str, wrapper: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_parts({wrapper.__name__.lower(): path}, wrapper(path))


def test_base64_of_media_is_its_bytes_also_where_a_file_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = b64(b"GIF89a\x01\0\x01\0\0\0\0;")
    Path(text).touch()
    assert_parts({"image": text}, Image(b"GIF89a\x01\0\x01\0\0\0\0;"))


def test_a_data_url_is_its_bytes() -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>"
    for url in (
        data_url(svg, "image/svg+xml"),
        data_url(svg, ""),
        data_url(svg, "image/svg+xml;charset=utf-8").replace("data", "DATA").replace("base64", "Base64"),
        "data:image/svg+xml," + urllib.parse.quote(svg),
    ):
        assert_parts({"image": url}, Image(svg))
        assert_parts({"type": "image_url", "image_url": {"url": url}}, Image(svg))


# Dicts of sentence-transformers.


def test_each_key_is_a_part_in_the_order_of_the_keys() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    drawn = picture(0)
    assert_parts({"text": "a", "image": drawn, "pdf": "b.pdf"}, Text("a"), Image(drawn), Pdf("b.pdf"))
    assert_parts({"image": pixels, "text": "a"}, Image(pixels), Text("a"))
    assert_parts({"video": Path("a.mp4"), "audio": b"..."}, Video(Path("a.mp4")), Audio(b"..."))


def test_samples_have_their_rate_or_that_of_the_reference() -> None:
    samples = np.zeros(8, np.float32)
    assert_parts({"audio": samples}, Audio(samples, sampling_rate=16_000))
    array = {"array": samples, "sampling_rate": 44_100}
    for value in (array, {"audio": array}, {"content": [{"type": "audio", "audio": array}]}):
        assert_parts(value, Audio(samples, sampling_rate=44_100))


def test_frames_have_their_metadata() -> None:
    frames = np.zeros((5, 4, 4, 3), np.uint8)
    assert_parts({"video": frames}, Video(frames))

    def of(metadata: dict[str, object]) -> list[Part]:
        array = {"array": frames, "video_metadata": metadata}
        assert plain(parse(array)) == plain(parse({"video": array}))
        return parse(array)

    assert plain(of({})) == plain([Video(frames)])
    assert plain(of({"fps": 15, "total_num_frames": 5})) == plain([Video(frames, fps=15)])
    assert plain(of({"fps": 15, "frames_indices": [0, 1, 2, 3, 4]})) == plain([Video(frames, fps=15)])
    pictures = {"array": list(map(PILImage.fromarray, frames)), "video_metadata": {"fps": 15}}
    assert plain(parse(pictures)) == plain([Video(frames, fps=15)])
    (clip,) = of({"fps": 8.0, "frames_indices": np.array([0, 4, 8, 16, 32]), "duration": 5.0})
    assert isinstance(clip, Video)
    assert clip.timestamps == [0.25, 1.5, 4.0]
    assert clip.fps == 8.0


# Blocks.


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        ({"type": "text", "value": "a"}, Text("a")),
        ({"type": "text", "format": "text", "value": "a"}, Text("a")),
        ({"type": "image", "image": "cat.jpg"}, Image("cat.jpg")),
        ({"type": "image", "value": b64(A)}, Image(A)),
        ({"type": "audio", "format": "base64", "value": b64(wav())}, Audio(wav())),
        ({"type": "video", "format": "base64", "value": b64(MP4)}, Video(MP4)),
        ({"type": "pdf", "format": "base64", "value": data_url(PDF, "application/pdf")}, Pdf(PDF)),
        ({"type": "pdf", "value": b64(b"??")}, Pdf(b"??")),  # where a kind is said, none is looked for
        ({"type": "audio_url", "audio_url": {"url": data_url(wav())}}, Audio(wav())),
        ({"type": "video_url", "video_url": {"url": data_url(MP4)}}, Video(MP4)),
        ({"type": "input_audio", "input_audio": {"data": b64(wav()), "format": "wav"}}, Audio(wav())),
        ({"type": "file", "file": {"file_data": data_url(PDF, "application/pdf"), "filename": "a.pdf"}}, Pdf(PDF)),
        ({"type": "file", "file": {"file_data": b64(wav())}}, Audio(wav())),
    ],
)
def test_a_block_is_a_part_alone_in_content_and_in_messages(block: dict[str, object], expected: Part) -> None:
    assert_parts(block, expected)
    assert_parts({"content": block}, expected)
    assert_parts({"content": [{"text": "b"}, block]}, Text("b"), expected)
    assert_parts({"messages": [{"role": "user", "content": [block]}]}, expected)
    assert_parts([block, "b"], expected, Text("b"))


# Whole requests.


def test_a_dict_that_is_one_input_stays_one() -> None:
    for value in (
        {"text": "a"},
        {"prompt_string": "a"},
        {"content": [{"text": "a"}, {"text": "b"}]},
        {"content": "a"},
        {"role": "user", "content": ["a"]},
        {"messages": [{"role": "user", "content": "a"}]},
    ):
        assert unwrap_request(value) == value


def test_a_content_of_prompts_is_a_list_of_inputs() -> None:
    prompts = [{"prompt_string": "a"}, "b"]
    assert unwrap_request({"content": prompts}) is prompts
    assert unwrap_request({"content": prompts[:1], "model": "x"}) == prompts[:1]
    assert unwrap_request({"content": prompts[0]}) is prompts[0]


@pytest.mark.parametrize(
    "body", [{"input": ["a"]}, {"content": ["a"]}, {"messages": [{"role": "user", "content": "a"}]}], ids=list
)
@pytest.mark.parametrize(
    ("option", "argument"),
    [
        ("dimensions", "truncate_dim="),
        ("task", "prompt_name="),
        ("truncate", "truncate="),
        ("normalized", "normalize_embeddings="),
        ("embd_normalize", "normalize_embeddings="),
        ("embedding_type", "precision="),
        ("encoding_format", "precision="),
        ("input_type", "prompt_name="),
    ],
)
def test_an_option_of_a_request_is_not_ignored(body: dict[str, object], option: str, argument: str) -> None:
    with pytest.raises(InputError, match=rf"^the request sets '{option}'; take it out, and pass encode its {argument}"):
        unwrap_request({"model": "x", **body, option: 64})
    assert argument.rstrip("=") in inspect.signature(jina_omni.Model.encode).parameters


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            {"input": ["a"], "late_chunking": True},
            "the request sets 'late_chunking'; take it out, since nothing here does that",
        ),
        ({"messages": [], "tools": [{"type": "function"}]}, "the request sets 'tools'; take it out, since nothing"),
        ({"messages": [], "mm_processor_kwargs": {"fps": 1}}, "the request sets 'mm_processor_kwargs'; take it out"),
        ({"messages": [], "system": "Find it."}, "the request sets 'system'; take it out, and pass encode its prompt="),
        ({"input": "a", "n": True}, "the request sets 'n'; take it out"),
        ({"input": "a", "colour": "red"}, "the request has the unknown key 'colour'; it takes 'input'"),
        ({"input": ["a"], "content": ["b"]}, "the request has the unknown key 'content'"),
        ({"content": [{"text": "a"}], "seed": 1}, "the request has the unknown key 'seed'"),
    ],
)
def test_an_unknown_key_of_a_request_is_named(request_: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        unwrap_request(request_)


@pytest.mark.parametrize(
    "options",
    [
        {"model": "x", "user": "someone", "request_id": "1", "priority": -3, "metadata": {"a": "b"}},
        {"encoding_format": "float", "dimensions": None, "n": 1, "stream": False},
        {"embedding_type": "float", "normalized": True, "truncate": False, "late_chunking": False, "task": None},
        {"embd_normalize": 2},
        {"add_generation_prompt": False, "chat_template": None, "tool_choice": "auto", "normalize": True},
    ],
    ids=lambda options: next(iter(options)),
)
@pytest.mark.parametrize("body", [{"input": ["a"]}, {"messages": [{"role": "user", "content": "a"}]}], ids=list)
def test_what_asks_for_what_is_done_anyway_is_ignored(body: dict[str, object], options: dict[str, object]) -> None:
    assert unwrap_request({**options, **body}) == unwrap_request(body)


def test_encoding_in_base64_is_not_what_encode_does() -> None:
    with pytest.raises(InputError, match=r"sets 'encoding_format'; take it out, .* base64\.b64encode\(embedding\)"):
        unwrap_request({"input": ["a"], "encoding_format": "base64"})


# Messages.


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("content", ["Find it.", [{"type": "text", "text": "Find it."}]])
def test_a_system_message_is_refused_with_the_prompt_as_the_way_out(role: str, content: object) -> None:
    words = rf"^input, message 0 has the role '{role}', .*; pass its text as prompt=, and leave it out$"
    with pytest.raises(InputError, match=words), located(input=None):
        parse({"messages": [{"role": role, "content": content}, {"role": "user", "content": "a"}]})


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": None, "tool_calls": None, "function_call": None, "audio": None},
        {"role": "assistant", "content": [], "annotations": []},
        {"role": "system", "content": [{"type": "text", "text": ""}, {"type": "text", "value": ""}]},
        {"role": "assistant", "content": {"type": "text", "text": ""}},
        {"role": "assistant", "content": [{"text": ""}]},
        {"role": "user", "content": "", "name": "someone"},
    ],
    ids=str,
)
@pytest.mark.parametrize("place", [0, 1])
def test_an_empty_turn_is_left_out(turn: dict[str, object], place: int) -> None:
    messages = [{"role": "user", "content": "a"}]
    messages.insert(place, turn)
    assert_parts({"messages": messages}, Text("a"))


def test_a_chat_of_empty_turns_has_nothing_to_embed() -> None:
    with pytest.raises(InputError, match=r"^input, message 0 is an empty text"), located(input=None):
        parse({"messages": [{"role": "user", "content": ""}]})
    with pytest.raises(InputError, match=r"^input, message 0, content 0, text is an empty text"), located(input=None):
        parse({"messages": [{"role": "user", "content": [{"text": ""}]}, {"role": "assistant", "content": ""}]})


def test_an_empty_text_beside_others_is_left_out_and_the_places_stay() -> None:
    empty = {"type": "text", "text": ""}
    assert_parts({"content": [empty, {"text": "a"}, empty]}, Text("a"))
    with pytest.raises(InputError, match=r"^input, content 1 is of the type int"), located(input=None):
        parse({"content": [empty, 3]})


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}, "has the unknown key 'tool_calls'"),
        ({"role": "assistant", "content": "", "colour": "red"}, "has the unknown key 'colour'"),
        (
            {"role": "tool", "content": "42", "tool_call_id": ""},
            "has the role 'tool', but an input is what a user says",
        ),
        ({"role": "user", "content": "a", "tool_call_id": "1"}, "has the unknown key 'tool_call_id'"),
        ({"role": "assistant", "content": np.zeros(3)}, "has the role 'assistant'"),
        ({"role": "assistant", "content": [{"text": "", "image": "a.png"}]}, "has the role 'assistant'"),
        ({"content": [{"type": "text", "text": np.zeros(3)}]}, "is a Text whose text is of the type ndarray"),
    ],
)
def test_what_a_turn_adds_is_refused_by_name(turn: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught, located(input=None):
        parse({"messages": [{"role": "user", "content": "a"}, turn]})
    assert str(caught.value).startswith("input, message 1")
    assert words in str(caught.value)


# Rows of datasets.


def test_a_row_is_its_bytes_whatever_its_name() -> None:
    for path in ("picture.png", "gone.wav", None):
        row = {"bytes": A, "path": path}
        assert_parts(row, Image(A))
        assert_parts([row, "a"], Image(A), Text("a"))
        assert_parts({"image": row}, Image(A))
        assert_parts({"image": row, "text": "a"}, Image(A), Text("a"))
    assert_parts({"bytes": wav(), "path": "a"}, Audio(wav()))
    assert_parts({"bytes": PDF}, Pdf(PDF))
    for wrapper, data in ((Audio, wav()), (Video, MP4), (Pdf, PDF)):
        assert_parts({wrapper.__name__.lower(): {"bytes": data, "path": None}}, wrapper(data))


def test_a_row_without_bytes_is_its_path(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(A)
    assert_parts({"bytes": None, "path": str(path)}, Image(path))
    assert_parts({"image": {"bytes": None, "path": str(path)}}, Image(path))
    assert_parts({"bytes": None, "path": data_url(A)}, Image(A))


def test_a_row_of_samples_may_have_a_name() -> None:
    samples = np.linspace(-1, 1, 8)
    for path in ("sound.wav", None):
        row = {"path": path, "array": samples, "sampling_rate": 22_050}
        assert_parts(row, Audio(samples, sampling_rate=22_050))
        assert_parts({"audio": row}, Audio(samples, sampling_rate=22_050))
        assert_parts({**row, "array": samples.tolist()}, Audio(samples, sampling_rate=22_050))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"bytes": None, "path": None}, "input has neither bytes nor a path; leave it out"),
        ({"bytes": None}, "input has neither bytes nor a path; leave it out"),
        ({"bytes": "a", "path": None}, "input, bytes is of the type str, expected the bytes of a file"),
        ({"bytes": None, "path": 3}, "input, path is of the type int, expected a path"),
        ({"bytes": None, "path": "hf://datasets/a/b.png"}, "input, path is a hf: URL, which is not opened"),
        ({"bytes": None, "path": "gone.png"}, "input ('gone.png') can't be read: No such file"),
        ({"bytes": A, "path": None, "label": 1}, "input has the unknown key 'label'; it takes 'bytes', 'path'"),
        ({"image": {"bytes": None, "path": None}}, "input, image has neither bytes nor a path"),
    ],
)
def test_a_row_without_a_file_is_named(row: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught, located(input=None):
        parse(row)
    assert words in str(caught.value)


# Base64.


@pytest.mark.parametrize("wrap", [base64.encodebytes, lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n")])
@pytest.mark.parametrize("data", [A, A * 9], ids=["short", "longer than a path"])
def test_base64_may_have_line_breaks_and_be_bytes(wrap: Callable[[bytes], bytes], data: bytes) -> None:
    lines = wrap(data)
    for value in (lines, bytearray(lines), memoryview(lines), lines.decode(), b64(data), b64(data).encode()):
        assert_parts({"image": value}, Image(data))
        assert_parts({"type": "image", "format": "base64", "value": value}, Image(data))
        assert_parts({"prompt_string": "<__media__>", "multimodal_data": [value]}, Image(data))
    assert_parts({"image": f"data:image/png;base64,{lines.decode()}"}, Image(data))
    for cut in (lines.rstrip()[:-3], lines.decode().rstrip()[:-3]):
        with pytest.raises(DecodeError, match=r"its [\d,]+ characters are cut short or wrongly padded"):
            parse({"type": "image", "value": cut})


def test_bytes_of_a_file_are_never_base64() -> None:
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>"
    for data in (A, drawing, b"a text of some length, which no tower takes", b64(b"no file, but base64").encode()):
        assert_parts({"image": data}, Image(data))


def test_pictures_in_a_list_are_the_frames_of_a_video() -> None:
    frames = np.stack([np.asarray(picture(i)) for i in range(3)])
    for pictures in ([picture(i) for i in range(3)], [png(i) for i in range(3)], [data_url(png(i)) for i in range(3)]):
        assert_parts({"video": pictures}, Video(frames))
        assert_parts({"type": "video", "video": pictures}, Video(frames))


def test_a_request_without_inputs_is_refused(model: jina_omni.Model) -> None:
    with pytest.raises(InputError, match="input is None, which is not an input"):
        model.encode({"input": None})
    with pytest.raises(InputError, match="input, content is an empty list"):
        model.encode({"content": []})
    assert model.encode({"input": []}).shape == (0, model.info.dim)


# Refusals.

PAIR = [b64(A), b64(B)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "input 3 is an empty dict; a dict is an input as {'text' or 'image'"),
        ({"image": "a.jpg", "picture": 1}, "input 3 has the unknown key 'picture'; a dict is an input as "),
        ({1: "a"}, "input 3 has the unknown key 1"),
        ({"input": ["a"]}, "input 3 is a whole request inside a list"),
        ({"text": None}, "input 3, text is a Text whose text is None"),
        ({"text": ""}, "input 3, text is an empty text"),
        ({"text": "a\ud800"}, "input 3, text has a lone surrogate"),
        ({"image": None}, "input 3, image is an Image whose source is None"),
        ({"image": {"array": 1}}, "input 3, image is an Image whose source is of the type dict"),
        ({"audio": None}, "input 3, audio is an Audio whose source is None"),
        ({"audio": {"array": np.zeros(3)}}, "input 3, audio lacks the key 'sampling_rate'"),
        ({"audio": {"array": ["a"], "sampling_rate": 8}}, "input 3, audio is an Audio whose source is of the type li"),
        ({"video": [1]}, "input 3, video is a Video whose source is of the type list"),
        ({"video": {"array": "a.mp4", "video_metadata": {}}}, "input 3, video, array is of the type str, expected fra"),
        ({"array": np.zeros((2, 1, 1, 3), np.uint8)}, "input 3 lacks the key 'video_metadata'"),
        (
            {"array": np.zeros((2, 1, 1, 3), np.uint8), "video_metadata": None},
            "input 3, video_metadata is None, expected a dict",
        ),
        (
            {"array": np.zeros((2, 1, 1, 3), np.uint8), "video_metadata": {"rate": 3}},
            "input 3, video_metadata has the unknown key 'rate'; it takes 'duration', 'fps', ",
        ),
        (
            {"array": np.zeros((2, 1, 1, 3), np.uint8), "video_metadata": {"fps": 3, "frames_indices": [0, 1, 2]}},
            "input 3 has 2 frames; its frames_indices must be as many ints",
        ),
        (
            {"array": np.zeros((2, 1, 1, 3), np.uint8), "video_metadata": {"fps": 3, "frames_indices": [0, "b"]}},
            "input 3 has 2 frames; its frames_indices must be as many ints",
        ),
        (
            {"array": np.zeros((2, 1, 1, 3), np.uint8), "video_metadata": {"frames_indices": [0, 9]}},
            "input 3 has frames_indices, so its fps must be a number over 0",
        ),
        ({"pdf": np.zeros(3)}, "input 3, pdf is a Pdf whose source is of the type ndarray"),
        ({"image": "https://a.example"}, "input 3, image is the address 'https://a.example', and nothing is fetched"),
        ({"image": "file:///etc/passwd"}, "input 3, image is a file: URL, which is not opened"),
        ({"image": "FILE:/etc/passwd"}, "input 3, image is a file: URL, which is not opened"),
        ({"image": "s3://bucket/a.png"}, "input 3, image is a s3: URL, which is not opened"),
        ({"type": "image", "value": "file:///etc/passwd"}, "input 3 is a file: URL, which is not opened"),
        ({"type": "image_url", "image_url": {"url": "file:///a"}}, "input 3 is a file: URL, which is not opened"),
        ({"type": "image_url", "image_url": {"url": "a.jpg"}}, "input 3 is 'a.jpg', expected a data: or http(s) URL"),
        ({"type": "image_url", "image_url": None}, "input 3 is None, expected a data: or http(s) URL"),
        (
            {"type": "image_url", "image_url": {"url": "data:,a", "size": "high"}},
            "input 3, image_url has the unknown key 'size'; it takes 'detail', 'url'",
        ),
        ({"type": "image_url", "url": "data:,a"}, "input 3 has the unknown key 'url'; it takes 'image_url', 'type'"),
        ({"type": "input_audio", "input_audio": {"format": "wav"}}, "input 3, input_audio lacks the key 'data'"),
        ({"type": "input_audio", "input_audio": {"data": "a.wav"}}, "input 3 is not base64: '.' at position 1"),
        ({"type": "file", "file": {"file_id": "1"}}, "input 3, file has the unknown key 'file_id'; it takes 'file_d"),
        ({"type": "film", "value": "a"}, "input 3 has the unknown type 'film'; the types are text, image, audio, vid"),
        ({"type": ["text"], "text": "a"}, "input 3 has the unknown type of the type list; the types are"),
        ({"type": "text"}, "input 3 lacks the key 'text'"),
        ({"type": "text", "text": "a", "image": "b"}, "input 3 has the unknown key 'image'; it takes 'text', 'type'"),
        ({"type": "text", "format": "base64", "value": ""}, "input 3 is text in the format 'base64', expected 'text'"),
        ({"type": "image", "format": "text", "value": "a"}, "input 3 is image in the format 'text', expected 'base64'"),
        ({"type": "image", "format": "base64", "value": "cat.jpg"}, "input 3 is not base64: '.' at position 3"),
        ({"type": "image", "format": "base64", "value": None}, "input 3 is None, expected a str of base64"),
        ({"type": "image", "value": ""}, "input 3 is not base64: it is empty"),
        ({"type": "image", "value": "iVBORw0KGgo"}, "input 3 is not base64: its 11 characters are cut short"),
        ({"type": "image", "value": b64(A)[:76] + "\n*" + b64(A)[76:]}, "not base64: '*' at position 77 is outside"),
        ({"type": "image", "value": b"\n"}, "input 3 is not base64: it is empty"),
        ({"type": "image", "value": b"\xff\xd8"}, "input 3 is not base64: 'ÿ' at position 0 is outside"),
        ({"type": "image", "value": "_-_-"}, "input 3 is not base64: '_' at position 0"),
        ({"type": "image", "value": "A==="}, "input 3 is not base64: its 4 characters are cut short or wrongly padded"),
        ({"type": "image", "value": "ÄÄÄÄ"}, "input 3 is not base64: 'Ä' at position 0"),
        ({"image": b64(A * 40) + "*"}, "input 3, image is not base64: '*' at position "),
        ({"image": "data:image/png;base64,%%%%"}, "input 3, image is not base64: '%' at position 0"),
        ({"image": "data:image/png;base64"}, "input 3, image is a data: URL without a comma"),
        ({"content": None}, "input 3, content is None, expected a list"),
        ({"content": []}, "input 3, content is an empty list"),
        ({"content": [{"text": "a"}, "b"]}, "input 3, content 1 is of the type str, expected a dict such as"),
        ({"content": [{"text": "a"}, None]}, "input 3, content 1 is None, expected a dict such as"),
        ({"content": [{"text": "a"}, {"prompt_string": "b"}]}, "input 3, content 1 has a prompt_string, so it is an"),
        ({"content": [{"content": [{"text": "a"}]}]}, "input 3, content 0 has the unknown key 'content'"),
        ({"content": [{"text": "a"}], "dimensions": 64}, "input 3 has the unknown key 'dimensions'"),
        ({"role": "system", "content": "a"}, "input 3 has the role 'system', for which these models have no place"),
        ({"role": None, "content": "a"}, "input 3 has the role None"),
        ({"messages": []}, "input 3, messages is an empty list"),
        ({"messages": "a"}, "input 3, messages is of the type str, expected a list"),
        ({"messages": ["a"]}, "input 3, message 0 is of the type str, expected {'role': 'user', 'content': ...}"),
        ({"messages": [{"role": "user"}]}, "input 3, message 0 lacks the key 'content'"),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            "input 3, message 1 has the role 'assistant'",
        ),
        ({"prompt_string": None}, "input 3, prompt_string is None, expected a str"),
        ({"prompt_string": ""}, "input 3, prompt_string is an empty text"),
        ({"prompt_string": "\ud800"}, "input 3, prompt_string has a lone surrogate"),
        ({"prompt_string": "a", "images": []}, "input 3 has the unknown key 'images'; it takes 'multimodal"),
        ({"prompt_string": "a", "multimodal_data": None}, "input 3, multimodal_data is None, expected a list"),
        ({"prompt_string": "a", "multimodal_data": "b"}, "input 3, multimodal_data is of the type str, expected a"),
        (
            {"prompt_string": "<__media__><__media__>", "multimodal_data": [b64(A)]},
            "input 3 has 2 markers <__media__> in its prompt_string, but 1 media (1 in multimodal_data, 0 in videopa",
        ),
        (
            {"prompt_string": "a<__media__>", "multimodal_data": [b64(A), b64(A)], "videopair_data": [PAIR]},
            "input 3 has 1 markers <__media__> in its prompt_string, but 3 media (2 in multimodal_data, 1 in videopa",
        ),
        (
            {"prompt_string": "<__media__>", "multimodal_data": [b64(b"a text of some length")]},
            "input 3, multimodal_data 0 is a file of the type text/plain, which is neither an image",
        ),
        ({"prompt_string": "<__media__>", "multimodal_data": ["cat.jpg"]}, "input 3, multimodal_data 0 is not base64"),
        ({"prompt_string": "<__media__>", "multimodal_data": [None]}, "input 3, multimodal_data 0 is None, expected"),
        ({"prompt_string": "<__media__>", "videopair_data": [b64(A)]}, "input 3, videopair_data 0 is of the type str"),
        ({"prompt_string": "<__media__>", "videopair_data": [PAIR[:1]]}, "input 3, videopair_data 0 has 1 frames, exp"),
        (
            {"prompt_string": "<__media__>", "videopair_data": [[b64(A), b64(png(width=8, height=4))]]},
            "input 3, videopair_data 0 has frames of 24 x 16 and 8 x 4 pixels",
        ),
        (
            {"prompt_string": "<__media__>", "videopair_data": [[b64(A), b64(A[:60])]]},
            "input 3, videopair_data 0, frame 1 can't be decoded as an image",
        ),
        (
            {"prompt_string": "<__media__>", "videopair_data": [[b64(A), b64(wav())]]},
            "input 3, videopair_data 0, frame 1 is a file of the type audio/wav",
        ),
    ],
)
def test_what_is_no_input_is_named_with_its_place(value: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught, located(input=3):
        parse(value)
    assert words in str(caught.value)
    assert caught.value.index == 3


def test_damage_and_unknown_kinds_have_their_errors() -> None:
    with pytest.raises(DecodeError, match="not base64"):
        parse({"type": "image", "value": "*"})
    with pytest.raises(DecodeError, match="without a comma"):
        parse({"image": "data:"})
    with pytest.raises(UnsupportedMediaError, match="text/plain"):
        parse({"prompt_string": "<__media__>", "multimodal_data": [b64(b"abc")]})


def test_a_part_of_a_list_is_named_as_such() -> None:
    with pytest.raises(InputError, match=r"^input 3, part 1, content 0 is not base64"), located(input=3):
        parse(["a", {"content": [{"type": "image", "value": "*"}]}])


def test_what_a_fetch_function_does_wrong_is_named() -> None:
    value = {"image": "https://example.org/a"}

    def fails(_url: str) -> bytes:
        raise TimeoutError("no answer")

    with pytest.raises(InputError, match=r"^input, image could not be fetched") as caught, located(input=None):
        parse(value, fetch=fails)
    assert "TimeoutError: no answer" in str(caught.value)
    assert isinstance(caught.value.__cause__, TimeoutError)
    words = r"^input, image was fetched as None; .* must return bytes$"
    with pytest.raises(InputError, match=words), located(input=None):
        parse(value, fetch=lambda _url: None)
    with pytest.raises(InputError, match="is a file: URL, which is not opened"):
        parse({"image": "file:///a"}, fetch=lambda _url: A)


TYPES = ("text", "image", "audio", "video", "pdf", "image_url", "video_url", "input_audio")
FIELDS = ("content", "role", "type", "format", "value", "url", "data", "array", "sampling_rate", "video_metadata")
BODIES = ("fps", "input", "messages", "model", "prompt_string", "multimodal_data", "videopair_data", "frames_indices")
KEYS = st.sampled_from([*TYPES, *FIELDS, *BODIES])
WORDS = st.sampled_from([*TYPES, "base64", "user", "<__media__>", "data:,a", b64(A), "file:a"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, min_size=1, max_size=4))
def test_any_json_is_parts_or_an_error_of_this_library(value: dict[str, object]) -> None:
    for call in (parse, lambda value: parse(unwrap_request(value))):
        with contextlib.suppress(InputError):
            assert call(value)


def test_deep_nesting_is_an_error_and_no_recursion() -> None:
    for key in ("content", "messages", "input", "text", "image", "type", "role", "prompt_string", "multimodal_data"):
        value: object = "a"
        for _ in range(20_000):
            value = {key: [value]}
        with pytest.raises(InputError):
            parse(value)
        while isinstance(value, dict):  # freed from outside: 20,000 destructors would nest
            value = value[key].pop()


def test_the_examples_run() -> None:
    assert doctest.testmod(requests).failed == 0


def test_a_text_behind_an_empty_one_is_not_dropped():
    block = {"type": "text", "text": "", "value": "Be brief"}
    user = {"role": "user", "content": "x"}
    with pytest.raises(InputError):
        list(requests.parse_dict({"messages": [{"role": "system", "content": [block]}, user]}))
    with pytest.raises(InputError):
        list(requests.parse_dict({"content": [block, {"type": "text", "text": "x"}]}))


def test_a_chat_in_a_list_has_the_options_of_one_alone():
    request = {"model": "m", "messages": [{"role": "user", "content": "x"}], "encoding_format": "float"}
    assert [item.part for item in requests.parse_dict(request)] == [Text("x")]
    with pytest.raises(InputError, match="sets 'dimensions'"):
        list(requests.parse_dict(request | {"dimensions": 64}))


@pytest.mark.parametrize(
    "options",
    [{"store": False, "safety_identifier": "u"}, {"cache_salt": "x", "media_io_kwargs": None}, {"task_settings": {}}],
    ids=str,
)
def test_options_of_clients_that_change_nothing_are_ignored(options):
    request = {"input": "a", "use_activation": True, "truncation_side": None, **options}
    assert unwrap_request(request) == ["a"] or unwrap_request(request) == "a"


def test_an_option_that_would_change_the_embedding_is_refused():
    with pytest.raises(InputError, match="sets 'use_activation'"):
        unwrap_request({"input": "a", "use_activation": False})
    with pytest.raises(InputError, match="unknown key 'trunkate'"):
        unwrap_request({"input": "a", "trunkate": True})


def test_a_data_url_comes_as_bytes_and_with_escapes():
    picture = b"GIF89a" + bytes(range(256))
    url = "data:image/gif;base64," + base64.b64encode(picture).decode()
    escaped = "data:image/gif;base64," + urllib.parse.quote(base64.b64encode(picture).decode(), safe="")
    assert "%" in escaped
    for value in (url, url.encode(), escaped, escaped.encode()):
        (item,) = requests.parse_dict({"image": value})
        assert item.part.source == picture


def test_values_of_rows_come_as_pandas_and_pathlib_have_them(tmp_path):
    (item,) = requests.parse_dict({"array": np.zeros(9, np.float32), "sampling_rate": 16_000.0})
    assert item.part.sampling_rate == 16_000
    (item,) = requests.parse_dict({"image": {"bytes": None, "path": tmp_path / "x.png"}})
    assert item.part.source == tmp_path / "x.png"


def test_a_turn_of_the_assistant_without_content_adds_nothing():
    chat = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant"}]}
    assert [item.part for item in requests.parse_dict(chat)] == [Text("x")]
