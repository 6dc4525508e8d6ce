"""From single figures to medians, ratios and whether an aim was reached."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

from benchmarks.speed.contract import Aim, Case, Ceiling, Job

TOLERANCE = 0.01  # by which a quality may be worse than the reference's
Rounds = list[dict[str, Any]]


def good(rounds: Rounds) -> dict[int, dict[str, float]]:
    """The rounds that gave figures, by number."""
    return {i: row for i, row in enumerate(rounds) if "value" in row}


def warm(rounds: Rounds) -> dict[int, dict[str, float]]:
    """The same without round 0, in which things were compiled and warmed up, where there are others."""
    rows = good(rounds)
    return {i: row for i, row in rows.items() if i} or rows


def medians(rounds: Rounds) -> dict[str, float]:
    """Each figure's median over the warm rounds."""
    rows = list(warm(rounds).values())
    return {key: median(row[key] for row in rows) for key in (rows[0] if rows else ())}


def figures(rounds: Rounds) -> dict[str, Any]:
    """What is shown of a contender in a case."""
    rows = warm(rounds)
    if not rows:
        last = rounds[-1] if rounds else {"status": "failed", "why": "it was not run"}
        return {"status": last["status"], "why": last["why"]}
    values = [row["value"] for row in rows.values()]
    first = good(rounds).get(0)
    return {
        "status": "ok",
        **medians(rounds),
        "low": min(values),
        "high": max(values),
        "cold": first["value"] if first and len(good(rounds)) > 1 else None,
        "rounds": len(rows),
        "lost": len(rounds) - len(good(rounds)),
    }


def best(outcomes: dict[str, Any], case: Case, beginnings: tuple[str, ...]) -> str | None:
    """The peer with the best median."""
    found = {
        name: medians(outcome["cases"].get(case.name, []))["value"]
        for name, outcome in outcomes.items()
        if name.startswith(beginnings) and warm(outcome["cases"].get(case.name, []))
    }
    return (max if case.higher else min)(found, key=found.__getitem__) if found else None


def ratio(aim: Aim, case: Case, outcomes: dict[str, Any]) -> dict[str, Any]:
    """Above 1 where ours is faster; taken within each round, then the median of the rounds."""
    said: dict[str, Any] = {"case": aim.case, "words": aim.words, "ours": aim.ours, "at_least": aim.at_least}
    peer = best(outcomes, case, aim.peers)
    ours = warm(outcomes.get(aim.ours, {"cases": {}})["cases"].get(case.name, []))
    if peer is None or not ours:
        return said | {"peer": peer, "ratio": None, "reached": None}
    theirs = warm(outcomes[peer]["cases"][case.name])
    pairs = [(ours[i][aim.figure], theirs[i]["value"]) for i in ours if i in theirs]
    ratios = [a / b if case.higher else b / a for a, b in pairs]
    if not ratios:
        return said | {"peer": peer, "ratio": None, "reached": None}
    middle = median(ratios)
    reached = None if aim.at_least is None else middle >= aim.at_least
    return said | {
        "peer": peer,
        "ratio": middle,
        "low": min(ratios),
        "high": max(ratios),
        "reached": reached,
    }


def ceiling(aim: Ceiling, case: Case, outcomes: dict[str, Any]) -> dict[str, Any]:
    value = medians(outcomes.get(aim.ours, {"cases": {}})["cases"].get(case.name, [])).get(aim.figure)
    reached = None if value is None else value <= aim.at_most
    return {
        "case": aim.case,
        "words": aim.words,
        "ours": aim.ours,
        "at_most": aim.at_most,
        "value": value,
        "unit": case.unit,
        "reached": reached,
    }


def fidelity(job: Job, case: Case, outcomes: dict[str, Any]) -> dict[str, Any] | None:
    """Narrows' quality over the reference's; above 1 is worse."""
    names = ("narrows", job.reference or "")
    ours, reference = (
        medians(outcomes.get(name, {"cases": {}})["cases"].get(case.name, [])).get("quality")
        for name in names
    )
    if ours is None or reference is None or not reference > 0:
        return None
    share = ours / reference
    return {"case": case.name, "ratio": share, "reached": math.isfinite(share) and share <= 1 + TOLERANCE}


def summarise(job: Job, tiny: bool, outcomes: dict[str, Any]) -> dict[str, Any]:
    """All that is shown of a job, from single figures alone."""
    cases = {case.name: case for case in job.chosen(tiny)}
    compared = [
        ratio(aim, cases[aim.case], outcomes)
        if isinstance(aim, Aim)
        else ceiling(aim, cases[aim.case], outcomes)
        for aim in job.aims
        if aim.case in cases
    ]
    kept = (fidelity(job, case, outcomes) for case in cases.values())
    return {
        "figures": {
            name: {case: figures(outcome["cases"].get(case, [])) for case in cases}
            for name, outcome in outcomes.items()
            if outcome["status"] == "ok"
        },
        "aims": compared,
        "fidelity": [entry for entry in kept if entry],
    }
