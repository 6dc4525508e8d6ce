"""Which candidates are trained for how long: many for a few steps, the better ones for more, the best to the end.

Successive halving (Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
optimization"), with three differences.  Every fit of a round is a whole one, with its rise and fall of the
learning rate, because a fit that is cut off says little about one that is not.  The best candidate of
each latent size stays for the second round, because the curve of quality against size is an answer too.
And where a clock ends the search, every size has a turn before any has a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from narrows.tuning import space as spaces
from narrows.tuning.rounds import Bench, Trial, layers
from narrows.tuning.screen import Screen
from narrows.tuning.tuned import preferred

SHARES = (96, 12, 5)  # of a full fit's epochs, in the rounds before the last
UNTIL = (0.35, 0.55, 0.75)  # shares of the budget by whose end no more fits of those rounds begin
TOP = 3  # that stay for the second round, with the best of each latent size; or a tenth of all
BATCH = 6  # proposals that are asked for at once


@dataclass(eq=False)
class Halving:
    """All rounds: fewer candidates in each, for more epochs."""

    bench: Bench
    screen: Screen
    full: int  # epochs of a fit to the end
    prefer: str
    began: float
    proposals: Any
    most: int  # candidates of the first round
    near: int  # the latent size that is tried first

    def run(self, alive: list[spaces.Candidate]) -> None:
        lengths = sorted({max(1, round(self.full / by)) for by in SHARES} | {self.full})
        last = len(lengths) - 1
        done = self._one_of_each_size(alive, lengths[0])
        had = 0  # epochs of the candidates that are alive
        for number, epochs in enumerate(lengths):
            asking = self.proposals is not None and number == 0
            if number < last and len(alive) <= _kept(number, alive) and not asking and (number or not done):
                continue  # nobody would be sent home
            stop = self._stop(number - last)
            if number:
                epochs = self.bench.affordable(alive, epochs, stop)
                if number == last and done and epochs < self.full:  # not all to the end: the best alone
                    alive = _survivors(done, 2, self.prefer) or alive
                    epochs = self.bench.affordable(alive, self.full, stop)
                if stop is not None and epochs < (had + 1 if number == last else 2 * had):
                    # No time for more than they had, or not for much more: rather the few for longer.
                    alive = _survivors(done, number, self.prefer) or alive
                    continue
            begun = {id(trial.parameters) for trial in done} if number == 0 else set()
            left = [candidate for candidate in alive if id(candidate) not in begun]
            self.screen.round(epochs, len(left))
            made = self.bench.run(left, epochs, self.full, stop, self.screen)
            done = done + made if number == 0 else made or done
            if asking:
                done += self._proposed(done, epochs, stop)
            if made or number == 0:
                had = epochs
            if done and number < last:
                alive = _survivors(done, number, self.prefer)

    def _one_of_each_size(self, alive: Sequence[spaces.Candidate], epochs: int) -> list[Trial]:
        """Where a clock runs, a look at every size with the model's own other numbers, beginning with the
        likeliest: until the very end, because a size that was never tried could not be chosen."""
        if self.bench.deadline is None:
            return []
        first = spaces.one_of_each_size(alive, self.bench.base.get_params(), self.near)
        self.screen.round(epochs, len(first))
        return self.bench.run(first, epochs, self.full, self.bench.deadline, self.screen)

    def _stop(self, before_last: int) -> float | None:
        """When no more fits of a round begin, which is so many rounds before the last."""
        deadline = self.bench.deadline
        if deadline is None or not before_last:
            return deadline
        return self.began + UNTIL[before_last] * (deadline - self.began)

    def _proposed(self, done: list[Trial], epochs: int, stop: float | None) -> list[Trial]:
        """More trials of the first round, each batch proposed from how those before it did."""
        found: list[Trial] = []
        self.proposals.tell(done)
        while (left := self.most - len(done) - len(found)) > 0 and not self.bench.late(stop):
            made = self.bench.run(self.proposals.ask(min(BATCH, left)), epochs, self.full, stop, self.screen)
            self.proposals.tell(made)
            found += made
            if not made:
                break
        return found


def _kept(number: int, alive: Sequence[spaces.Candidate]) -> int:
    """How many of a round go on."""
    sizes = len({point.get("latent_dim") for point in alive})
    return (max(TOP, len(alive) // 10) + sizes - 1, 2, 1)[min(number, 2)]


def _survivors(done: list[Trial], number: int, prefer: str) -> list[spaces.Candidate]:
    """The best; after the first round also the best of each size, and before the last the best of other layers:
    narrow ones learn more slowly and may yet overtake."""
    ranked = sorted((t for t in done if t.usable), key=lambda t: -t.score)
    if not ranked:
        return []
    leader = preferred(ranked, prefer)
    first = [leader]
    if number == 0:
        sizes = {t.latent_dim: t for t in reversed(ranked)}
        first += [t for size, t in sizes.items() if size != leader.latent_dim]
    rest = [t for t in ranked if t not in first]
    kept = (first + rest)[: _kept(number, [t.parameters for t in done])]
    other = next(
        (
            t
            for t in ranked
            if t.latent_dim == leader.latent_dim and layers(t.parameters) != layers(leader.parameters)
        ),
        leader,
    )
    if number < 2 and other not in kept:
        kept.append(other)
    return [t.parameters for t in kept]
