"""The search: many candidates for a few steps, the better ones for more, the best to the end.

Successive halving (Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
optimization"), with two differences.  Every fit of a round is a whole one, with its rise and fall of the
learning rate, because a fit that is cut off says little about one that is not.  And the best candidate of
each latent size stays for the second round, because the curve of quality against size is an answer too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from narrows import recipes
from narrows.baseline import principal
from narrows.estimators import Autoencoder
from narrows.estimators._fitting import described, introduce, loaded, order_of, seed_of
from narrows.inputs.design import design
from narrows.training.data import prepare
from narrows.training.loop import Plan
from narrows.tuning import space as spaces
from narrows.tuning.held import split
from narrows.tuning.rounds import Bench, Trial, layers
from narrows.tuning.screen import Screen
from narrows.tuning.tuned import Tuned, preferred

SECONDS = 60.0  # where neither budget nor trials are given
SHARES = (48, 10, 4)  # of a full fit's epochs, in the rounds before the last
UNTIL = (0.35, 0.55, 0.75)  # shares of the budget by whose end no more fits of those rounds begin
TOP = 3  # that stay for the second round, with the best of each latent size; or a tenth of all
MOST = 120  # candidates where only time limits them
BATCH = 6  # proposals that are asked for at once
ENOUGH = 0.99  # of the variance, in as many principal components as the largest code tried has numbers

Recipe = str | Callable[..., Autoencoder] | Autoencoder


def tune(
    X: Any,
    recipe: Recipe = "deep",
    *,
    budget: float | None = None,
    trials: int | None = None,
    latent_dim: Any = None,
    space: spaces.Space | None = None,
    prefer: str = "best",
    search: str = "halving",
    random_state: Any = 0,
    verbose: int = 0,
) -> Tuned:
    """Choose latent size, widths, learning rate, noise and weights of penalties by rows held out, and fit.

    Candidates are judged by their ``score`` on a tenth of the rows (of fewer than 2,000 up to a fifth), in
    nats as ``Autoencoder.score`` has it: under least squares the order of the errors, for a variational
    model that of the bound on log p(x), whatever β was trained with.  A model with a corruption is judged by
    how it restores rows that are corrupted as the recipe says, whatever it was trained with; a penalty is
    not part of the score: its weight is chosen as a regulariser, so name it in ``space`` with one value
    where it is there for another reason.

    Parameters
    ----------
    X : whatever ``fit`` takes.  Of more than 10,000 rows as many are compared on; the choice is fitted to all.
    recipe : the name of a recipe, a function that returns an Autoencoder, or one.
    budget : float
        Seconds; the search is planned to end within them, 60 where nothing is said.  What a clock decides
        differs from run to run: with ``trials`` alone one ``random_state`` means the same result.
    trials : int
        Candidates of the first round.
    latent_dim : int or list of int
        Sizes to try.  By default, where the recipe says "auto", powers of two up to as many principal
        components as hold 99% of the variance, 64 at most; where a recipe names a number, that, its half and
        its quarter; an Autoencoder's own number stays.
    space : dict
        All that is tried, instead of the default: by name of a parameter (as in ``set_params``:
        ``backbone__hidden``, ``bottleneck__beta``) a list of values, or a tuple (low, high) for numbers
        between them, evenly on a logarithmic scale.
    prefer : "best" or "small"
        Larger codes nearly always reconstruct better.  "small" takes the smallest code that is within one
        standard error of the best (Breiman et al. 1984) or gives up at most a twentieth of what the best
        gains over the smallest code.
    search : "halving" or "optuna"
        Where the first round's candidates come from: spread evenly over the space; or a third of them, and
        the others proposed by Optuna's TPE sampler from how those did (extra ``narrows[tune]``).
    random_state : int; also that of the model.
    verbose : 1 shows progress.

    Ctrl-C ends the search and keeps the best so far.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(150, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(150, 6))
    >>> found = tune(X, Autoencoder(2, backbone="mlp", max_epochs=20), trials=4)
    >>> found.best_.latent_dim_, [point["latent_dim"] for point in found.curve]
    (2, [2])
    """
    began = time.perf_counter()
    _check(budget, trials, prefer, search)
    if budget is None and trials is None:
        budget = SECONDS
    seed = seed_of(random_state)
    base, own_size = _model(recipe)
    base.set_params(random_state=seed)
    X = loaded(X)
    order = order_of(base, X)
    schema = order.spec.input.learn(X)
    parts = split(schema.rows(X), seed)
    bench = Bench(base, order.spec, schema, parts, seed, None if budget is None else began + budget)
    own = latent_dim is not None or (space is not None and "latent_dim" in space)
    if space is None:
        components = 1 if own or base.latent_dim != "auto" else _components(order, schema, parts)
        chosen = spaces.axes(base, order.spec, components, own_size)
    else:
        chosen = spaces.checked(space, base)
    if latent_dim is not None:
        listed = [latent_dim] if isinstance(latent_dim, int) else list(latent_dim)
        chosen["latent_dim"] = spaces.checked({"latent_dim": listed}, base)["latent_dim"]
    full = _epochs(order.settings, len(parts.train))
    most = trials or MOST
    proposals = None
    if search == "optuna":
        from narrows.tuning.proposals import Proposals

        proposals = Proposals(chosen, seed)
    first = spaces.candidates(chosen, most if proposals is None else max(1, most // 3), seed)
    interrupted, screen = False, Screen(verbose)
    try:
        _Search(bench, screen, full, prefer, began, proposals, most).run(first)
    except KeyboardInterrupt:
        interrupted = True
        if not any(trial.usable for trial in bench.trials):
            raise
    finally:
        screen.close()
    best = preferred(bench.usable(), prefer)
    ae = None
    if not parts.all_of_them and not interrupted:
        ae = _refitted(bench, best, X)
    if ae is None:
        ae = clone(base).set_params(**best.parameters, max_epochs=bench.max_epochs(best))
        ae.fitted_ = best.fitted
        introduce(ae, described(schema, X))
    found = Tuned.made(ae, best, bench, interrupted, time.perf_counter() - began)
    if verbose:
        screen.say(f"{found.verdict}")
    return found


@dataclass(eq=False)
class _Search:
    """All rounds: fewer candidates in each, for more epochs."""

    bench: Bench
    screen: Screen
    full: int  # epochs of a fit to the end
    prefer: str
    began: float
    proposals: Any
    most: int  # candidates of the first round

    def run(self, alive: list[spaces.Candidate]) -> None:
        lengths = sorted({max(1, round(self.full / by)) for by in SHARES} | {self.full})
        last = len(lengths) - 1
        for number, epochs in enumerate(lengths):
            asking = self.proposals is not None and number == 0
            if number < last and len(alive) <= _kept(number, alive) and not asking:
                continue  # nobody would be sent home
            stop = self._stop(number - last)
            if number:
                epochs = self.bench.affordable(alive, epochs, stop)
                if number < last and epochs <= lengths[number - 1]:
                    continue  # no time for more than they had
            self.screen.round(epochs, len(alive))
            done = self.bench.run(alive, epochs, self.full, stop, self.screen)
            if asking:
                done += self._proposed(done, epochs, stop)
            if done and number < last:
                alive = _survivors(done, number, self.prefer)

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


def _refitted(bench: Bench, best: Trial, X: Any) -> Autoencoder | None:
    """The choice, fitted to all rows; None where that was not to be."""
    ae = clone(bench.base).set_params(**best.parameters)
    if bench.deadline is not None:
        left = max(0.0, bench.deadline - time.perf_counter())
        rows = len(bench.parts.train)
        pace = best.seconds / max(1, best.epochs) / rows  # seconds for one row once
        epochs = int(left / max(pace * len(bench.schema.rows(X)), 1e-9))
        if epochs < 1:
            return None
        ae.set_params(max_epochs=min(ae.max_epochs, epochs))
    try:
        ae.fit(X)
    except (ValueError, KeyboardInterrupt):  # what was found on some of the rows is there
        return None
    return ae


def _model(recipe: Recipe) -> tuple[Autoencoder, bool]:
    """An unfitted model, and whether its latent size is the user's own."""
    if isinstance(recipe, Autoencoder):
        return clone(recipe), True
    if isinstance(recipe, str):
        if recipe not in recipes.__all__:
            raise ValueError(f"recipe={recipe!r} is not known: pass one of {', '.join(recipes.__all__)}.")
        recipe = getattr(recipes, recipe)
    made = recipe() if callable(recipe) else None
    if not isinstance(made, Autoencoder):
        raise TypeError(
            f"recipe is a {type(recipe).__name__}, but a model to choose numbers for was expected: pass the name of"
            " a recipe, a function that returns an Autoencoder, or an Autoencoder."
        )
    return made, False


