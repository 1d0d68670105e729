"""Draws the scoreboard."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from benchmarks.scores import Score


def draw(scores: Sequence[Score], path: Path) -> None:
    """Write a plot of medians with their spread and their targets, if matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        print(f"{path.name} was not drawn, which needs matplotlib: pip install 'jina-omni[bench]'")
        return
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1 + 0.34 * len(scores)), layout="constrained")
    axes = figure.subplots()
    for y, score in enumerate(scores):
        ratio = score.ratio
        error = [[ratio.median - ratio.least], [ratio.most - ratio.median]]
        colour = {None: "tab:gray", True: "tab:green", False: "tab:orange"}[score.reached]
        axes.barh(y, ratio.median, xerr=error, color=colour, height=0.6, error_kw={"elinewidth": 1})
        if score.target is not None:
            axes.plot([score.target] * 2, [y - 0.4, y + 0.4], color="black", linewidth=2)
    axes.axvline(1, color="black", linewidth=0.5, linestyle=":")
    axes.set_yticks(range(len(scores)), [f"{score.work} | {score.against}" for score in scores], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast, or share of the peak (thin: least to most; thick: the target)", fontsize=7)
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(path)
