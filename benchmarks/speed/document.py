"""The results as one JSON file: every single figure, and what was made of them.

A job keeps the date and the machine of its own run; running one leaves the others as they were.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from benchmarks.speed import machine
from benchmarks.speed.contract import Job
from benchmarks.speed.summary import summarise

FORMAT = 1


def entry(
    job: Job, tiny: bool, repeats: int, outcomes: dict[str, Any], before: list[float], seconds: float
) -> dict[str, Any]:
    """What is kept of one run of a job."""
    return {
        "title": job.title,
        "words": job.words,
        "quality": job.quality,
        "also": dict(job.also),
        "growth": job.growth,
        "tiny": tiny,
        "repeats": repeats,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": round(seconds),
        "revision": machine.revision(),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "load_before": before,
        "cases": {
            c.name: {"title": c.title, "unit": c.unit, "higher": c.higher, "params": dict(c.params)}
            for c in job.chosen(tiny)
        },
        "contenders": outcomes,
        **summarise(job, tiny, outcomes),
    }


def read(path: Path) -> dict[str, Any]:
    """The document in that file, or a new one."""
    if not path.exists():
        return {"format": FORMAT, "jobs": {}}
    document = json.loads(path.read_text())
    if document.get("format") != FORMAT:
        raise ValueError(
            f"{path} has format {document.get('format')!r}, but {FORMAT} is expected: remove it."
        )
    return document


def merged(document: dict[str, Any], entries: dict[str, Any], order: list[str]) -> dict[str, Any]:
    """The document with these jobs in the place of their older runs."""
    jobs = document["jobs"] | entries
    known = [name for name in order if name in jobs]
    return document | {"jobs": {name: jobs[name] for name in known}}


def text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
