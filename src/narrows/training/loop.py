"""The training loop, to be read from top to bottom."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from narrows.contracts import Source
from narrows.net import Net
from narrows.numerics import generator
from narrows.training.checkpoint import Best
from narrows.training.optimizer import Guard, make_adam
from narrows.training.progress import reporter
from narrows.training.schedule import Schedule
from narrows.training.settings import Settings

TRIES = 5  # returns to the last good weights before giving up
SKIPS = 0.1  # share of an epoch's steps that may be skipped before such a return
SLOWER = 0.3  # what a return does to the learning rate
MONITOR_ROWS = 4096  # per step of the monitor
STEPS = 5000  # that a fit which may stop early plans for, if max_epochs allows


class TrainingError(ValueError):
    """Training could not go on."""


@dataclass
class Progress:
    """What callbacks see, at the start, after every epoch and at the end.

    ``net`` is the network in training, ``history`` one dict per epoch; setting ``stop`` ends
    training after this epoch.
    """

    net: Net
    settings: Settings
    history: list[dict[str, float]] = field(default_factory=list)
    stop: bool = False
    reason: str = "all epochs done"


def train(net: Net, rows: Source, valid: Source | None, settings: Settings, seed: int) -> Progress:
    """Fit ``net`` to ``rows``; with ``valid``, stop by it and leave the best weights in place.

    Rows are visited in a new order every epoch.  The objective is summed over features and
    averaged over rows.  The host waits for the device once an epoch,
    and once for its monitor.
    """
    state = Progress(net, settings)
    device = next(net.parameters()).device
    order, noise = generator(seed), generator(seed + 1, device)
    net.call_hook("prepare", net, rows, noise)

    size = settings.batch(len(rows))
    steps = rows.steps(size)
    stoppable = valid is not None and settings.patience is not None
    planned = max(math.ceil(STEPS / steps), settings.patience) if stoppable else settings.max_epochs
    epochs = min(settings.max_epochs, planned)
    total = steps * epochs
    schedule = Schedule(settings.rate(net), total)
    guard = Guard(make_adam(net, settings.weight_decay))
    on_step, on_epoch = list(net.hooks("on_step")), list(net.hooks("on_epoch"))
    if epochs < settings.max_epochs:
        state.reason = f"the {epochs} epochs planned are done; patience=None trains all {settings.max_epochs}"
    best, slow, tries, step, turned = Best(net), 1.0, 0, 0, 0
    best.keep(-1)  # the weights to return to before the first epoch is done
    screen = reporter(settings.verbose)
    call(settings.callbacks, "on_fit_start", state)
    screen.start(epochs)
    try:
        for epoch in range(1, epochs + 1):
            began = time.perf_counter()
            tally = Tally(device)
            net.train()
            for batch in rows.batches(size, order):
                rate = slow * schedule.rate(step)
                p = net(batch.x, noise, x_in=batch.x_in, side=batch.side, dropout=noise)
                terms = net.terms(p)
                loss = torch.stack(list(terms.values())).sum()
                loss.backward()
                skipped = guard.step(loss, rate)
                tally.add(terms, len(batch.x), skipped)
                step += 1
                for hook in on_step:
                    hook(net, step, total)
            for hook in on_epoch:
                hook(net, epoch)
            row = {"epoch": epoch, **tally.means(), "learning_rate": rate}
            if valid is not None:
                row["val_loss"] = monitor(net, valid, seed + 2)

            if tally.skipped > SKIPS * tally.steps or not math.isfinite(row.get("val_loss", 0.0)):
                tries += 1
                if tries > TRIES:
                    raise TrainingError(
                        f"The loss stayed infinite or NaN after {TRIES} returns to the last good weights with ever"
                        f" lower rates (last {rate:.1e}): look for extreme values in the data or pass scale='robust'."
                    )
                best.restore()
                guard, slow = Guard(make_adam(net, settings.weight_decay)), slow * SLOWER
            elif valid is None:
                best.keep(epoch)
            else:
                best.offer(row["val_loss"], epoch)

            row["seconds"] = time.perf_counter() - began
            state.history.append(row)
            if not all(getattr(module, "settled", True) for module in net.modules()):
                turned = epoch  # the objective still moves away from the monitor: no time to ask
            if stoppable and epoch - max(best.epoch, turned) >= settings.patience:
                # First the rate comes down, which nearly always gains once more; then it is over.
                state.reason = f"no gain in {settings.patience} epochs"
                state.stop = schedule.cooling(step)
                schedule.finish(step)
                turned = epoch
            stop = state.stop
            call(settings.callbacks, "on_epoch_end", state)
            if state.stop and not stop:
                state.reason = "a callback asked for it"
            last = min(epochs, epoch + math.ceil((schedule.end - step) / steps))
            screen.epoch(row, epoch if state.stop else last)
            if state.stop or step >= schedule.end:
                break
    except KeyboardInterrupt:
        if not state.history:
            screen.stop("interrupted before the first epoch was done")
            raise
        state.stop, state.reason = True, "interrupted: the best model so far is kept"
    except BaseException:
        screen.stop("stopped by an error")
        raise
    if tries and best.epoch < 0:
        raise TrainingError(
            f"Not one of {len(state.history)} epochs had a finite loss: look for extreme values in the data or pass"
            " scale='robust'."
        )
    best.restore()
    net.zero_grad(set_to_none=True)
    net.eval()
    seconds = sum(row["seconds"] for row in state.history)
    screen.stop(f"{len(state.history)} epochs in {seconds:.1f} s ({state.reason})")
    call(settings.callbacks, "on_fit_end", state)
    return state


class Tally:
    """An epoch's sums, on the device until the epoch is over."""

    def __init__(self, device: torch.device):
        self.names: list[str] = []
        self.sums = torch.zeros((), device=device)
        self.steps, self.skipped = 0, 0.0

    def add(self, terms: dict[str, Tensor], rows: int, skipped: Tensor) -> None:
        """A step's terms, if it counted."""
        self.names = list(terms)
        values = torch.stack([*terms.values(), skipped.new_ones(())]).detach() * rows
        counted = torch.where(skipped > 0, 0.0, values)
        self.sums = self.sums + torch.cat([counted, skipped[None]])
        self.steps += 1

    def means(self) -> dict[str, float]:
        """Each term's mean over the rows of steps that counted, and their sum, the loss."""
        *sums, rows, self.skipped = self.sums.tolist()  # the one wait of the epoch
        means = {name: s / rows if rows else math.nan for name, s in zip(self.names, sums, strict=True)}
        return {"loss": sum(means.values()), **means}


@torch.no_grad()
def monitor(net: Net, rows: Source, seed: int) -> float:
    """The objective at its final weights on held-out rows, corrupted and sampled the same way every epoch."""
    net.eval()
    noise = generator(seed, next(net.parameters()).device)
    total, count = 0.0, 0
    for batch in rows.batches(MONITOR_ROWS):
        terms = net.terms(net(batch.x, noise, x_in=batch.x_in, side=batch.side))
        total = total + sum(terms.values()) * len(batch.x)
        count += len(batch.x)
    return float(total) / count


def call(callbacks: tuple[Any, ...], name: str, state: Progress) -> None:
    """Call that method of every callback that has it."""
    for callback in callbacks:
        method = getattr(callback, name, None)
        if method is not None:
            method(state)
