# SPDX-License-Identifier: Apache-2.0
"""What the dicts of other systems mean as inputs.

Taken as they are: requests of the vendor's llama-server, of Elastic and of the Jina API, content parts and chat
messages as OpenAI has them, and the dicts of sentence-transformers. `inputs_of` knows whole requests, `parts_of` one
input. But for ``model``, nothing in them is ignored: an unknown key is an error, and so is an option, which belongs
into an argument of `Model.encode`. That method's prompt goes before these inputs as before all; ``prompt=""`` leaves
it out where the request's own text already has one.

A str under ``image``, ``audio``, ``video`` or ``pdf`` is told by its characters alone, in this order:

1. A ``data:`` URL is its bytes. One of ``http:`` or ``https:`` is fetched by the caller's function, and without one it
   is an error. Every other URL is an error, ``file:`` too.
2. Over 4,096 characters, more than a path may have, it is base64.
3. Base64 of at least 16 characters whose bytes begin as a kind of media that `jina_omni.media.files.sniff` knows is
   those bytes, as in the Jina API.
4. All else is a path, as in sentence-transformers. So whoever takes dicts from strangers lets them name files.

Blocks that name their format hold base64 or a URL and never a path. Base64 is of RFC 4648, section 4: padded, without
line breaks.
"""

from __future__ import annotations

import base64
import itertools
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jina_omni.errors import DecodeError, InputError
from jina_omni.inputs import Audio, Fetch, Image, Media, Part, Pdf, Text, Video, as_parts, media_of
from jina_omni.media.files import shown, sniff
from jina_omni.media.image import decode

__all__ = ["inputs_of", "parts_of"]

_MARKER = "<__media__>"
_MEDIA: dict[str, Callable[[Any], Media]] = {"image": Image, "audio": Audio, "video": Video, "pdf": Pdf}
_KINDS = ("text", *_MEDIA)
_URL_TYPES = {"image_url": "image", "audio_url": "audio", "video_url": "video"}
_SHAPES = (
    "{'text' or 'image' or 'audio' or 'video' or 'pdf': ...}, {'type': ..., ...}, {'content': ...}, {'messages': ...} "
    "or {'prompt_string': ...}"
)

# Options of whole requests, and what does the same here.
_OPTIONS = {
    "dimensions": "dim=",
    "embd_normalize": "normalize=",
    "embedding_type": "precision=",
    "encoding_format": "precision=",
    "input_type": "prompt_name=",
    "normalized": "normalize=",
    "task": "prompt_name= on the model file of that task",
    "truncate": "truncate=",
}

# A metadata dict of transformers says more, which changes nothing once the frames are chosen.
_VIDEO_METADATA = {"fps", "frames_indices", "total_num_frames", "width", "height", "duration", "video_backend"}

