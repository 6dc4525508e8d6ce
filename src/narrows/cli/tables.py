"""What verbs print: a table for people, or one JSON document for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

LONGEST = 6  # entries of a list that a table shows
GROUPS = {
    "Reconstruction": ("mse", "r2", "bits", "accuracy"),
    "Likelihood, nats per row": ("nll", "rate", "score", "log_likelihood"),
    "Codes": ("active_units", "active_share", "collapsed", "mutual_information", "aggregate_gap"),
    "Use": ("probe_accuracy", "probe_r2", "trustworthiness", "continuity"),
}


def print_json(document: Any) -> None:
    """One JSON document on stdout; numbers that JSON has no words for (NaN, ∞) become null."""
    json.dump(_plain(document), sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def print_facts(facts: Mapping[str, Any], title: str) -> None:
    """A table of names and values, nested names joined by dots."""
    table = _table()
    table.add_column("", style="bold")
    table.add_column("")
    table.show_header = False
    for name, value in _flat(facts):
        table.add_row(escape(name), escape(show(value)))
    _print(title, table)


def print_metrics(metrics: Mapping[str, float], title: str) -> None:
    """Each metric, in groups, with the same metric of PCA beside it where there is one (the ``pca_`` keys)."""
    table = _table()
    table.add_column("")
    table.add_column("autoencoder", justify="right", style="bold")
    table.add_column("PCA, same size", justify="right")
    mine = [name for name in metrics if not name.startswith("pca_")]
    known = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, "Others": tuple(name for name in mine if name not in known)}
    for group, names in groups.items():
        there = [name for name in names if name in mine]
        if there:
            table.add_row(group, style="dim")
        for name in there:
            table.add_row(f"  {name}", show(metrics[name]), show(metrics.get(f"pca_{name}", "")))
    console = _print(title, table)
    # Of a table's columns, which have units of their own, r2 is the fair figure; and categories count too.
    worse = metrics.get("pca_r2", -math.inf) >= metrics.get("r2", math.inf)
    if worse and metrics.get("pca_accuracy", 0.0) >= metrics.get("accuracy", 0.0):
        console.print(
            "PCA of the same size reconstructs these rows as well or better: prefer it, or train longer."
        )


def print_columns(columns: Iterable[Mapping[str, Any]], title: str, most: int = 50) -> None:
    """One line per column of a data set; past ``most`` lines, the number of those left out."""
    rows = list(columns)
    table = _table()
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows[:most]:
        table.add_row(*(escape(show(value)) for value in row.values()))
    console = _print(title, table)
    if len(rows) > most:
        console.print(f"… and {len(rows) - most} more columns (all of them with --json).")


def show(value: Any) -> str:
    """A value as a table shows it.

    >>> show(0.00123456), show(12345), show([1, 2, 3]), show(None), show(math.nan)
    ('0.001235', '12345', '1, 2, 3', '-', '-')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple) and any(isinstance(entry, Mapping) for entry in value):
        return f"({len(value)} entries, shown with --json)"
    if isinstance(value, list | tuple):
        more = f", … ({len(value)})" if len(value) > LONGEST else ""
        return ", ".join(show(entry) for entry in value[:LONGEST]) + more
    return str(value)


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0))


def _print(title: str, table: Table) -> Console:
    """The title on a line of its own: as part of the table it would be broken to the table's width."""
    console = Console(highlight=False, emoji=False)
    console.print(title, style="bold", markup=False)
    console.print(table)
    return console


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):  # a number of NumPy
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
