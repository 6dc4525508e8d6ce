"""How figures and verdicts are put into words, on the terminal and on the page alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One contender in one case, ready to be shown."""

    label: str
    value: str
    spread: str
    cold: str
    quality: str
    note: str


def number(x: float | None) -> str:
    """Three significant digits, without an exponent where it can be helped.

    >>> number(1234.5), number(0.0039612), number(2.0), number(None)
    ('1,234', '0.00396', '2', '–')
    """
    if x is None:
        return "–"
    if float(x).is_integer() and abs(x) < 100:
        return f"{x:.0f}"
    if abs(x) < 1e-4:
        return f"{x:.1e}"
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.{2 - math.floor(math.log10(abs(x)))}f}"


def cells(entry: dict[str, Any], case: str) -> list[Row]:
    """A row for every contender, the ones that gave nothing included."""
    rows = []
    for name, outcome in entry["contenders"].items():
        label = outcome["label"]
        if outcome["status"] != "ok":
            rows.append(Row(label, outcome["status"], "", "", "", outcome["why"]))
            continue
        got = entry["figures"][name][case]
        if got["status"] != "ok":
            rows.append(Row(label, got["status"], "", "", "", got["why"]))
            continue
        also = [f"{number(got[key])} {words}" for key, words in entry["also"].items() if key in got]
        lost = [f"{got['lost']} runs failed"] if got["lost"] else []
        rows.append(
            Row(
                label,
                number(got["value"]),
                f"{number(got['low'])} … {number(got['high'])}",
                number(got["cold"]),
                number(got["quality"]),
                ", ".join(also + lost),
            )
        )
    return rows


def verdict(aim: dict[str, Any]) -> str:
    """Whether an aim was reached, in a word."""
    if aim["reached"] is None:
        return "" if aim.get("at_least") is None and "at_most" not in aim else "not measured"
    return "reached" if aim["reached"] else "not reached"


def wanted(aim: dict[str, Any]) -> str:
    if "at_most" in aim:
        return f"≤ {number(aim['at_most'])} {aim['unit']}"
    return "" if aim["at_least"] is None else f"≥ {aim['at_least']:g}×"


def got(aim: dict[str, Any]) -> str:
    """The ratio with its range, or the figure under a ceiling."""
    if "at_most" in aim:
        return "–" if aim["value"] is None else f"{number(aim['value'])} {aim['unit']}"
    if aim["ratio"] is None:
        return "–"
    return f"{number(aim['ratio'])}× ({number(aim['low'])} … {number(aim['high'])})"


def aim_line(aim: dict[str, Any]) -> str:
    parts = [f"{aim['words']}: {got(aim)}", f"aim {wanted(aim)}" if wanted(aim) else "", verdict(aim)]
    return "; ".join(part for part in parts if part)
