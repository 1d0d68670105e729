# SPDX-License-Identifier: Apache-2.0
"""The options of whole requests: those that change nothing are ignored, all others are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jina_omni.errors import InputError
from jina_omni.requests.values import check_keys

__all__ = ["check_options"]

# They say who asks, where the answer goes, or how the server is to schedule it.
_IGNORED = {
    *("metadata", "model", "priority", "request_id", "user"),
    *("prompt_cache_key", "safety_identifier", "service_tier", "store"),  # OpenAI
    *("cache_salt", "timeout"),  # vLLM, Elastic
}

# Options that change the embedding or its type: the values that ask for what `encode` does by itself, and the argument
# that does what another value asks for. None is a value of each: clients send it for what is not set.
_OPTIONS: Mapping[str, tuple[tuple[Any, ...], str | None]] = {
    # OpenAI, and for `system` Anthropic
    "dimensions": ((), "truncate_dim="),
    "encoding_format": (("float",), "precision=; its result in base64 is base64.b64encode(embedding)"),
    "function_call": (("auto", "none"), None),
    "functions": (([],), None),
    "instructions": (("",), "prompt="),
    "n": ((1,), None),
    "parallel_tool_calls": ((False, True), None),  # of tools, which are refused
    "stream": ((False,), None),
    "system": (("", []), "prompt="),
    "tool_choice": (("auto", "none"), None),
    "tools": (([],), None),
    # vLLM
    "add_generation_prompt": ((False,), None),
    "add_special_tokens": ((True,), None),
    "chat_template": ((), None),
    "chat_template_kwargs": (({},), None),
    "continue_final_message": ((False, True), None),  # of a turn of the assistant, which is empty or refused
    "embed_dtype": (("float32",), "precision="),
    "endianness": (("native",), None),  # of an embedding in base64
    "mm_processor_kwargs": (({},), None),
    "normalize": ((True,), "normalize_embeddings="),
    "truncate_prompt_tokens": ((), "truncate=True"),
    "truncation_side": (("right",), None),
    "use_activation": ((True,), "normalize_embeddings="),  # which normalises
    # Jina API
    "embedding_type": (("float", ["float"]), "precision="),
    "late_chunking": ((False,), None),
    "normalized": ((True,), "normalize_embeddings="),
    "return_multivector": ((False,), None),
    "task": ((), "prompt_name= on the model file of that task"),
    "truncate": ((False,), "truncate="),
    # Elastic
    "input_type": ((), "prompt_name="),
    "task_settings": (({},), None),
    # llama-server
    "cache_prompt": ((False, True), None),
    "id_slot": ((-1,), None),
    "embd_normalize": ((2,), "normalize_embeddings="),  # the Euclidean norm
}


def check_options(request: Mapping[Any, Any], body: str) -> None:
    """Check that nothing in a whole request but its inputs changes the embeddings.

    Parameters
    ----------
    request : mapping
    body : str
        The key of the inputs.

    Raises
    ------
    InputError
        It has an option that `Model.encode` must do, or that it does not do, or an unknown key.
    """
    for option, (values, argument) in _OPTIONS.items():
        value = request.get(option)
        # Without the types True would be 1.
        if value is None or any(type(value) is type(known) and value == known for known in values):
            continue
        advice = f"and pass encode its {argument}" if argument else "since nothing here does that"
        raise InputError(f"sets {option!r}; take it out, {advice}")
    others = {key: None for key, value in request.items() if key not in _OPTIONS and (key == body or value is not None)}
    check_keys(others, {body}, ignored=_IGNORED)
