# SPDX-License-Identifier: Apache-2.0
"""A page that shows the demo's samples, how alike texts and media are, and a search among them, all in one file."""

from __future__ import annotations

import base64
import hashlib
import html
import json

import numpy as np
import numpy.typing as npt

from jina_omni.demo.samples import QUERIES, SAMPLES, Sample

__all__ = ["page_of"]

# Picks the known query that shares most words with what is typed, and puts the media in its order.
_SCRIPT = """
"use strict";
const { queries, scores } = JSON.parse(document.getElementById("data").textContent);
const box = document.getElementById("query"), taken = document.getElementById("taken");
const main = document.querySelector("main"), cards = [...main.children];
const words = text => text.toLowerCase().split(/[^a-z]+/).filter(word => word);
function shared(typed, query) {
  const known = words(query);
  const hits = typed.filter(word => known.some(other => other.startsWith(word))).length;
  return hits - known.length / 100;
}
function search() {
  const typed = words(box.value);
  let best = -1, most = 0;
  queries.forEach((query, i) => {
    const n = shared(typed, query);
    if (n > most) { best = i; most = n; }
  });
  taken.textContent = best < 0 ? "" : "nearest known query: " + queries[best];
  const order = cards.map((_, i) => i);
  if (best >= 0) order.sort((a, b) => scores[best][b] - scores[best][a]);
  order.forEach(i => {
    cards[i].querySelector(".score").textContent = best < 0 ? "" : scores[best][i].toFixed(2);
    main.append(cards[i]);
  });
}
box.addEventListener("input", search);
document.querySelectorAll("button").forEach(button =>
  button.addEventListener("click", () => { box.value = button.textContent; search(); }));
"""

# The policy keeps the page from loading anything and from running any other script.
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; media-src data:; \
style-src 'unsafe-inline'; script-src '{hash}'">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>jina_omni demo</title>
<style>
:root {{ color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }}
body {{ margin: 2rem auto; max-width: 75rem; padding: 0 1rem }}
main {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); margin: 1rem 0 2rem }}
figure {{ border: 1px solid #8886; border-radius: 8px; margin: 0; overflow: hidden }}
.shown {{ align-items: center; background: #8882; display: flex; height: 11rem; justify-content: center }}
.shown img {{ height: 100% }}
.shown audio {{ width: 94% }}
figcaption {{ padding: .5rem .8rem }}
input {{ box-sizing: border-box; font: inherit; padding: .5rem .8rem; width: 100% }}
button {{ font: inherit; font-size: 13px; margin: .4rem .2rem 0 0 }}
#taken {{ min-height: 1.5em; opacity: .7 }}
table {{ border-collapse: collapse; font-size: 13px }}
td {{ color: #000; min-width: 3.6rem; padding: .3rem; text-align: center }}
th {{ font-weight: normal; padding: .3rem .6rem .3rem 0; text-align: left }}
.scroll {{ overflow-x: auto; padding: 2px }}
</style>
<h1>jina_omni demo</h1>
<p>Texts, pictures, sounds and clips as vectors of one space, made by the toy model that lies in the package. It knows
only this toy world: a few coloured shapes, and tones, buzzes and noises. Of all else its vectors mean nothing.</p>
<input id="query" type="search" list="queries" autocomplete="off" placeholder="Search, such as: three red stars"
aria-label="Search">
<datalist id="queries">{options}</datalist>
<div>{buttons}</div>
<p id="taken" role="status"></p>
<main>
{figures}
</main>
<h2>How near each text is to each medium</h2>
<p>Cosines; what is nearest to a text is framed.</p>
<div class="scroll"><table>
{rows}
</table></div>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</html>
"""
_FIGURE = """\
<figure><div class="shown">{shown}</div>
<figcaption><b class="score"></b> {kind} {i}</figcaption></figure>"""


def page_of(scores: npt.NDArray[np.float32]) -> str:
    """Return the page, in HTML.

    Parameters
    ----------
    scores : array, shape (len(QUERIES), len(SAMPLES))
        Cosines; the first queries are the texts of the samples.
    """
    data = json.dumps({"queries": QUERIES, "scores": np.round(scores.astype(np.float64), 4).tolist()})
    head = "".join(f"<th>{html.escape(sample.kind)} {i}</th>" for i, sample in enumerate(SAMPLES))
    rows = [f"<tr><th></th>{head}</tr>"]
    for i, sample in enumerate(SAMPLES):
        rows.append(f"<tr><th>{html.escape(sample.text)}</th>{''.join(_cells(scores[i]))}</tr>")
    return _PAGE.format(
        hash="sha256-" + base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode(),
        options="".join(f'<option value="{html.escape(query)}">' for query in QUERIES),
        buttons="".join(f"<button>{html.escape(sample.text)}</button>" for sample in SAMPLES),
        figures="\n".join(
            _FIGURE.format(shown=_shown(sample), kind=html.escape(sample.kind), i=i)
            for i, sample in enumerate(SAMPLES)
        ),
        rows="\n".join(rows),
        data=data.replace("<", "\\u003c"),  # so that no text can end the element
        script=_SCRIPT,
    )


def _shown(sample: Sample) -> str:
    kind, content = sample.file()
    url = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    label = html.escape(sample.text)
    if kind.startswith("audio/"):
        return f'<audio controls preload="metadata" aria-label="{label}" src="{url}"></audio>'
    return f'<img alt="{label}" src="{url}">'


def _cells(row: npt.NDArray[np.float32]) -> list[str]:
    """Return the cells of a row of the heat map: the nearer, the more orange."""
    nearest = row.argmax()
    return [
        f'<td style="background: hsl(30 100% {97 - 47 * min(max(float(score), 0.0), 1.0):.0f}%)'
        f'{"; outline: 2px solid #c40" if j == nearest else ""}">{score:.2f}</td>'
        for j, score in enumerate(row)
    ]
