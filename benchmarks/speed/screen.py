"""A job's figures on the terminal."""

from __future__ import annotations

from typing import Any

from benchmarks.speed.words import aim_line, cells, number


def show(entry: dict[str, Any]) -> str:
    """Medians and ratios as aligned text."""
    lines = ["", f"{entry['title']}  ({entry['date']}, load before {entry['load_before'][0]})"]
    for case, about in entry["cases"].items():
        lines.append(
            f"  {about['title']}  [{about['unit']}, {'larger' if about['higher'] else 'smaller'} is better]"
        )
        lines += [
            f"    {row.label:42.42s} {row.value:>10s}  {row.spread:>19s}  {row.quality:>9s}  {row.note}"
            for row in cells(entry, case)
        ]
    lines += ["  " + line for line in map(aim_line, entry["aims"])]
    for kept in entry["fidelity"]:
        verdict = "within 1%" if kept["reached"] else "NOT within 1%"
        lines.append(
            f"  {kept['case']}: quality over the float32 reference's {number(kept['ratio'])} ({verdict})"
        )
    return "\n".join(lines)
