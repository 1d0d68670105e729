"""What the checks of a repository found, and the page that it is written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """What was found in one repository.

    Attributes
    ----------
    repository
        Its name on the Hub.
    commits
        Of the repositories whose files were read, by name.
    answers
        Facts that this library had to assume, as (question, what the files say).
    cosines
        With the torch reference, as (input, cosine, bar).
    quantizations
        Lowest cosines with F16, as (quantisation, length of the texts, cosine, bar).
    problems
        All that differs from what is assumed, and all that is below its bar.
    """

    repository: str
    commits: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)
    cosines: list[tuple[str, float, float]] = field(default_factory=list)
    quantizations: list[tuple[str, str, float, float]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add_cosine(self, name: str, cosine: float, bar: float) -> None:
        """Note how near an input is to torch."""
        self.cosines.append((name, cosine, bar))
        if not cosine >= bar:  # NaN is a problem too
            self.problems.append(f"{name}: the cosine with torch is {cosine:.6f}, below {bar}")

    def add_quantization(self, name: str, length: str, cosine: float, bar: float) -> None:
        """Note how near the texts of a quantisation are to F16."""
        self.quantizations.append((name, length, cosine, bar))
        if not cosine >= bar:
            self.problems.append(f"{name}: the lowest cosine with F16 of {length} texts is {cosine:.4f}, below {bar}")

    def format(self) -> str:
        """Return the section of the page."""
        commits = ", ".join(f"`{name}` at `{commit[:12]}`" for name, commit in self.commits.items())
        parts = [f"## {self.repository}\n\nRead: {commits}.\n"]
        parts.append(_format_list("What differs", self.problems) if self.problems else "Nothing differs.\n")
        parts.append(_format_table("What the files say", ("question", "answer"), self.answers))
        cosines = [(name, f"{cosine:.6f}", f"{bar:g}") for name, cosine, bar in self.cosines]
        parts.append(_format_table("Cosine with torch, F16", ("input", "cosine", "bar of the cards"), cosines))
        rows = [(name, length, f"{cosine:.4f}", f"{bar:g}") for name, length, cosine, bar in self.quantizations]
        parts.append(_format_table("Lowest cosine with F16", ("file", "texts", "cosine", "bar of the cards"), rows))
        return "\n".join(parts)


def format_page(reports: Sequence[Report]) -> str:
    """Return the page of some repositories."""
    head = "# The published files\n\nWritten by `python tools/check_published.py`, which compares them with torch.\n"
    return "\n".join([head, *(report.format() for report in reports)])


def _format_list(title: str, items: Sequence[str]) -> str:
    return f"### {title}\n\n" + "".join(f"- {_escape(item)}\n" for item in items)


def _format_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *(map(_escape, row) for row in rows)]
    return f"### {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
