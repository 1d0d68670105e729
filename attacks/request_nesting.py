"""Requests nested a million deep, and lists and dicts that contain themselves.

InputError, without recursion.
"""

from stage import expect_error

import jina_omni


def nested(depth: int) -> list:
    value: list = ["a"]
    for _ in range(depth):
        value = [value]
    return value


expect_error({"content": nested(1_000_000)}, jina_omni.InputError, "content is of the type list|content 0")
circle: list = ["a"]
circle.append(circle)
expect_error(circle, jina_omni.InputError, "part 1 is a list inside a list")
knot: dict = {"role": "user"}
knot["content"] = knot
expect_error(knot, jina_omni.InputError, "unknown key")
ring = {"messages": []}
ring["messages"].append(ring)
expect_error(ring, jina_omni.InputError, "unknown key 'messages'")
