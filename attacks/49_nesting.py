"""Requests nested a million deep, and lists and dicts that hold themselves.

InputError, and no recursion.
"""

from stage import rejects

import jina_omni


def nested(depth: int) -> list:
    value: list = ["a"]
    for _ in range(depth):
        value = [value]
    return value

rejects({"content": nested(1_000_000)}, jina_omni.InputError, "content is of the type list|content 0")
circle: list = ["a"]
circle.append(circle)
rejects(circle, jina_omni.InputError, "part 1 is a list inside a list")
knot: dict = {"role": "user"}
knot["content"] = knot
rejects(knot, jina_omni.InputError, "unknown key")
ring = {"messages": []}
ring["messages"].append(ring)
rejects(ring, jina_omni.InputError, "unknown key 'messages'")
