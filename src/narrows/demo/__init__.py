"""``narrows demo``: every recipe for pictures on real digits, one table, one page with pictures."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from pathlib import Path

from narrows import datasets
from narrows.atomic import atomic_path, check_target
from narrows.demo.plan import trials
from narrows.demo.screen import Screen
from narrows.demo.story import page
from narrows.demo.work import noise_test, train

__all__ = ["run"]

REPORT, MODEL = "report.html", "variational.safetensors"


def run(out: str | os.PathLike[str] = "narrows-demo", seed: int = 0, epochs: int | None = None) -> Path:
    """Train every recipe for pictures on the digits that scikit-learn ships, and write ``out``/report.html.

    Prints one table, shows progress on standard error, and keeps the variational model beside the report.
    ``epochs`` replaces the number that each recipe is planned for.

    Returns the path of the report.

    Raises:
        OSError: ``out`` cannot be written; known before anything is trained.
    """
    report, model = _targets(Path(out))
    began = time.perf_counter()
    plan = trials(epochs)
    screen = Screen(plan)
    results = train(plan, datasets.digits(), seed, screen)
    noisy = noise_test(results, seed)
    screen.table(results, noisy)

    results["variational"].ae.save(model)
    commands = _next(str(model))
    text = page(results, noisy, seed, time.perf_counter() - began, commands).html()
    with atomic_path(report) as path:
        path.write_text(text, encoding="utf-8")
    screen.end(
        report, time.perf_counter() - began, [_program() + line.removeprefix("narrows") for line in commands]
    )
    return report


def _targets(out: Path) -> tuple[Path, Path]:
    """The two files to write, in a folder that exists by now."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(
            f"cannot write to '{out}': a file is in the way; give the name of a folder."
        ) from None
    for path in (out / REPORT, out / MODEL):
        check_target(path)
    return out / REPORT, out / MODEL


def _next(model: str) -> list[str]:
    """What to try on the model that was kept."""
    name = shlex.quote(model)
    return [
        f"narrows evaluate {name} digits:test",
        f"narrows sample {name} -n 16 --out new-digits.npy",
        f"narrows transform {name} digits --out codes.csv",
    ]


def _program() -> str:
    """How this installation's program is called from here: it may not be on the search path."""
    if shutil.which("narrows"):
        return "narrows"
    python = Path(sys.executable)
    beside = python.with_name("narrows")
    path = str(beside if beside.is_file() else python)
    near = os.path.relpath(path)
    return shlex.quote(path if near.startswith("..") else near) + ("" if beside.is_file() else " -m narrows")
