# SPDX-License-Identifier: Apache-2.0
"""A page in one file that shows the demo's samples, the cosines of texts and media, and a search among them."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib import resources

import numpy as np
import numpy.typing as npt

from jina_omni.demo.samples import QUERIES, SAMPLES, Sample

__all__ = ["render_page"]


def render_page(scores: npt.NDArray[np.float32]) -> str:
    """Return the page, in HTML.

    Parameters
    ----------
    scores : array, shape (len(QUERIES), len(SAMPLES))
        Cosines; the first queries are the texts of the samples.
    """
    script = _read("page.js")
    data = json.dumps({"queries": QUERIES, "scores": np.round(scores.astype(np.float64), 4).tolist()})
    return _read("page.html").format(
        # The page's policy lets it load nothing and run no script but this one.
        hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=_read("page.css"),
        options="".join(f'<option value="{html.escape(query)}">' for query in QUERIES),
        buttons="".join(f"<button>{html.escape(sample.text)}</button>" for sample in SAMPLES),
        figures="".join(_render_figure(i, sample) for i, sample in enumerate(SAMPLES)),
        rows="\n".join(_render_heat_map(scores[: len(SAMPLES)])),
        data=data.replace("<", "\\u003c"),  # so that no text can end the element
        script=script,
    )


def _read(name: str) -> str:
    return resources.files("jina_omni.demo").joinpath(name).read_text("utf-8")


def _render_figure(number: int, sample: Sample) -> str:
    media_type, content = sample.encode_file()
    url = f"data:{media_type};base64,{base64.b64encode(content).decode()}"
    label = html.escape(sample.text)
    if media_type.startswith("audio/"):
        preview = f'<audio controls preload="metadata" aria-label="{label}" src="{url}"></audio>'
    else:
        preview = f'<img alt="{label}" src="{url}">'
    return _read("page_figure.html").format(preview=preview, kind=html.escape(sample.kind), i=number)


def _render_heat_map(scores: npt.NDArray[np.float32]) -> list[str]:
    """Return the rows of the table of cosines: one for each text, with a column for each medium."""
    head = "".join(f"<th>{html.escape(sample.kind)} {i}</th>" for i, sample in enumerate(SAMPLES))
    rows = [f"<tr><th></th>{head}</tr>"]
    for sample, row in zip(SAMPLES, scores, strict=True):
        nearest = row.argmax()
        cells = (_render_cell(float(score), is_nearest=i == nearest) for i, score in enumerate(row))
        rows.append(f"<tr><th>{html.escape(sample.text)}</th>{''.join(cells)}</tr>")
    return rows


def _render_cell(score: float, *, is_nearest: bool) -> str:
    """Return a cell whose background is the more orange the higher the cosine is."""
    lightness = 97 - 47 * min(max(score, 0.0), 1.0)
    outline = "; outline: 2px solid #c40" if is_nearest else ""
    return f'<td style="background: hsl(30 100% {lightness:.0f}%){outline}">{score:.2f}</td>'
