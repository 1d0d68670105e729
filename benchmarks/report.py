"""What the benchmarks print."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.compare import Result

Figures = dict[str, Any]
"""Facts about a run, and its results."""


def cpu() -> str:
    """Return the processor's name and the instruction sets that matter here."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    fields = dict(
        line.split(":", 1) for line in info.read_text().split("\n\n")[0].replace("\t", "").splitlines() if ":" in line
    )
    flags = fields.get("flags", fields.get("Features", "")).split()
    known = ("avx2", "f16c", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "i8mm", "sve")
    name = fields.get("model name", platform.machine()).strip()
    return f"{name}, {os.cpu_count()} processors, {' '.join(f for f in known if f in flags)}"


def heading(**facts: Any) -> dict[str, Any]:
    """Print the facts that every figure depends on, and return them for JSON."""
    facts = {"cpu": cpu(), **facts}
    if hasattr(os, "getloadavg"):
        # Other work on the machine slows down both sides: it changes the rates more than their ratio.
        facts["load_average"] = os.getloadavg()[0]
    for key, value in facts.items():
        print(f"{key}: {value}")
    print(flush=True)
    return facts


def show(results: Sequence[Result]) -> None:
    """Print one row of a benchmark."""
    first = results[0]
    for r in results:
        words = [f"{r.rate} {r.unit}/s", f"{1000 * r.seconds.median:.0f} ms"]
        words += [f"peak {r.peak_mib:.0f} MiB", f"load {r.load_s:.2f} s"]
        if r.accuracy is not None:
            words.append(f"cosine to float32 {r.accuracy:.6f}")
        if r is not first:
            words.append(f"{first.side} is {r.ratio} times as fast")
            if r.accuracy is None and r.cosine is not None:
                words.append(f"cosine {r.cosine:.6f}")
        print(f"  {r.side:<16} {', '.join(words)}")
    print(flush=True)


def figures(facts: dict[str, Any], results: Sequence[dict[str, Any]]) -> Figures:
    """Return what a benchmark measured, as it goes into its JSON file."""
    return {"facts": facts, "results": list(results)}


def save(path: Path | None, content: Figures) -> None:
    """Write a JSON file when one was asked for."""
    if path is not None:
        path.write_text(json.dumps(content, indent=1) + "\n")
