"""Measure speeds side by side.

python -m benchmarks.speed [job ...] [--repeats 5] [--tiny] [--out docs]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.speed import conductor, document, machine, page, picture, screen
from benchmarks.speed.jobs import JOBS
from narrows.atomic import atomic_path

REPEATS = 5


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description="Measure Narrows beside its peers and write benchmarks.json, .md and pictures.",
    )
    parser.add_argument(
        "jobs", nargs="*", metavar="job", help=f"any of {', '.join(JOBS)}; all of them by default"
    )
    parser.add_argument(
        "--repeats", type=int, default=REPEATS, help="rounds after the first (default %(default)s)"
    )
    parser.add_argument(
        "--tiny", action="store_true", help="small data and few epochs: right answers, no speeds"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("docs"), help="folder to write to (default %(default)s)"
    )
    parser.add_argument(
        "--contenders", nargs="+", default=[], metavar="NAME", help="only these, to try something out"
    )
    args = parser.parse_args(argv)
    if unknown := [name for name in args.jobs if name not in JOBS]:
        parser.error(f"there is no job {unknown[0]!r}: choose from {', '.join(JOBS)}.")
    if args.repeats < 1:
        parser.error(f"--repeats {args.repeats} measures nothing: pass 1 or more.")
    if not args.out.is_dir():
        parser.error(f"there is no folder {str(args.out)!r} to write to: make it first.")
    return args


def write(out: Path, results: dict) -> None:
    """The document, the page and the pictures, each wholly or not at all."""
    (out / "images").mkdir(exist_ok=True)
    with atomic_path(out / "benchmarks.json") as path:
        path.write_text(document.text(results))
    picture.draw(results, out / "images")
    with atomic_path(out / "benchmarks.md") as path:
        path.write_text(page.render(results))


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    try:
        results = document.read(args.out / "benchmarks.json")
        for name in args.jobs or JOBS:
            job, before, began = JOBS[name], machine.load(), time.monotonic()
            outcomes = conductor.measure(job, args.repeats, args.tiny, progress, tuple(args.contenders))
            took = time.monotonic() - began
            entry = document.entry(job, args.tiny, args.repeats, outcomes, before, took)
            # After every job, so that one that breaks off later costs nothing that was measured.
            results = document.merged(results, {name: entry}, list(JOBS))
            write(args.out, results)
            print(screen.show(entry), flush=True)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the jobs that were done are kept", file=sys.stderr)
        return 130
    return 0


def progress(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
