"""An SVG of entities that multiply, of endless filters, of a length of a million digits, in a rare encoding.

InputError or DecodeError, in seconds.
"""

from stage import expect_error, expect_vector_or_error

import jina_omni

NS = "http://www.w3.org/2000/svg"


def svg(body: str = "", size: str = "9", before: str = "") -> jina_omni.Image:
    return jina_omni.Image(f'{before}<svg xmlns="{NS}" width="{size}" height="9">{body}</svg>'.encode())


entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
laughs = svg("&a11;", before=f'<!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]>')
expect_error(laughs, jina_omni.InputError, "entities expand without bound")
quadratic = svg("<text>" + "&a;" * 99_999 + "</text>", before=f'<!DOCTYPE svg [<!ENTITY a "{"x" * 9_999}">]>')
expect_error(quadratic, jina_omni.InputError, "entities expand without bound")
expect_vector_or_error(svg(size="1" * 1_000_000 + "x"))
expect_error(svg(size="1e9"), jina_omni.InputError, "over the limit")
expect_error(svg(before='<?xml version="1.0" encoding="punycode"?>'), jina_omni.DecodeError, "not one of XML's")
expect_error(svg('<image width="9" height="9" href="/etc/passwd"/>'), jina_omni.InputError, "refers to another file")
expect_vector_or_error(svg('<pattern id="p" width="99999" height="99999"/><rect width="9" height="9" fill="url(#p)"/>'))
expect_vector_or_error(svg("<g>" * 100_000 + "</g>" * 100_000))