_URL = re.compile(r"(data|file|https?):|([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_SHORTEST_BASE64 = 16
_LONGEST_PATH = 4_096  # PATH_MAX of Linux; other systems have less
_MEDIA_KINDS = ("image/", "audio/", "video/", "application/pdf")
_JPEG_XL = "/wo"  # is not read anyway, and begins as a path like /workspace/cat.jpg does
_REFERENCE_RATE = 16_000  # of an array without a rate, in the model's sentence-transformers code


def inputs_of(request: dict[str, Any]) -> Any:
    """Return what a whole request asks to embed: `Model.encode` of a request is `Model.encode` of this.

    Parameters
    ----------
    request : dict
        ``{"input": x}`` of Elastic, the Jina API and OpenAI asks for x, an input or a list of inputs. llama-server's
        ``{"content": x}`` asks for x where that is a list of str and ``prompt_string`` dicts, or one such dict. Any
        other dict is itself one input.

    Returns
    -------
    list of inputs, or one input

    Raises
    ------
    InputError
        There is an option or an unknown key beside the inputs.

    Examples
    --------
    >>> inputs_of({"model": "jina-embeddings-v5-omni-small", "input": [{"text": "a cat"}, {"image": "cat.jpg"}]})
    [{'text': 'a cat'}, {'image': 'cat.jpg'}]
    >>> inputs_of({"content": [{"prompt_string": "a cat"}]})
    [{'prompt_string': 'a cat'}]
    >>> inputs_of({"content": [{"text": "a cat"}, {"image": "cat.jpg"}]})  # one fused input
    {'content': [{'text': 'a cat'}, {'image': 'cat.jpg'}]}

    .. versionadded:: 0.1.0
    """
    body = next((key for key in ("input", "content", "messages") if key in request), None)
    if body is None or "role" in request:
        return request
    for option, argument in _OPTIONS.items():
        if option in request:
            raise InputError(f"the request sets {option!r}; take it out, and pass encode its {argument}")
    _check_keys(request, "the request", {body}, {"model"})
    inputs = request[body]
    if body == "input" or _is_prompt(inputs):
        return inputs
    if isinstance(inputs, (list, tuple)) and inputs and all(isinstance(x, str) or _is_prompt(x) for x in inputs):
        return inputs
    return {body: inputs}


def parts_of(value: dict[str, Any], where: str = "input", fetch: Fetch | None = None) -> list[Part]:
    """Return the parts of the one input that a dict is, in order.

    Parameters
    ----------
    value : dict
        One of these:

        - ``{"text": ..., "image": ..., "audio": ..., "video": ..., "pdf": ...}`` of the Jina API and of
          sentence-transformers: a part for each key, in their order. Media may be all that `Image`, `Audio`, `Video`
          and `Pdf` take; an array of samples is at 16 kHz, or comes as ``{"array", "sampling_rate"}``; one of frames
          may come as ``{"array", "video_metadata"}``. Both of these dicts may stand alone too.
        - ``{"type": kind, "format": "text" or "base64", "value": ...}`` of Elastic, where the kind is one of the keys
          above, or ``{"type": kind, kind: ...}``, where it may also be ``image_url``, ``audio_url``, ``video_url`` or
          ``input_audio`` of OpenAI.
        - ``{"content": ...}``: a text, one of the above or a list of these, fused. It may have the ``role`` ``user``.
        - ``{"messages": [...]}``: several of those with their role, fused.
        - ``{"prompt_string": "...<__media__>...", "multimodal_data": [...], "videopair_data": [[a, b], ...]}`` of the
          vendor's llama-server, all media in base64. Its markers take what lies in ``multimodal_data`` in order, then
          the pairs. The text around them stays as it is. A pair is a `Video` of its own of two frames without
          timestamps, as that server has it.
    where : str
        What messages call the input.
    fetch : callable, optional
        From a URL to the bytes there.

    Returns
    -------
    list of Part
        At least one.

    Raises
    ------
    DecodeError
        Base64 is damaged, or a frame of a pair.
    UnsupportedMediaError
        Bytes in ``multimodal_data`` are of a kind that is not embedded.
    InputError
        A key, type, format or role is unknown; a value is missing or of another type; there are more markers than
        media or fewer; the frames of a pair differ in size; a URL is not to be fetched, or can't be.

    Examples
    --------
    >>> parts_of({"content": [{"type": "text", "text": "a cat"}, {"type": "image", "image": "cat.jpg"}]})
    [Text(text='a cat'), Image('cat.jpg')]
    >>> parts_of({"prompt_string": "Query: <__media__>", "multimodal_data": ["R0lGODlhAQABAAAAADs="]})
    [Text(text='Query: '), Image(<14 bytes>)]

    .. versionadded:: 0.1.0
    """
    if "prompt_string" in value:
        return _prompt(value, where)
    if "messages" in value:
        _check_keys(value, where, {"messages"})
        messages = _items(value["messages"], f"{where}, messages")
        return [part for i, each in enumerate(messages) for part in _message(each, f"{where}, message {i}", fetch)]
    if "content" in value:
        return _message(value, where, fetch)
    if "input" in value:
        raise InputError(f"{where} is a whole request inside a list; pass it by itself, or its inputs one by one")
    return _block(value, where, fetch)


def _prompt(value: dict[str, Any], where: str) -> list[Part]:
    _check_keys(value, where, {"prompt_string"}, {"multimodal_data", "videopair_data"})
    prompt = value["prompt_string"]
    if not isinstance(prompt, str):
        raise InputError(f"{where}, prompt_string is {_type(prompt)}, expected a str")
    files = _items(value.get("multimodal_data", ()), f"{where}, multimodal_data", allow_empty=True)
    pairs = _items(value.get("videopair_data", ()), f"{where}, videopair_data", allow_empty=True)
    texts = prompt.split(_MARKER)
    if len(texts) - 1 != len(files) + len(pairs):
        raise InputError(
            f"{where} has {len(texts) - 1} markers {_MARKER} in its prompt_string, but {len(files) + len(pairs)} media "
            f"({len(files)} in multimodal_data, {len(pairs)} in videopair_data); each marker takes one"
        )
    media: list[Media] = [_sniffed(file, f"{where}, multimodal_data {i}") for i, file in enumerate(files)]
    media += [_pair(pair, f"{where}, videopair_data {i}") for i, pair in enumerate(pairs)]
    parts: list[Part] = []
    for text, medium in itertools.zip_longest(texts, media):
        parts += as_parts(Text(text), where) if text else []
        parts += [medium] if medium else []
    return parts or as_parts(Text(prompt), where)


def _sniffed(value: Any, where: str) -> Media:
    data = _from_base64(value, where)
    return media_of(data, sniff(data), where)


def _pair(value: Any, where: str) -> Video:
    if len(_items(value, where)) != 2:
        raise InputError(f"{where} has {len(value)} frames, expected 2; send an odd last frame twice")
    places = [f"{where}, frame {i}" for i in range(2)]
    a, b = (np.asarray(decode(Image(_from_base64(x, at)), at)) for x, at in zip(value, places, strict=True))
    if a.shape != b.shape:
        sizes = " and ".join(f"{width} x {height}" for height, width, _ in (a.shape, b.shape))
        raise InputError(f"{where} has frames of {sizes} pixels; resize one to the size of the other")
    return Video(np.stack([a, b]), timestamps=False)


def _message(value: Any, where: str, fetch: Fetch | None) -> list[Part]:
    if not isinstance(value, dict):
        raise InputError(f"{where} is {_type(value)}, expected {{'role': 'user', 'content': ...}}")
    _check_keys(value, where, {"content"}, {"role"})
    role = value.get("role", "user")
    if not isinstance(role, str) or role != "user":
        raise InputError(f"{where} has the role {_shown(role)}, but an input is what a user says; leave it out")
    content = value["content"]
    if isinstance(content, str):
        return as_parts(content, where)
    if isinstance(content, dict):
        return _block(content, f"{where}, content", fetch)
    blocks = _items(content, f"{where}, content")
    return [part for i, block in enumerate(blocks) for part in _block(block, f"{where}, content {i}", fetch)]


def _block(value: Any, where: str, fetch: Fetch | None) -> list[Part]:
    if not isinstance(value, dict):
        raise InputError(f"{where} is {_type(value)}, expected a dict such as {{'type': 'text', 'text': ...}}")
    if _is_prompt(value):
        raise InputError(f"{where} has a prompt_string, so it is an input of its own; put it into the list of inputs")
    if "type" in value:
        return _typed(value, where, fetch)
    if "array" in value:
        return as_parts(_samples(value, where) if "sampling_rate" in value else _frames(value, where), where)
    unknown = _names(value.keys() - set(_KINDS))
    if unknown or not value:
        problem = f"has the unknown key {unknown}" if unknown else "is an empty dict"
        raise InputError(f"{where} {problem}; a dict is an input as {_SHAPES}")
    return [part for kind, each in value.items() for part in _of_kind(kind, each, f"{where}, {kind}", fetch)]


def _typed(value: dict[str, Any], where: str, fetch: Fetch | None) -> list[Part]:
    kind = value["type"] if isinstance(value["type"], str) else None
    if "value" in value and kind in _KINDS:
        _check_keys(value, where, {"type", "value"}, {"format"})
        return _formatted(kind, value, where, fetch)
    if kind in _KINDS:
        _check_keys(value, where, {"type", kind})
        return _of_kind(kind, value[kind], where, fetch)
    if kind in _URL_TYPES:
        _check_keys(value, where, {"type", kind})
        url = _inside(value[kind], f"{where}, {kind}", "url", set())
        return as_parts(_MEDIA[_URL_TYPES[kind]](_from_url(url, where, fetch)), where)
    if kind == "input_audio":
        _check_keys(value, where, {"type", kind})
        data = _inside(value[kind], f"{where}, {kind}", "data", {"format"})  # its bytes say the format
        return as_parts(Audio(_from_base64(data, where)), where)
    known = ", ".join((*_KINDS, *_URL_TYPES, "input_audio"))
    raise InputError(f"{where} has the unknown type {_shown(value['type'])}; the types are {known}")


def _formatted(kind: str, value: dict[str, Any], where: str, fetch: Fetch | None) -> list[Part]:
    expected = "text" if kind == "text" else "base64"
    found = value.get("format", expected)
    if not isinstance(found, str) or found != expected:
        raise InputError(f"{where} is {kind} in the format {_shown(found)}, expected {expected!r}")
    data = value["value"]
    if kind == "text":
        return as_parts(Text(data), where)
    is_url = isinstance(data, str) and _URL.match(data)
    return as_parts(_MEDIA[kind](_from_url(data, where, fetch) if is_url else _from_base64(data, where)), where)


def _of_kind(kind: str, value: Any, where: str, fetch: Fetch | None) -> list[Part]:
    if kind == "text":
        return as_parts(Text(value), where)
    if isinstance(value, str):
        value = _from_str(value, where, fetch)
    if kind == "audio" and isinstance(value, np.ndarray):
        return as_parts(Audio(value, sampling_rate=_REFERENCE_RATE), where)
    if kind == "audio" and isinstance(value, dict):
        return as_parts(_samples(value, where), where)
    if kind == "video" and isinstance(value, dict):
        return as_parts(_frames(value, where), where)
    return as_parts(_MEDIA[kind](value), where)


def _samples(value: dict[str, Any], where: str) -> Audio:
    _check_keys(value, where, {"array", "sampling_rate"})
    return Audio(value["array"], sampling_rate=value["sampling_rate"])


def _frames(value: dict[str, Any], where: str) -> Video:
    """Return a clip whose frames lie at the indices that its metadata tell, or one after the other."""
    _check_keys(value, where, {"array", "video_metadata"})
    array, metadata = value["array"], value["video_metadata"]
    if not isinstance(array, np.ndarray):
        raise InputError(f"{where}, array is {_type(array)}, expected frames; pass a file without this dict")
    if not isinstance(metadata, Mapping):
        raise InputError(f"{where}, video_metadata is {_type(metadata)}, expected a dict, such as {{'fps': 24}}")
    _check_keys(metadata, f"{where}, video_metadata", set(), _VIDEO_METADATA)
    fps, indices = metadata.get("fps"), metadata.get("frames_indices")
    if indices is None:
        return Video(array, fps=fps)
    n_frames = len(array) if array.ndim else 0
    places = _items(indices.tolist() if isinstance(indices, np.ndarray) else indices, f"{where}, frames_indices")
    if len(places) != n_frames or not all(isinstance(i, int) and 0 <= i < 1 << 31 for i in places):
        raise InputError(f"{where} has {n_frames} frames; its frames_indices are to be as many ints, from 0")
    if list(places) == list(range(n_frames)):
        return Video(array, fps=fps)
    if not isinstance(fps, (int, float)) or not 0 < fps < 1e6:
        raise InputError(f"{where} has frames_indices, so its fps is to be a number over 0 and under a million")
    # As transformers has it: a pair stands at the mean of its two places, an odd last frame counts twice.
    pairs = zip(places[::2], [*places[1::2], places[-1]], strict=False)
    return Video(array, fps=fps, timestamps=[(a + b) / 2 / fps for a, b in pairs])


def _from_str(value: str, where: str, fetch: Fetch | None) -> bytes | str:
    """Return the bytes that a str under a kind of media holds, or the path that it is; see the module."""
    if _URL.match(value):
        return _from_url(value, where, fetch)
    if len(value) > _LONGEST_PATH:
        return _from_base64(value, where)
    if len(value) >= _SHORTEST_BASE64:
        data = _decoded(value)
        if data and sniff(data).startswith(_MEDIA_KINDS) and not value.startswith(_JPEG_XL):
            return data
    return value


def _from_url(url: Any, where: str, fetch: Fetch | None) -> bytes:
    found = _URL.match(url) if isinstance(url, str) else None
    if not found:
        raise InputError(f"{where} is {_shown(url)}, expected a data: or http(s) URL")
    scheme = (found[1] or found[2]).lower()
    if scheme == "data":
        head, comma, data = url.partition(",")
        if not comma:
            raise DecodeError(f"{where} is a data: URL without a comma, so it has no data; it is cut short")
        is_base64 = head.lower().endswith(";base64")
        return _from_base64(data, where) if is_base64 else urllib.parse.unquote_to_bytes(data)
    if scheme not in ("http", "https"):
        raise InputError(f"{where} is a {scheme}: URL, which is not opened; pass the file's bytes")
    if fetch is None:
        raise InputError(
            f"{where} is the address {url!r:.200}, and nothing is fetched from a network by itself; pass the file's "
            "bytes, or pass fetch=, a function from a URL to bytes"
        )
    try:
        data = fetch(url)
    except Exception as error:
        raise InputError(
            f"{where} could not be fetched from {url!r:.200} ({type(error).__name__}: {error}); pass the file's bytes"
        ) from error
    if not isinstance(data, bytes):
        raise InputError(f"{where} was fetched as {_type(data)}; the function that you pass as fetch= returns bytes")
    return data


def _from_base64(value: Any, where: str) -> bytes:
    if not isinstance(value, str):
        raise InputError(f"{where} is {_type(value)}, expected a str of base64")
    data = _decoded(value)
    if data:
        return data
    stray = _NOT_BASE64.search(value)
    if not value:
        problem = "it is empty"
    elif stray:
        problem = f"{stray[0]!r} at position {stray.start():,} is not of its alphabet"
    else:
        problem = f"its {len(value):,} characters are cut short or wrongly padded"
    raise DecodeError(f"{where} is no base64: {problem}; encode it anew: base64.b64encode(data).decode()")


def _decoded(value: str) -> bytes | None:
    """Return the bytes of base64, None where it is none."""
    if len(value) % 4:  # which Python's decoder lets pass in some versions
        return None
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return None


def _is_prompt(value: Any) -> bool:
    return isinstance(value, dict) and "prompt_string" in value


def _inside(value: Any, where: str, key: str, optional: set[str]) -> Any:
    """Return what a dict holds under its one key that counts; what is no dict stands for that itself."""
    if not isinstance(value, dict):
        return value
    _check_keys(value, where, {key}, optional)
    return value[key]


def _items(value: Any, where: str, *, allow_empty: bool = False) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{where} is {_type(value)}, expected a list")
    if not value and not allow_empty:
        raise InputError(f"{where} is an empty list, so there is nothing to embed; leave it out")
    return value


def _check_keys(
    value: Mapping[Any, Any], where: str, required: set[str], optional: set[str] | frozenset[str] = frozenset()
) -> None:
    unknown = value.keys() - required - optional
    if unknown:
        raise InputError(f"{where} has the unknown key {_names(unknown)}; it takes {_names(required | optional)}")
    missing = required - value.keys()
    if missing:
        raise InputError(f"{where} lacks the key {_names(missing)}")


def _names(keys: set[Any]) -> str:
    return ", ".join(sorted(map(shown, keys))[:9])


def _shown(value: Any) -> str:
    return f"{value!r:.80}" if isinstance(value, str) else _type(value)


def _type(value: Any) -> str:
    return "None" if value is None else f"of the type {type(value).__name__}"
