"""What tools/check_gpu.py has found so far, as JSON and as a page in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import report

_COLUMNS = {
    "jina_omni": ("jina_omni",),
    "llama.cpp": ("libllama", "libllama-512", "libllama-separate", "llama-cpp-python", "libmtmd"),
    "torch bfloat16": ("torch-bf16",),
    "torch float32": ("torch",),
}
"""The sides of each column of the table; of several, the fastest is shown."""


class DeviceFigures:
    """Facts and results, which are written after each so that a run that is killed keeps them.

    Parameters
    ----------
    folder
        Where ``check_gpu.json`` and ``check_gpu.md`` are written.
    facts
        About the run.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.page = folder / "check_gpu.md"
        self._json = folder / "check_gpu.json"
        self.facts = dict(facts)
        self.results: list[dict[str, Any]] = []
        self._save()

    def add(self, part: str, row: str, results: Sequence[Mapping[str, Any]]) -> None:
        """Keep what the sides took for a row, print it, and write both files.

        Parameters
        ----------
        part, row
            Names.
        results
            By side: ``side``, and figures with ``rate`` and ``unit``, or ``p50_s`` and ``p99_s``; or ``text`` alone.
        """
        found = [{"part": part, "row": row, **result} for result in results]
        self.results += found
        for result in found:
            print(f"{part}, {row}: {result.get('side', '')} {_describe(result)}", flush=True)
        self._save()

    def leave_out(self, part: str, row: str, side: str, why: str) -> None:
        """Keep, print and write why something was not measured."""
        self.results.append({"part": part, "row": row, "side": side, "left_out": why})
        print(f"{part}, {row}: {side} left out, since {why}", flush=True)
        self._save()

    def _save(self) -> None:
        # Under another name first: a file of a run that is killed is a whole one.
        for path, content in ((self._json, None), (self.page, "\n".join(self._format()) + "\n")):
            part = path.with_suffix(".part")
            if content is None:
                report.save(part, report.figures(self.facts, self.results))
            else:
                part.write_text(content, "utf-8")
            part.replace(path)

    def _format(self) -> Iterator[str]:
        yield f"# jina_omni on {self.facts.get('device', 'a device')}"
        yield ""
        yield from (f"- {key}: {value}" for key, value in self.facts.items())
        plain = [r for r in self.results if "text" in r]
        measured = [r for r in self.results if "side" in r and "left_out" not in r]
        left_out = [r for r in self.results if "left_out" in r]
        if plain:
            yield from ("", "| part | | |", "|---|---|---|")
            yield from (f"| {r['part']} | {r['row']} | {r['text']} |" for r in plain)
        if measured:
            yield from (
                "",
                "In brackets: how many times as fast jina_omni is, median of the ratios of neighbouring turns.",
            )
            yield "Memory: what the device has less than before the side began. Cosine: the least to jina_omni's rows."
            yield from ("", f"| work | {' | '.join(_COLUMNS)} | memory in MiB, in this order | cosine |")
            yield "|---" * (len(_COLUMNS) + 3) + "|"
            rows = dict.fromkeys((r["part"], r["row"]) for r in measured)
            yield from (_format_row(part, row, measured) for part, row in rows)
        if left_out:
            yield from ("", "Left out:", "")
            yield from (f"- {r['part']}, {r['row']}: {r['side']}, since {r['left_out']}" for r in left_out)


def _format_row(part: str, row: str, measured: Sequence[Mapping[str, Any]]) -> str:
    sides = {r["side"]: r for r in measured if (r["part"], r["row"]) == (part, row)}
    cells, memory, cosines = [], [], []
    for names in _COLUMNS.values():
        found = min((sides[name] for name in names if name in sides), key=_seconds, default=None)
        cells.append(_describe(found) if found else "")
        held = found and found.get("held_bytes")
        memory.append(f"{held / 2**20:,.0f}" if held and held > 0 else "-")
        if found and found["side"] != "jina_omni" and found.get("cosine") is not None:
            cosines.append(f"{found['side']} {found['cosine']:.6f}")
    return f"| {part}, {row} | {' | '.join(cells)} | {', '.join(memory)} | {'; '.join(cosines)} |"


def _seconds(result: Mapping[str, Any]) -> float:
    return result["p50_s"] if "p50_s" in result else result["seconds"]["median"]


def _describe(result: Mapping[str, Any]) -> str:
    if "text" in result:
        return result["text"]
    if "p50_s" in result:
        words = f"p50 {1000 * result['p50_s']:.2f} ms, p99 {1000 * result['p99_s']:.2f} ms"
        times = result["times"]
    else:
        rate = result["rate"]["median"]
        words = f"{rate:,.0f}" if rate >= 100 else f"{rate:.2f}"
        words += f" {result['unit']}/s"
        times = result["ratio"]["median"]
    return words if result["side"] == "jina_omni" else f"{words} ({times:.2f})"