def _epochs(settings: Any, rows: int) -> int:
    """What a full fit plans for."""
    size = settings.batch(rows)
    return Plan.made(settings, math.ceil(rows / size), True).epochs


def _components(order: Any, schema: Any, parts: Any) -> int:
    """Principal components that hold 99% of the training rows' variance."""
    ready = prepare(
        order.spec, schema, parts.train, order.settings, "auto", order.scale, order.seed, parts.held
    )
    flat = design(ready.source.head(len(parts.train)).cpu().numpy(), schema.levels)
    found = principal(flat, spaces.LARGEST, order.seed)
    left = found.noise * (flat.shape[1] - len(found.variances))
    shares = np.cumsum(found.variances) / max(float(found.variances.sum()) + left, 1e-300)
    return int(np.searchsorted(shares, ENOUGH)) + 1


def _check(budget: Any, trials: Any, prefer: Any, search: Any) -> None:
    number = isinstance(budget, (int, float)) and not isinstance(budget, bool) and 0 < budget < math.inf
    if budget is not None and not number:
        raise ValueError(f"budget={budget!r} is not usable: pass seconds, such as 60, or trials=40.")
    if trials is not None and not (isinstance(trials, int) and not isinstance(trials, bool) and trials >= 1):
        raise ValueError(f"trials={trials!r} is not usable: pass a whole number ≥ 1.")
    if prefer not in ("best", "small"):
        raise ValueError(f"prefer={prefer!r} is not known: pass 'best' or 'small'.")
    if search not in ("halving", "optuna"):
        raise ValueError(f"search={search!r} is not known: pass 'halving' or 'optuna'.")
