"""Runs a job: one worker process per contender, asked in turn, so that all see the same machine.

A slow minute of a shared machine then falls on every contender of a round, and a ratio taken within
the round hardly notices it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.speed.contract import Case, Contender, Job
from benchmarks.speed.worker import Post

ROOT = Path(__file__).resolve().parents[2]
SETUP = 600.0  # seconds that imports and data may take
LIMIT = 1800.0  # seconds that one run may take
PAUSE = 0.5  # seconds between runs: workers of the last one spin for a while before they sleep
QUIET = {
    "CUDA_VISIBLE_DEVICES": "",  # all on the processor: not every peer has its GPU build
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONUNBUFFERED": "1",
}
Say = Callable[[str], None]


class Worker:
    """A worker process and the lines that go to it and come from it."""

    def __init__(self, job: Job, name: str, folder: Path, tiny: bool, env: Mapping[str, str]):
        self.log = folder / f"{name}.log"
        self.pending = b""
        command = [sys.executable, "-m", "benchmarks.speed.worker", job.name, name, str(folder)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command + ["--tiny"] * tiny,
                cwd=ROOT,
                env={**os.environ, **QUIET, **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # nothing is left behind to be written when a worker has died
            )

    def stop(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()  # ends the worker's loop
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        finally:
            self.process.stdout.close()

    def answer(self, limit: float) -> dict[str, Any]:
        """The next line, or what became of the worker instead."""
        assert self.process.stdout
        until = time.monotonic() + limit
        while b"\n" not in self.pending:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.process.kill()
                return {"status": "failed", "why": f"no answer within {limit:.0f} s"}
            part = os.read(self.process.stdout.fileno(), 65536)
            if not part:
                return {"status": "failed", "why": self.last_words()}
            self.pending += part
        line, _, self.pending = self.pending.partition(b"\n")
        return json.loads(line)

    def go(self, case: Case) -> dict[str, Any]:
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps({"go": case.name}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"status": "failed", "why": self.last_words()}
        return self.answer(LIMIT)

    def last_words(self) -> str:
        code = self.process.wait(10)
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return f"the process ended with {code}: {lines[-1] if lines else 'it said nothing'}"


class Inline:
    """A contender in this process: the tiny form, which times nothing, need not import torch anew for each."""

    def __init__(self, job: Job, name: str, folder: Path):
        self.post = Post(job, name, folder, tiny=True)

    def answer(self, limit: float) -> dict[str, Any]:
        return self.post.ready

    def go(self, case: Case) -> dict[str, Any]:
        return self.post.go(case.name)

    def stop(self) -> None:
        pass


def start(job: Job, c: Contender, folder: Path, tiny: bool) -> Worker | Inline:
    return Inline(job, c.name, folder) if tiny and not c.env else Worker(job, c.name, folder, tiny, c.env)


def missing(contender: Contender) -> str | None:
    """The first module that the contender needs and that is not there."""
    for module in contender.needs:
        if importlib.util.find_spec(module) is None:
            return module
    return None


def measure(job: Job, repeats: int, tiny: bool, say: Say, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every contender's outcome: {name: {label, status, why, cases: {case: [one dict per round]}}}.

    Round 0 comes on top of ``repeats``: it is a process's first, with what is compiled and warmed up then.

    Raises:
        OSError, ValueError: the data are not to be had.
    """
    chosen = [c for c in job.contenders if not only or c.name in only]
    outcomes: dict[str, Any] = {
        c.name: {"label": c.label, "status": "ok", "why": "", "cases": {}} for c in chosen
    }
    with TemporaryDirectory(prefix="narrows-bench-") as name:
        folder = Path(name)
        job.prepare(folder, tiny)
        workers: dict[str, Worker | Inline] = {}
        try:
            for c in chosen:
                if module := missing(c):
                    outcomes[c.name] |= {"status": "not installed", "why": f"no module {module}"}
                else:
                    workers[c.name] = start(job, c, folder, tiny)
            for c in chosen:
                if c.name in workers and (made := workers[c.name].answer(SETUP))["status"] != "ok":
                    outcomes[c.name] |= {"status": made["status"], "why": made["why"]}
                    workers.pop(c.name).stop()
            for outcome in outcomes.values():
                if outcome["status"] != "ok":
                    say(f"{job.name}: {outcome['label']}: {outcome['status']} ({outcome['why']})")
            play(job.chosen(tiny), workers, outcomes, repeats, 0.0 if tiny else PAUSE, say)
        finally:
            for worker in workers.values():
                worker.stop()
    return outcomes


def play(
    cases: tuple[Case, ...],
    workers: Mapping[str, Worker | Inline],
    outcomes: dict[str, Any],
    repeats: int,
    pause: float,
    say: Say,
) -> None:
    """All rounds; one that starts with another contender each time, so that none is always the first."""
    names = list(workers)
    for number in range(repeats + 1):
        turn = number % max(1, len(names))
        for case in cases:
            for name in names[turn:] + names[:turn]:
                time.sleep(pause)
                answer = workers[name].go(case)
                good = answer["status"] == "ok"
                row = answer["figures"] if good else {"status": answer["status"], "why": answer["why"]}
                outcomes[name]["cases"].setdefault(case.name, []).append(row)
                said = f"{row['value']:.4g} {case.unit}" if good else f"{row['status']}: {row['why']}"
                say(
                    f"round {number}/{repeats}  {case.title:34.34s}  {outcomes[name]['label']:34.34s}  {said}"
                )
