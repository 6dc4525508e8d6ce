"""A job whose contenders fail in every way that a library can, for ``test_speed``."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.speed.contract import Aim, Case, Contender, FailedError, Figures, Job, NotAvailableError

HERE = "tests.benchmarks.broken"


class Fine:
    """Prints, as libraries do, and answers with ever larger figures."""

    def __init__(self, folder: Path, start: float) -> None:
        self.value = start

    def run(self, case: Case) -> Figures:
        print("chatter on stdout")
        self.value += 1
        return {"value": self.value, "quality": 1.0}


class NotThere:
    def __init__(self, folder: Path) -> None:
        raise ImportError("No module named 'elsewhere'")


class Unable:
    def __init__(self, folder: Path) -> None:
        raise NotAvailableError("it has no such verb")


class Raises(Fine):
    def run(self, case: Case) -> Figures:
        raise ZeroDivisionError("one\ntwo")


class Short(Fine):
    def run(self, case: Case) -> Figures:
        raise FailedError("it did not get there")


class Dies(Fine):
    def run(self, case: Case) -> Figures:
        os._exit(7)


def prepare(folder: Path, tiny: bool) -> None:
    (folder / "made").touch()


def absent(folder: Path, tiny: bool) -> None:
    raise OSError("the data are not on this machine; set NARROWS_DATA.")


START = {"start": 10.0}
CASES = (Case("one", "one case", "s"),)
JOB = Job(
    name=f"{HERE}:JOB",
    title="A broken job",
    words="Fails in every way.",
    quality="nothing",
    cases=CASES,
    tiny=CASES,
    contenders=(
        Contender("narrows", "Fine", f"{HERE}:Fine", START),
        Contender("slower", "Fine, too", f"{HERE}:Fine", {"start": 30.0}),
        Contender("needy", "Needs what is not there", f"{HERE}:Fine", START, needs=("no_such_module",)),
        Contender("lost", "Not there", f"{HERE}:NotThere"),
        Contender("unable", "Unable", f"{HERE}:Unable"),
        Contender("raises", "Raises", f"{HERE}:Raises", START),
        Contender("short", "Falls short", f"{HERE}:Short", START),
        Contender("dies", "Dies", f"{HERE}:Dies", START),
    ),
    prepare=prepare,
    aims=(Aim("one", "against the other", ("slower",), 2.0), Aim("one", "against nobody", ("raises",), 1.0)),
)
ABSENT = Job(
    name=f"{HERE}:ABSENT",
    title="",
    words="",
    quality="",
    cases=CASES,
    tiny=CASES,
    contenders=JOB.contenders[:1],
    prepare=absent,
)
