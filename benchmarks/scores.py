"""What the scoreboard shows: how each opponent does against this library on one line, and whether the target is met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.compare import Spread


@dataclass(frozen=True)
class Score:
    """One opponent on one line; without a ratio it was left out.

    Attributes
    ----------
    accuracy, our_accuracy
        The least cosine to torch's float32 embeddings, of the opponent and of this library; None where the line was not
        compared with those.
    """

    work: str
    against: str
    ratio: Spread | None = None
    target: float | None = None
    accuracy: float | None = None
    our_accuracy: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the median reaches the target; None without a target or a measurement."""
        return self.ratio.median >= self.target if self.ratio and self.target else None


def read_scores(lines: Iterable[dict[str, Any]]) -> Iterator[Score]:
    """Yield the scores of the scoreboard's JSON file, line by line."""
    for line in lines:
        ours: float | None = None
        for result in line["results"]:
            accuracy = result.get("accuracy")
            if result["side"] == "jina_omni":
                # the first of each row
                ours = accuracy
            else:
                # a share of the peak has no words of its own for the weight type and the size
                more = f": {result['type']}, {result['row']}" if "peak" in result["side"] else ""
                target = line["targets"].get(result["side"])
                ratio = Spread(**result["ratio"])
                yield Score(line["work"] + more, result["side"], ratio, target, accuracy, ours)
        for name in line["left_out"]:
            yield Score(line["work"], name)
