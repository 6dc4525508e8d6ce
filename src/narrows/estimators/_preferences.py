"""Which model a recommender is: the best for users that were held out, fitted on all."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from narrows.backbones import MLP, ItemItem
from narrows.bottlenecks import Gaussian
from narrows.corruptions import Masking
from narrows.estimators._judge import Judge, Until, ranked
from narrows.estimators.autoencoder import Autoencoder
from narrows.inputs import Counts
from narrows.likelihoods import Multinomial
from narrows.spec import resolve
from narrows.tasks.splitting import Folded, split

FEWEST = 30  # held-out users that say anything
MOST = 2_000  # held-out users that say enough
CLOSED = 20_000  # items up to which a closed form is tried: it takes some ten arrays of items × items
ALONE = 2_000  # users from which on a network by itself is tried: of 500 it learned less than a linear model
REFITTED = 50_000  # users up to which a network is trained again, on all of them
L2 = (30.0, 100.0, 300.0, 1000.0)


def fitted(
    ae: Autoencoder | None, users: Any, share: float, seed: int, verbose: int
) -> tuple[Autoencoder, list[dict[str, Any]]]:
    """The model, and what was tried: that given, fitted or not, or the best of several on users (n, items)."""
    if ae is not None and hasattr(ae, "fitted_"):
        return ae, []
    train, fold = _apart(users, share, seed)
    say = Teller(verbose, 0 if fold is None else len(fold.users))
    if ae is not None:
        if _trains(ae):
            say.begin("training, then once more on all users" if fold is not None else "training")
        model, score = _trained(ae, users, train, fold)
        say.end(score)
        return model, [] if score is None else [{"model": "ae", "ndcg@100": score}]
    if fold is None:
        return _trained(_linear(100.0, 0.25, seed), users, users, None)[0], []
    tried, best = [], None
    for name, candidate in _candidates(users, train, fold, seed, tried):
        say.begin(name)
        model, score = _judged(candidate, train, fold)
        say.end(score)
        tried.append({"model": name, "ndcg@100": score})
        if best is None or score > best[0]:
            best = score, candidate, model, name
    _, candidate, model, name = best
    say.begin(f"{name} on all {users.shape[0]} users")
    model = _again(candidate, model, users)
    say.end(None)
    return model, tried


class Teller:
    """Says on stderr what is being done, when it begins, and what came of it."""

    def __init__(self, verbose: int, held: int):
        self.verbose, self.held, self.began = verbose, held, 0.0

    def begin(self, what: str) -> None:
        self.began = time.perf_counter()
        if self.verbose:
            print(f"{what} … ", end="", file=sys.stderr, flush=True)

    def end(self, score: float | None) -> None:
        seconds = time.perf_counter() - self.began
        if self.verbose and self.began:
            found = "" if score is None else f"NDCG@100 {score:.4f} of {self.held} held-out users, "
            print(f"{found}{seconds:.0f} s", file=sys.stderr, flush=True)


def _candidates(
    users: Any, train: Any, fold: Folded, seed: int, tried: list[dict[str, Any]]
) -> Iterator[tuple[str, Autoencoder]]:
    """Models by name: linear ones of several strengths, then a network beside the best, and one alone."""
    closed = users.shape[1] <= CLOSED
    if closed:
        for l2 in L2:
            yield f"edlae(l2={l2:g})", _linear(l2, 0.25, seed)
        l2 = L2[int(np.argmax([row["ndcg@100"] for row in tried]))]
        yield f"ease_hybrid(l2={l2:g})", _hybrid(l2, seed)
    if users.shape[0] >= ALONE or not closed:
        yield "mult_vae", _variational(seed)


def _apart(users: Any, share: float, seed: int) -> tuple[Any, Folded | None]:
    """Users to train on, and some of at least 5 interactions held out; none where they are too few."""
    many = min(MOST, round(share * np.count_nonzero(np.diff(users.indptr) >= 5)))
    if many < FEWEST:
        return users, None
    parts = split(users, validation=many, test=0.0, least=5, random_state=seed)
    held = np.isin(np.arange(users.shape[0]), parts.validation.users)
    return users[~held], parts.validation


def _trained(
    ae: Autoencoder, users: Any, train: Any, fold: Folded | None
) -> tuple[Autoencoder, float | None]:
    """A clone fitted on all users; how long, held-out ones say."""
    if not _trains(ae):
        return clone(ae).set_params(validation_fraction=0.0).fit(users), None
    if fold is None:
        return (_until(ae, users, 0) if _starts(ae) else clone(ae).fit(users)), None
    model, score = _judged(ae, train, fold)
    return _again(ae, model, users), score


def _judged(ae: Autoencoder, train: Any, fold: Folded) -> tuple[Autoencoder, float]:
    """A clone fitted on some users, its best epoch by held-out ones, and their NDCG."""
    judge = Judge(fold, _starts(ae))
    model = clone(ae)
    model.set_params(validation_fraction=0.0)
    model.callbacks = (*model.callbacks, judge)
    model.fit(train)
    model.callbacks = ae.callbacks
    model.epochs_ = judge.best
    found = judge.curves[judge.best] if judge.curves else ranked(model.net_, fold)
    return model, float(np.nanmean(found))


def _again(ae: Autoencoder, model: Autoencoder, users: Any) -> Autoencoder:
    """The model fitted on all users for as long as was best; a large one of a network stays what it is."""
    if not _trains(ae):
        return clone(ae).set_params(validation_fraction=0.0).fit(users)
    if users.shape[0] > REFITTED and model.epochs_ > 0:
        return model
    return _until(ae, users, model.epochs_)


def _until(ae: Autoencoder, users: Any, epoch: int) -> Autoencoder:
    model = clone(ae).set_params(validation_fraction=0.0)
    model.callbacks = (*model.callbacks, Until(epoch))
    model.fit(users)
    model.callbacks = ae.callbacks
    return model


def _trains(ae: Autoencoder) -> bool:
    return getattr(resolve("backbone", ae.backbone), "trained", True)


def _starts(ae: Autoencoder) -> bool:
    """Whether a model is of use before it is trained."""
    return getattr(resolve("backbone", ae.backbone), "starts", False)


def _linear(l2: float, dropout: float, seed: int) -> Autoencoder:
    return Autoencoder(
        64,
        input=Counts(transform="none"),
        backbone=ItemItem(l2, dropout),
        likelihood=Multinomial(),
        random_state=seed,
    )


def _hybrid(l2: float, seed: int) -> Autoencoder:
    return Autoencoder(
        64,
        input=Counts(transform="none"),
        corruption=Masking(0.5),
        backbone=ItemItem(l2, 0.25, MLP((200,), "tanh", sparse=True)),
        likelihood=Multinomial(),
        max_epochs=40,
        batch_size=128,
        learning_rate=1e-3,
        random_state=seed,
    )


def _variational(seed: int) -> Autoencoder:
    return Autoencoder(
        200,
        input=Counts(transform="l2"),
        backbone=MLP((600,), "tanh", input_dropout=0.5, sparse=True),
        bottleneck=Gaussian(beta=0.2, warmup=0.5),
        likelihood=Multinomial(),
        batch_size=128,
        learning_rate=1e-3,
        random_state=seed,
    )
