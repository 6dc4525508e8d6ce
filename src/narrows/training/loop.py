"""The training loop, to be read from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from narrows.contracts import Source
from narrows.engine import Crowd, Epoch, Member, Solo
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.sources import Memory
from narrows.training.checkpoint import Best
from narrows.training.progress import Screen, Several, reporter
from narrows.training.schedule import Schedule
from narrows.training.settings import STEPS, Settings

TRIES = 5  # returns to the last good weights before giving up
SKIPS = 0.1  # share of an epoch's steps that may be skipped before such a return
SLOWER = 0.3  # what a return does to the learning rate


class TrainingError(ValueError):
    """Training could not go on."""


@dataclass
class Progress:
    """What callbacks see, at the start, after every epoch and at the end.

    ``net`` is the network, between epochs with the mean of its recent weights; ``history`` has one
    dict per epoch; setting ``stop`` ends training after this epoch.  ``interrupted`` tells of Ctrl-C,
    ``kept`` at the end of the epoch whose weights the network has.
    """

    net: Net
    settings: Settings
    history: list[dict[str, float]] = field(default_factory=list)
    stop: bool = False
    reason: str = "all epochs done"
    interrupted: bool = False
    kept: int = 0


def train(
    net: Net,
    rows: Source,
    valid: Source | None,
    settings: Settings,
    seed: int,
    *,
    begun: bool = False,
    flat: bool = False,
) -> Progress:
    """Fit ``net`` to ``rows``; with ``valid``, stop by it and leave the best weights in place.  ``begun``:
    it was trained before, and goes on from there; ``flat``: at one rate, for it may go on again.

    Rows are visited in a new order every epoch.  The objective is summed over features and
    averaged over rows.
    """
    if not any(p.requires_grad for p in net.parameters()):
        if not begun:
            net.prepare(rows, generator(seed + 1, next(net.parameters()).device))
        elif flat:
            net.call_hook("absorb", net, rows)
        net.eval()
        return Progress(net, settings, reason="there is nothing to train: the model has a closed form")
    size = settings.batch(len(rows))
    plan = Plan.made(settings, rows.steps(size), valid is not None, flat)
    how = {
        "weight_decay": settings.weight_decay,
        "precision": settings.precision,
        "shown": bool(settings.callbacks),
        "begun": begun,
    }
    engine = Solo(net, rows, valid, size=size, total=plan.steps * plan.epochs, seed=seed, **how)
    run = course(net, plan, settings, engine.restart, reporter(settings.verbose))
    # Networks of the user's may draw from torch's own state.
    with seeded(seed + 3, next(net.parameters()).device):
        try:
            (state,) = conduct([run], lambda rates: [engine.epoch(rates[0])])
        finally:
            engine.close()
    if begun and flat:
        net.call_hook("absorb", net, rows)
    return state


def train_many(
    nets: Sequence[Net],
    rows: Memory,
    valid: Memory | None,
    settings: Sequence[Settings],
    seeds: Sequence[int],
) -> list[Progress]:
    """:func:`train` for several networks of one shape, side by side; they must agree in batch size,
    weight decay and precision."""
    size = settings[0].batch(len(rows))
    plans = [Plan.made(s, rows.steps(size), valid is not None) for s in settings]
    members = [
        Member(net, rows, seed, plan.steps * plan.epochs)
        for net, seed, plan in zip(nets, seeds, plans, strict=True)
    ]
    how = {"weight_decay": settings[0].weight_decay, "precision": settings[0].precision}
    crowd = Crowd(members, rows, valid, size=size, shown=any(s.callbacks for s in settings), **how)
    screen = Several(reporter(max(s.verbose for s in settings)), len(nets))
    runs = [
        course(m.net, plan, s, partial(crowd.restart, m), screen)
        for m, plan, s in zip(members, plans, settings, strict=True)
    ]

    def epoch(rates: dict[int, list[float]]) -> list[Epoch]:
        crowd.keep([members[i] for i in rates])
        return crowd.epoch(list(rates.values()))

    try:
        with seeded(seeds[0] + 3, next(nets[0].parameters()).device):
            return conduct(runs, epoch)
    finally:
        crowd.keep([])
        screen.close()


def conduct(
    runs: Sequence[Generator[list[float], Epoch, Progress]],
    epoch: Callable[[dict[int, list[float]]], list[Epoch]],
) -> list[Progress]:
    """Run every course to its end: ``epoch`` trains those that go on, given their rates by number."""
    ends: dict[int, Progress] = {}

    def ask(which: Iterable[int], how: Callable[[int], list[float]]) -> dict[int, list[float]]:
        rates = {}
        for i in which:
            try:
                rates[i] = how(i)
            except StopIteration as end:
                ends[i] = end.value
        if rates and any(end.interrupted for end in ends.values()):  # one was asked to stop: all are
            return ask(rates, lambda i: runs[i].throw(KeyboardInterrupt()))
        return rates

    try:
        rates = ask(range(len(runs)), lambda i: next(runs[i]))
        while rates:
            try:
                answers = dict(zip(rates, epoch(rates), strict=True))
            except BaseException as error:  # noqa: BLE001 - the courses decide what is left of the fit, also on Ctrl-C
                rates = ask(rates, lambda i, error=error: runs[i].throw(error))
            else:
                rates = ask(rates, lambda i, answers=answers: runs[i].send(answers[i]))
    finally:
        for run in runs:
            run.close()
    return [ends[i] for i in range(len(runs))]


@dataclass(frozen=True)
class Plan:
    """How long a fit means to be: ``epochs`` of ``steps`` each; ``stoppable`` by held-out rows; ``flat``:
    at one rate."""

    steps: int
    epochs: int
    stoppable: bool
    flat: bool = False

    @classmethod
    def made(cls, settings: Settings, steps: int, held_out: bool, flat: bool = False) -> Plan:
        stoppable = held_out and settings.patience is not None
        planned = max(math.ceil(STEPS / steps), settings.patience) if stoppable else settings.max_epochs
        return cls(steps, min(settings.max_epochs, planned), stoppable, flat)


def course(
    net: Net, plan: Plan, settings: Settings, restart: Callable[[], None], screen: Screen
) -> Generator[list[float], Epoch, Progress]:
    """All that a fit decides: yields the rates of an epoch's steps, is sent what came of it.

    A generator, so that the same decisions steer one network or each of many trained side by side.
    """
    state = Progress(net, settings)
    steps, epochs, total = plan.steps, plan.epochs, plan.steps * plan.epochs
    schedule = Schedule(settings.rate(net, total), total, plan.flat)
    if epochs < settings.max_epochs:
        state.reason = f"the {epochs} epochs planned are done; patience=None trains all {settings.max_epochs}"
    best, slow, tries, step, turned = Best(net), 1.0, 0, 0, 0
    best.keep(-1)  # the weights to return to before the first epoch is done
    call(settings.callbacks, "on_fit_start", state)
    screen.start(epochs)
    try:
        for epoch in range(1, epochs + 1):
            if state.stop:  # what it begins with is what somebody wants
                state.reason = "a callback asked for it"
                break
            began = time.perf_counter()
            rates = [slow * schedule.rate(step + i) for i in range(steps)]
            done = yield rates
            step += steps
            row = {"epoch": epoch, "loss": sum(done.terms.values()), **done.terms, "learning_rate": rates[-1]}
            if done.monitor is not None:
                row["val_loss"] = done.monitor

            if done.skipped > SKIPS or not math.isfinite(row.get("val_loss", 0.0)):
                tries += 1
                if tries > TRIES:
                    raise TrainingError(
                        f"The loss stayed infinite or NaN after {TRIES} returns to the last good weights with ever"
                        f" lower rates (last {rates[-1]:.1e}): look for extreme values in the data or pass"
                        " scale='robust'."
                    )
                best.restore()
                restart()
                slow *= SLOWER
            elif done.monitor is None:
                best.keep(epoch)
            else:
                best.offer(done.monitor, epoch)

            row["seconds"] = time.perf_counter() - began
            state.history.append(row)
            if not all(getattr(module, "settled", True) for module in net.modules()):
                turned = epoch  # the objective still moves away from the monitor: no time to ask
            if plan.stoppable and epoch - max(best.epoch, turned) >= settings.patience:
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
        state.interrupted = True
    except GeneratorExit:  # another one, trained beside it, failed
        screen.stop("stopped with the others")
        raise
    except BaseException:
        screen.stop("stopped by an error")
        raise
    if tries and best.epoch < 0:
        raise TrainingError(
            f"Not one of {len(state.history)} epochs had a finite loss: look for extreme values in the data or pass"
            " scale='robust'."
        )
    best.restore()
    state.kept = max(best.epoch, 0)
    net.zero_grad(set_to_none=True)
    net.eval()
    seconds = sum(row["seconds"] for row in state.history)
    screen.stop(f"{len(state.history)} epochs in {seconds:.1f} s ({state.reason})")
    call(settings.callbacks, "on_fit_end", state)
    return state


def call(callbacks: tuple[Any, ...], name: str, state: Progress) -> None:
    """Call that method of every callback that has it."""
    for callback in callbacks:
        method = getattr(callback, name, None)
        if method is not None:
            method(state)
