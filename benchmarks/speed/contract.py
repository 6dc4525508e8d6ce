"""What a job, a case, a contender and an aim are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

# What one run of one contender in one case gives: "value" (the speed, in the case's unit), "quality"
# (so that speed is not bought with it) and whatever else the job names in ``also``.
Figures = dict[str, float]


class NotAvailableError(Exception):
    """A contender that is installed but cannot do what is asked: its message says why, in one sentence."""


class FailedError(Exception):
    """A run that came to its end without a figure: its message says why, in one sentence."""


@dataclass(frozen=True)
class Case:
    """One question of a job: every contender answers it in every round."""

    name: str
    title: str
    unit: str
    params: Mapping[str, Any] = field(default_factory=dict)
    higher: bool = False  # whether a larger value is better, as of a rate


class Runner(Protocol):
    """A contender at work, in a process of its own."""

    def run(self, case: Case) -> Figures:
        """Do it once, from the start, and say how long it took and how good the answer is."""


@dataclass(frozen=True)
class Contender:
    """A library's way to do a job.

    ``build``    "module:Class" in ``benchmarks.speed.contenders`` (or a full path), called as
                 ``Class(folder, **options)`` in the worker, once; what it imports and loads is not timed.
    ``needs``    modules that must be installed.
    ``env``      variables of the worker's environment, set before anything is imported.
    """

    name: str
    label: str
    build: str
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Aim:
    """The ratio of ``ours`` to the best of ``peers`` in a case, above 1 where ours is faster.

    ``peers`` are beginnings of contenders' names.  ``figure`` is what of ours is compared with their
    value; without ``at_least`` the ratio is shown and nothing is asked of it.
    """

    case: str
    words: str
    peers: tuple[str, ...]
    at_least: float | None = None
    ours: str = "narrows"
    figure: str = "value"


@dataclass(frozen=True)
class Ceiling:
    """A figure of ours that must not exceed a limit, whatever others do."""

    case: str
    words: str
    at_most: float
    ours: str = "narrows"
    figure: str = "value"


@dataclass(frozen=True)
class Job:
    """One thing that is done by several contenders on the same data and the same network.

    ``words``      what it is, for a reader who has not seen the code.
    ``quality``    what the figure "quality" is; smaller is better.
    ``tiny``       its cases where only correctness is asked for.
    ``prepare``    writes the data into a folder that all workers are given: ``prepare(folder, tiny)``.
    ``also``       names of further figures and what they are.
    ``reference``  the contender whose quality Narrows' must not fall behind by more than 1%.
    ``growth``     whether the cases are points of curves, drawn and not compared.
    """

    name: str
    title: str
    words: str
    quality: str
    cases: tuple[Case, ...]
    tiny: tuple[Case, ...]
    contenders: tuple[Contender, ...]
    prepare: Callable[[Path, bool], None]
    aims: tuple[Aim | Ceiling, ...] = ()
    also: Mapping[str, str] = field(default_factory=dict)
    reference: str | None = None
    growth: bool = False

    def chosen(self, tiny: bool) -> tuple[Case, ...]:
        return self.tiny if tiny else self.cases

    def contender(self, name: str) -> Contender:
        return next(c for c in self.contenders if c.name == name)
