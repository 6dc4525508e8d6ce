"""What a person sees while a search runs: a bar on a terminal, a line for each round elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Screen:
    """Nothing at all where ``verbose`` is 0."""

    def __init__(self, verbose: int):
        self.verbose = verbose
        self.bar: Progress | None = None
        console = Console(stderr=True)
        if verbose and console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self.bar = Progress(*columns, TextColumn("{task.fields[best]}"), console=console)
            self.bar.start()

    def round(self, epochs: int, candidates: int) -> None:
        what = f"{candidates} candidate{'s' * (candidates > 1)}, {epochs} epoch{'s' * (epochs > 1)}"
        if self.bar is not None:
            self.task = self.bar.add_task(what, total=candidates, best="")
        elif self.verbose:
            print(what, file=sys.stderr, flush=True)

    def done(self, count: int, best: Any) -> None:
        """``best`` is the best trial so far."""
        if self.bar is not None:
            words = "" if best is None else f"best {best.score:.5g}, {best.latent_dim} latents"
            self.bar.update(self.task, advance=count, best=words)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()

    def say(self, words: str) -> None:
        if self.verbose:
            print(words, file=sys.stderr, flush=True)
