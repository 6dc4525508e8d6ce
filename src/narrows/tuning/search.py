"""The search for a model's numbers: what is asked for, what is tried, and the answer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import clone

from narrows import recipes
from narrows.baseline import principal
from narrows.estimators import Autoencoder
from narrows.estimators._fitting import check_labels, loaded, order_of, seed_of
from narrows.inputs.design import design
from narrows.training.data import prepare
from narrows.training.loop import Plan
from narrows.tuning import chosen
from narrows.tuning import space as spaces
from narrows.tuning.halving import Halving
from narrows.tuning.held import split
from narrows.tuning.rounds import Bench
from narrows.tuning.screen import Screen
from narrows.tuning.tuned import Tuned, preferred

SECONDS = 60.0  # where neither budget nor trials are given
MOST = 120  # candidates where only time limits them
ENOUGH = 0.99  # of the variance, in as many principal components as the largest code tried has numbers
LIKELY = 0.95  # in as many as the code has that is tried first: those of a fit with "auto"
FOR_ALL = 0.5  # of the budget, left for the fit to all rows where some were compared on

Recipe = str | Callable[..., Autoencoder] | Autoencoder


def tune(
    X: Any,
    recipe: Recipe = "deep",
    budget: float | None = None,
    *,
    y: Any = None,
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
    X : whatever ``fit`` takes.  Of more than 10,000 rows as many are compared on; the choice is fitted to all,
        for which half of the budget is left.
    recipe : the name of a recipe, a function that returns an Autoencoder, or one.
    budget : float
        Seconds; the search is planned to end within them, 60 where nothing is said.  Every latent size has a
        short fit first, from the likeliest outwards; ``verdict`` names those that there was no time for.  What
        a clock decides differs from run to run: with ``trials`` alone one ``random_state`` means the same result.
    y : one label per row, for a model with ``conditional=True``; ignored by others.
    trials : int
        Candidates of the first round.
    latent_dim : int, list of int or "auto"
        Sizes to try.  By default, and where the recipe says so, "auto": powers of two up to as many principal
        components as hold 99% of the variance, 64 at most.  Where a recipe names a number, by default that,
        its half and its quarter; an Autoencoder's own number stays.
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
    listed = _listed(latent_dim)
    if budget is None and trials is None:
        budget = SECONDS
    seed = seed_of(random_state)
    base, own_size = _model(recipe)
    base.set_params(random_state=seed, **({"latent_dim": "auto"} if listed == "auto" else {}))
    X = loaded(X)
    order = order_of(base, X)
    schema = order.spec.input.learn(X)
    rows = schema.rows(X)
    _check_labelled(base, order.spec, rows, y)
    parts = split(rows, seed)
    share = 1.0 if parts.all_of_them else FOR_ALL
    bench = Bench(
        base, order.spec, schema, parts, seed, None if budget is None else began + share * float(budget)
    )
    most_components, near = _guessed(order, schema, parts)
    default = spaces.axes(base, order.spec, most_components, own_size)
    tried = default if space is None else spaces.checked(space, base)
    if listed == "auto":
        tried["latent_dim"] = default["latent_dim"]
    elif listed is not None:
        tried["latent_dim"] = listed
    full = _epochs(order.settings, len(parts.train))
    most = int(trials or MOST)
    proposals = None
    if search == "optuna":
        from narrows.tuning.proposals import Proposals

        proposals = Proposals(tried, seed)
    first = spaces.candidates(tried, most if proposals is None else max(1, most // 3), seed, near)
    interrupted, screen = False, Screen(verbose)
    try:
        Halving(bench, screen, full, prefer, began, proposals, most, near).run(first)
    except KeyboardInterrupt:
        interrupted = True
        if not any(trial.usable for trial in bench.trials):
            raise
    finally:
        screen.close()
    best = preferred(bench.usable(), prefer)
    end = None if budget is None else began + float(budget)
    ae, partly = chosen.fitted(bench, best, X, rows, y, end, interrupted)
    planned = spaces.values(tried, first, "latent_dim")
    more = " or ".join(["seconds"] * (budget is not None) + ["trials"] * (trials is not None))
    found = Tuned.made(ae, best, bench, planned, more, partly, interrupted, time.perf_counter() - began)
    if verbose:
        screen.say(f"{found.verdict}")
    return found


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


def _guessed(order: Any, schema: Any, parts: Any) -> tuple[int, int]:
    """The largest latent size worth a try and the likeliest: the numbers of principal components that hold
    99% of the training rows' variance, and 95%; of a model with a size of its own, that."""
    if order.latent_dim != "auto":
        return int(order.latent_dim), int(order.latent_dim)
    ready = prepare(
        order.spec, schema, parts.train, order.settings, "auto", order.scale, order.seed, parts.held
    )
    flat = design(ready.source.head(len(parts.train)).cpu().numpy(), schema.levels)
    found = principal(flat, spaces.LARGEST, order.seed)
    left = found.noise * (flat.shape[1] - len(found.variances))
    shares = np.cumsum(found.variances) / max(float(found.variances.sum()) + left, 1e-300)
    most, likely = (int(np.searchsorted(shares, share)) + 1 for share in (ENOUGH, LIKELY))
    return most, likely


def _listed(latent_dim: Any) -> Any:
    """The sizes to try: a list; "auto"; or None where nothing is said."""
    if latent_dim is None or (isinstance(latent_dim, str) and latent_dim == "auto"):
        return latent_dim
    several = isinstance(latent_dim, Iterable) and not isinstance(latent_dim, (str, bytes))
    listed = list(latent_dim) if several else [latent_dim]
    if not listed or not all(
        isinstance(k, Integral) and not isinstance(k, bool) and int(k) >= 1 for k in listed
    ):
        raise ValueError(
            f"latent_dim={latent_dim!r} is not usable: pass a whole number ≥ 1, a list of them, or 'auto'."
        )
    return [int(k) for k in listed]


def _check_labelled(base: Autoencoder, spec: Any, rows: Any, y: Any) -> None:
    if base.conditional and y is None:
        raise ValueError(
            "tune got no y, but a model with conditional=True learns what rows of a label look like: pass one label"
            " per row, or conditional=False."
        )
    check_labels(base, spec, rows, y)


def _check(budget: Any, trials: Any, prefer: Any, search: Any) -> None:
    number = isinstance(budget, Real) and not isinstance(budget, bool) and 0 < float(budget) < math.inf
    if budget is not None and not number:
        raise ValueError(f"budget={budget!r} is not usable: pass seconds, such as 60, or trials=40.")
    whole = isinstance(trials, Integral) and not isinstance(trials, bool) and int(trials) >= 1
    if trials is not None and not whole:
        raise ValueError(f"trials={trials!r} is not usable: pass a whole number ≥ 1.")
    if prefer not in ("best", "small"):
        raise ValueError(f"prefer={prefer!r} is not known: pass 'best' or 'small'.")
    if search not in ("halving", "optuna"):
        raise ValueError(f"search={search!r} is not known: pass 'halving' or 'optuna'.")
