# SPDX-License-Identifier: Apache-2.0
"""Which system's format a dict is in, and the nesting that formats share: whole requests, messages, content, blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jina_omni.arguments import hint_at_unknown_arguments
from jina_omni.describe import describe_type
from jina_omni.errors import InputError, located
from jina_omni.inputs import Fetch, make_file_part, make_part
from jina_omni.located_parts import LocatedPart, locate, nest
from jina_omni.media.kinds import KINDS
from jina_omni.requests import elastic, jina, openai
from jina_omni.requests.datasets import is_file_row, read_file_row
from jina_omni.requests.llama_server import PROMPT_KEY, is_prompt, parse_prompt
from jina_omni.requests.options import check_options
from jina_omni.requests.sentence_transformers import parse_frames, parse_samples
from jina_omni.requests.values import IGNORED_BLOCK_KEYS, check_keys, describe, list_keys, require_list, suggest_key

__all__ = ["parse_dict", "unwrap_request"]

_KINDS = ("text", *KINDS)
_FORMATS = (
    f"{{{' or '.join(map(repr, _KINDS))}: ...}}, {{'type': ..., ...}}, {{'content': ...}}, {{'messages': ...}} or "
    "{'prompt_string': ...}"
)

_PROMPT_ROLES = ("system", "developer")

_TURN = {"role", "name"}  # who speaks

# Keys of messages that clients send, mostly with nothing.
_MESSAGE_KEYS = {
    "annotations",
    "audio",
    "function_call",
    "reasoning_content",
    "refusal",
    "tool_call_id",
    "tool_calls",
}


@hint_at_unknown_arguments({})
def unwrap_request(request: dict[str, Any]) -> object:
    """Return the inputs that a whole request asks to embed: `Model.encode` of a request is `Model.encode` of this.

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
    >>> unwrap_request({"model": "jina-embeddings-v5-omni-small", "input": [{"text": "a cat"}, {"image": "cat.jpg"}]})
    [{'text': 'a cat'}, {'image': 'cat.jpg'}]
    >>> unwrap_request({"content": [{"prompt_string": "a cat"}]})
    [{'prompt_string': 'a cat'}]
    >>> unwrap_request({"content": [{"text": "a cat"}, {"image": "cat.jpg"}]})  # one fused input
    {'content': [{'text': 'a cat'}, {'image': 'cat.jpg'}]}
    """
    body = next((key for key in ("input", "content", "messages") if key in request), None)
    if body is None or "role" in request:
        return request
    with located((("the request", None),)):
        check_options(request, body)
    inputs: object = request[body]
    if body == "input" or is_prompt(inputs):
        return inputs
    if isinstance(inputs, (list, tuple)) and inputs and all(isinstance(x, str) or is_prompt(x) for x in inputs):
        return inputs
    return {body: inputs}


@hint_at_unknown_arguments({})
def parse_dict(value: dict[str, Any], fetch: Fetch | None = None) -> Iterator[LocatedPart]:
    """Yield the parts of the one input that a dict is, in order.

    Parameters
    ----------
    value : dict
        One of these:

        - ``{"text": ..., "image": ..., "audio": ..., "video": ..., "pdf": ...}`` of the Jina API and of
          sentence-transformers: a part for each key, in their order. Media may be all that `Image`, `Audio`, `Video`
          and `Pdf` take; an array of samples is at 16 kHz, or comes as ``{"array", "sampling_rate"}``; one of frames
          may come as ``{"array", "video_metadata"}``. Both of these dicts may stand alone too.
        - ``{"bytes": ..., "path": ...}`` or ``{"array", "sampling_rate", "path"}`` of a row of Hugging Face's datasets,
          alone or under one of those keys. The path is read only where ``bytes`` is None.
        - ``{"type": kind, "format": "text" or "base64", "value": ...}`` of Elastic, where the kind is one of the keys
          above, or ``{"type": kind, kind: ...}``, where it may also be ``image_url``, ``audio_url``, ``video_url``,
          ``input_audio`` or ``file`` of OpenAI.
        - ``{"content": ...}``: a text, one of the above or a list of these, fused. It may have the ``role`` ``user``.
        - ``{"messages": [...]}``: several of those with their role, fused. Empty messages are left out.
        - ``{"prompt_string": "...<__media__>...", "multimodal_data": [...], "videopair_data": [[a, b], ...]}`` of the
          vendor's llama-server, all media in base64; see `jina_omni.requests.llama_server`.
    fetch : callable, optional
        From a URL to the bytes at that address.

    Yields
    ------
    LocatedPart
        At least one.

    Raises
    ------
    DecodeError
        Base64 is damaged, or a frame of a pair.
    UnsupportedMediaError
        Bytes in ``multimodal_data`` are of a type that is not embedded.
    InputError
        A key, type, format or role is unknown; a value is missing or of another type; there are more markers than
        media or fewer; the frames of a pair differ in size; a URL is not to be fetched, or can't be.

    Examples
    --------
    >>> block = {"type": "image", "image": "cat.jpg"}
    >>> [item.part for item in parse_dict({"content": [{"type": "text", "text": "a cat"}, block]})]
    [Text(text='a cat'), Image('cat.jpg')]
    >>> request = {"prompt_string": "Query: <__media__>", "multimodal_data": ["R0lGODlhAQABAAAAADs="]}
    >>> [item.part for item in parse_dict(request)]
    [Text(text='Query: '), Image(<14 bytes>)]
    """
    if PROMPT_KEY in value:
        yield from parse_prompt(value)
    elif "messages" in value:
        check_options(value, "messages")
        with located(messages=None):
            messages = require_list(value["messages"])
        turns = [(i, message) for i, message in enumerate(messages) if not _is_empty_turn(message)]
        for i, message in turns or enumerate(messages):
            yield from nest(_parse_message(message, fetch), message=i)
    elif "content" in value:
        yield from _parse_message(value, fetch)
    elif "input" in value:
        raise InputError("is a whole request inside a list; pass it by itself, or its inputs one by one")
    else:
        yield from _parse_block(value, fetch)


def _parse_message(value: Any, fetch: Fetch | None) -> Iterator[LocatedPart]:
    if not isinstance(value, dict):
        raise InputError(f"is {describe_type(value)}, expected {{'role': 'user', 'content': ...}}")
    check_keys({key: None for key in value if key == "content" or not _is_unset_key(value, key)}, {"content"}, _TURN)
    role = value.get("role", "user")
    if isinstance(role, str) and role in _PROMPT_ROLES:
        raise InputError(
            f"has the role {role!r}, for which these models have no place; pass its text as prompt=, and leave it out"
        )
    if not isinstance(role, str) or role != "user":
        raise InputError(f"has the role {describe(role)}, but an input is what a user says; leave it out")
    content = value["content"]
    if isinstance(content, str):
        yield LocatedPart(make_part(content))
    elif isinstance(content, dict):
        yield from nest(_parse_block(content, fetch), content=None)
    else:
        with located(content=None):
            blocks = require_list(content)
        filled_blocks = [(i, block) for i, block in enumerate(blocks) if not _is_empty_text(block)]
        for i, block in filled_blocks or enumerate(blocks):
            yield from nest(_parse_block(block, fetch), content=i)


def _is_empty_turn(message: Any) -> bool:
    """Return whether a message of a chat adds nothing to it, such as the turn of the assistant that vLLM wants last."""
    if not isinstance(message, dict) or {key for key in message if not _is_unset_key(message, key)} - _TURN:
        return False
    return "content" in message or message.get("role") == "assistant"


def _is_unset_key(message: dict[str, Any], key: Any) -> bool:
    value = message[key]
    is_empty = value is None or (isinstance(value, (str, list, tuple, dict)) and not value)
    if key == "content":
        blocks = value if isinstance(value, (list, tuple)) else [value]
        return is_empty or all(map(_is_empty_text, blocks))
    return key in _MESSAGE_KEYS and is_empty


def _is_empty_text(block: Any) -> bool:
    if not isinstance(block, dict) or block.keys() - {"type", "text", "value", "format", *IGNORED_BLOCK_KEYS}:
        return False
    texts = [block[key] for key in ("text", "value") if key in block]
    type_ = block.get("type", "text")
    return len(texts) == 1 and isinstance(texts[0], str) and not texts[0] and isinstance(type_, str) and type_ == "text"


def _parse_block(value: Any, fetch: Fetch | None) -> Iterator[LocatedPart]:
    if not isinstance(value, dict):
        raise InputError(f"is {describe_type(value)}, expected a dict such as {{'type': 'text', 'text': ...}}")
    if is_prompt(value):
        raise InputError("has a prompt_string, so it is an input of its own; put it into the list of inputs")
    if "type" in value:
        yield _parse_typed_block(value, fetch)
    elif is_file_row(value):
        yield LocatedPart(make_file_part(read_file_row(value, fetch)))
    elif "array" in value:
        parse = parse_samples if "sampling_rate" in value else parse_frames
        yield LocatedPart(make_part(parse(value)))
    else:
        unknown = list_keys(value.keys() - set(_KINDS))
        if unknown or not value:
            problem = f"has the unknown key {unknown}" if unknown else "is an empty dict"
            suggestion = suggest_key(value.keys() - set(_KINDS), _KINDS)
            raise InputError(f"{problem}; a dict is an input as {_FORMATS}{suggestion}")
        for kind, each in value.items():
            yield _locate_entry(kind, each, fetch)


def _parse_typed_block(value: dict[str, Any], fetch: Fetch | None) -> LocatedPart:
    type_ = value["type"] if isinstance(value["type"], str) else None
    if type_ in _KINDS and "value" in value:
        return LocatedPart(elastic.parse_block(type_, value, fetch))
    if type_ in _KINDS:
        check_keys(value, {"type", type_}, ignored=IGNORED_BLOCK_KEYS)
        return LocatedPart(jina.parse_entry(type_, value[type_], fetch))
    if type_ in openai.TYPES:
        return LocatedPart(openai.parse_block(type_, value, fetch))
    known = ", ".join((*_KINDS, *openai.TYPES))
    raise InputError(f"has the unknown type {describe(value['type'])}; the types are {known}")


def _locate_entry(kind: str, value: Any, fetch: Fetch | None) -> LocatedPart:
    return locate(lambda: jina.parse_entry(kind, value, fetch), **{kind: None})
