"""Draws the scoreboard, and latency over load."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scores import Score


def draw(scores: Sequence[Score], path: Path) -> None:
    """Write a plot of medians with their spread and their targets, if matplotlib is installed."""
    figure = _make_figure(path, 9, 1 + 0.34 * len(scores))
    if figure is None:
        return
    axes = figure.subplots()
    for y, score in enumerate(scores):
        ratio = score.ratio
        error = [[ratio.median - ratio.least], [ratio.most - ratio.median]]
        colour = {None: "tab:gray", True: "tab:green", False: "tab:orange"}[score.reached]
        axes.barh(y, ratio.median, xerr=error, color=colour, height=0.6, error_kw={"elinewidth": 1})
        if score.target is not None:
            axes.plot([score.target] * 2, [y - 0.4, y + 0.4], color="black", linewidth=2)
    axes.axvline(1, color="black", linewidth=0.5, linestyle=":")
    axes.set_yticks(range(len(scores)), map(_label, scores), fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast, or share of the peak (thin: least to most; thick: the target)", fontsize=7)
    _save(figure, path)


def _label(score: Score) -> str:
    label = f"{score.work} | {score.against}"
    if score.accuracy is None or score.our_accuracy is None:
        return label
    return f"{label} | cosine {score.accuracy:.4f}, ours {score.our_accuracy:.4f}"


def draw_latencies(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a plot of p50 and p99 over the rate of each side of the serving benchmark, if matplotlib is installed."""
    figure = _make_figure(path, 7, 4)
    if figure is None:
        return
    axes = figure.subplots()
    for i, side in enumerate(dict.fromkeys(r["side"] for r in results)):
        points = sorted((r for r in results if r["side"] == side), key=lambda r: r["rate"])
        rates = [r["rate"] for r in points]
        for name, style in (("p50", "--"), ("p99", "-")):
            latencies = [1000 * r[name] for r in points]
            axes.plot(rates, latencies, style, color=f"C{i}", marker="o", markersize=3, label=f"{side}, {name}")
    axes.set_yscale("log")
    axes.set_xlabel("queries a second")
    axes.set_ylabel("latency, ms")
    axes.legend(fontsize=7)
    _save(figure, path)


def _make_figure(path: Path, width: float, height: float) -> Any:
    if importlib.util.find_spec("matplotlib") is None:
        print(f"{path.name} was not drawn, which needs matplotlib: pip install 'jina-omni[bench]'")
        return None
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: Path) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(path)
