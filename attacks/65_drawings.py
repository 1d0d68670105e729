"""An SVG of entities that multiply, of filters without end, of a length of a million digits, in a strange encoding.

InputError or DecodeError, in seconds.
"""

from stage import rejects, survives

import jina_omni

NS = "http://www.w3.org/2000/svg"

def svg(body: str = "", size: str = "9", before: str = "") -> jina_omni.Image:
    return jina_omni.Image(f'{before}<svg xmlns="{NS}" width="{size}" height="9">{body}</svg>'.encode())


entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
laughs = svg("&a11;", before=f'<!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]>')
rejects(laughs, jina_omni.InputError, "entities grow without measure")
quadratic = svg("<text>" + "&a;" * 99_999 + "</text>", before=f'<!DOCTYPE svg [<!ENTITY a "{"x" * 9_999}">]>')
rejects(quadratic, jina_omni.InputError, "entities grow without measure")
survives(svg(size="1" * 1_000_000 + "x"))
rejects(svg(size="1e9"), jina_omni.InputError, "over the limit")
rejects(svg(before='<?xml version="1.0" encoding="punycode"?>'), jina_omni.DecodeError, "none of XML's")
rejects(svg('<image width="9" height="9" href="/etc/passwd"/>'), jina_omni.InputError, "refers to another file")
survives(svg('<pattern id="p" width="99999" height="99999"/><rect width="9" height="9" fill="url(#p)"/>'))
survives(svg("<g>" * 100_000 + "</g>" * 100_000))
