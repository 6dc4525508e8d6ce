"""One contender of one job in a process of its own.

    python -m benchmarks.speed.worker JOB CONTENDER FOLDER [--tiny]

Reads one JSON object a line ({"go": case}) and answers each with one.  Keras takes its backend per
process and every library brings thread pools, hence a process for each.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pkgutil
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

from benchmarks.speed.contract import FailedError, Job, NotAvailableError, Runner
from benchmarks.speed.jobs import JOBS


def private_stdout() -> TextIO:
    """The protocol's channel; what libraries print goes to stderr from now on."""
    channel = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return channel


def find(name: str) -> Job:
    """A job by its name; one that stands elsewhere by "package.module:NAME"."""
    return JOBS[name] if name in JOBS else pkgutil.resolve_name(name)


def build(job: Job, name: str, folder: Path) -> Runner:
    contender = job.contender(name)
    near = "." not in contender.build
    make = pkgutil.resolve_name(f"benchmarks.speed.contenders.{contender.build}" if near else contender.build)
    return make(folder, **contender.options)


def outcome(error: Exception) -> dict[str, str]:
    """An error as an answer; the whole of it goes to the worker's log."""
    traceback.print_exc()
    if isinstance(error, (FailedError, NotAvailableError)):
        status = "not available" if isinstance(error, NotAvailableError) else "failed"
        return {"status": status, "why": str(error)}
    if isinstance(error, ImportError):
        return {"status": "not installed", "why": str(error).splitlines()[0]}
    first = (str(error).splitlines() or [""])[0]
    return {"status": "failed", "why": f"{type(error).__name__}: {first}"}


class Post:
    """A contender at its work: whatever goes wrong is an answer, too."""

    def __init__(self, job: Job, name: str, folder: Path, tiny: bool):
        self.cases = {case.name: case for case in job.chosen(tiny)}
        self.ready: dict[str, Any] = {"status": "ok"}
        try:
            self.runner = build(job, name, folder)
        except Exception as error:  # noqa: BLE001 - the run goes on without this contender
            self.ready = outcome(error)

    def go(self, case: str) -> dict[str, Any]:
        """Run a case once."""
        gc.collect()
        try:
            figures = self.runner.run(self.cases[case])
            return {"status": "ok", "figures": {key: float(value) for key, value in figures.items()}}
        except Exception as error:  # noqa: BLE001
            return outcome(error)


def serve(post: Post, channel: TextIO) -> None:
    print(json.dumps(post.ready), file=channel, flush=True)
    for line in sys.stdin:
        print(json.dumps(post.go(json.loads(line)["go"])), file=channel, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="One contender of one job.")
    parser.add_argument("job", type=find)
    parser.add_argument("contender")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    channel = private_stdout()
    serve(Post(args.job, args.contender, args.folder, args.tiny), channel)


if __name__ == "__main__":
    main()
