"""What the demo shows in a terminal: progress on standard error, the table on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from narrows.demo.plan import MAP, Trial
from narrows.demo.work import NoiseTest, Outcome, Results, pca_cell, verdict


class Screen:
    """A bar over all epochs of all models on a terminal; a line for each model elsewhere."""

    def __init__(self, plan: Sequence[Trial]):
        self.plan = plan
        self.done_epochs = self.number = 0
        self.err = Console(stderr=True, highlight=False)
        self.out = Console(highlight=False)
        self.width = len(str(len(plan)))
        self.bar: Progress | None = None
        if self.err.is_terminal:
            self.bar = Progress(
                TextColumn("{task.fields[count]}"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[epoch]}"),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
                console=self.err,
                transient=True,
                expand=False,
            )
            self.task = self.bar.add_task("", total=sum(t.epochs for t in plan), count="", epoch="")
            self.bar.start()

    def begin(self, trial: Trial) -> None:
        self.trial, self.number = trial, self.number + 1
        self.epoch(0)

    def epoch(self, number: int) -> None:
        if self.bar is not None:
            self.bar.update(
                self.task, completed=self.done_epochs + number, description=_title(self.trial),
                count=f"{self.number}/{len(self.plan)}", epoch=f"epoch {number}/{self.trial.epochs}",
            )  # fmt: skip

    def done(self, outcome: Outcome) -> None:
        self.done_epochs += outcome.trial.epochs
        self.err.print(
            f"{self.number:>{self.width}}/{len(self.plan)}  {_title(outcome.trial):27}"
            f"  MSE {outcome.scores['mse']:6.2f}  {outcome.seconds:5.1f} s",
            markup=False,
        )

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()

    def table(self, results: Results, noisy: NoiseTest) -> None:
        """Every recipe with PCA beside it, and what to make of that."""
        images = results.data
        rows = Table(box=None, padding=(0, 2, 0, 0))
        rows.add_column("recipe")
        for name in ("latent size", "MSE", "PCA's MSE", "time"):
            rows.add_column(name, justify="right", no_wrap=True)
        for o in results:
            mse = f"{o.scores['mse']:.2f}"
            rows.add_row(
                o.trial.title, str(o.ae.latent_dim_), f"[bold]{mse}[/]" if o.beats_pca else mse, pca_cell(o),
                f"{o.seconds:.1f} s",
            )  # fmt: skip
        self.out.print()
        self.out.print(
            f"Mean squared error per pixel (from 0 to 16) on {len(images.x_test)} digits that no model has seen",
            style="bold",
        )
        self.out.print(rows)
        for sentence in verdict(results, noisy):
            self.out.print(sentence.replace("`", ""), markup=False)

    def end(self, report: Path, seconds: float, commands: Sequence[str]) -> None:
        """Where the page is, and what to try next."""
        self.out.print(
            f"\nwrote {report} in {seconds:.0f} s: open it in a browser. What next:",
            markup=False,
            soft_wrap=True,
        )
        for command in commands:
            self.out.print(f"    {command}", markup=False, soft_wrap=True)


def _title(trial: Trial) -> str:
    return "variational, 2 latents" if trial.title == MAP else trial.title
