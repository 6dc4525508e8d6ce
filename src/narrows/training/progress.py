"""What a person sees while a fit runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINES = 10  # about so many lines for a whole fit when there is no terminal


class Screen(Protocol):
    """Where the course of a fit is shown."""

    def start(self, epochs: int) -> None: ...
    def epoch(self, row: dict[str, Any], planned: int) -> None: ...
    def stop(self, message: str) -> None: ...


class Silent:
    """verbose=0."""

    def start(self, epochs: int) -> None: ...
    def epoch(self, row: dict[str, Any], planned: int) -> None: ...
    def stop(self, message: str) -> None: ...


def describe(row: dict[str, Any]) -> str:
    """One epoch in a few words."""
    parts = [f"loss {row['loss']:.5g}"]
    if "val_loss" in row:
        parts.append(f"validation {row['val_loss']:.5g}")
    return "  ".join([*parts, f"rate {row['learning_rate']:.1e}"])


class Bar:
    """A progress bar with loss, rate and the time that is left."""

    def __init__(self, console: Console):
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, TextColumn("{task.fields[figures]}"), console=console)

    def start(self, epochs: int) -> None:
        self.progress.start()
        self.task = self.progress.add_task("epoch", total=epochs, figures="")

    def epoch(self, row: dict[str, Any], planned: int) -> None:
        self.progress.update(self.task, completed=row["epoch"], total=planned, figures=describe(row))

    def stop(self, message: str) -> None:
        self.progress.stop()
        self.progress.console.print(message)


class Lines:
    """A line now and then, for logs and notebooks."""

    def start(self, epochs: int) -> None:
        self.began, self.printed = time.monotonic(), 0

    def epoch(self, row: dict[str, Any], planned: int) -> None:
        if (
            row["epoch"] == 1
            or row["epoch"] - self.printed >= max(1, planned // LINES)
            or row["epoch"] == planned
        ):
            self.printed = row["epoch"]
            seconds = time.monotonic() - self.began
            left = seconds / row["epoch"] * (planned - row["epoch"])
            print(f"epoch {row['epoch']}/{planned}  {describe(row)}  {seconds:.1f} s, about {left:.1f} s left",
                  file=sys.stderr, flush=True)  # fmt: skip

    def stop(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)


class Several:
    """One screen for networks that are trained side by side: it shows how far they are, and ends with the
    last of them."""

    def __init__(self, screen: Screen, networks: int):
        self.screen, self.networks, self.left, self.at = screen, networks, networks, 0
        self.running = False

    def start(self, epochs: int) -> None:
        if not self.running:
            self.running = True
            self.screen.start(epochs)

    def epoch(self, row: dict[str, Any], planned: int) -> None:
        if row["epoch"] > self.at:
            self.at = row["epoch"]
            self.screen.epoch(row, planned)

    def stop(self, message: str) -> None:
        self.left -= 1
        if not self.left:
            self.running = False
            self.screen.stop(f"{self.networks} networks side by side, the last: {message}")

    def close(self) -> None:
        """End it where a failure came before all of them had begun."""
        if self.running:
            self.running = False
            self.screen.stop("stopped by an error")


def reporter(verbose: int) -> Screen:
    """The one that suits ``verbose`` and where standard error goes."""
    if not verbose:
        return Silent()
    console = Console(stderr=True)
    return Bar(console) if console.is_terminal else Lines()
