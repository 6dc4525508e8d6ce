"""What a user is likely to take next, of users that were never seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from narrows.estimators import _preferences
from narrows.estimators._fitting import loaded, seed_of
from narrows.estimators._task import TaskEstimator, unwrapped
from narrows.tasks import recommend as recommending
from narrows.tasks.catalogue import Catalogue, Interactions, framed, had_by_any


class Recommender(TransformerMixin, TaskEstimator, auto_wrap_output_keys=None):  # a frame's rows are no users
    """Recommends items to users by what they have, also to users that were not there when it was fitted.

    Interactions R are a matrix (users, items), sparse or dense, in which what is not 0 is an interaction; or a frame
    with a row for each: a user, an item and, if there is one, what it is worth (columns named like user, item and
    value, rating or count, else the first two, which a warning says); or a path to either.  All count alike.  Of a user
    who rates an item again the last rating holds; counts and plays are summed.  A frame's items that nobody has are no
    items of the model's.

    Parameters
    ----------
    ae : Autoencoder or None
        A model such as ``nw.recipes.ease_hybrid()``.  A fitted one is used as it is, else a clone is fitted.  By
        default the best for users that are held out, among linear models in closed form, a network beside one, and
        a variational model: ``tried_`` says how they did.
    at_least : float or None
        What is worth less, as a rating below 4, is no interaction, though the user has seen it; None takes all that
        is above 0.
    validation_fraction : float
        Share of the users, of 5 interactions or more, that are held out to choose the model and when to stop; then
        it is fitted on all of them.  Recommendations are judged by NDCG@100 of a fifth of their items, given
        the others.  With fewer than 30 held-out users a network is trained as it would be without, and one beside a
        linear model not at all.
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    items_ : array, the items in the order of columns; numbers where they have no names.
    columns_ : tuple of the names of a frame's columns for user, item and value, as far as it had them; () for a matrix.
    popularity_ : array (items,), how many users have each.
    tried_ : list of dict, the models that were compared and their NDCG@100 for held-out users.
    ae_ : the fitted autoencoder.
    n_features_in_ : int, how many items there are.

    Examples
    --------
    >>> import numpy as np
    >>> R = np.kron(np.eye(2), np.ones((20, 3)))  # who likes one of the first three items likes all of them
    >>> recommender = Recommender().fit(R)
    >>> ids, scores = recommender.recommend([[1, 0, 0, 0, 0, 0]], k=2)
    >>> sorted(ids[0].tolist())
    [1, 2]
    """

    def __init__(
        self,
        ae: Any = None,
        *,
        at_least: float | None = None,
        validation_fraction: float = 0.1,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.ae = ae
        self.at_least = at_least
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def fit(self, R: Any, y: Any = None) -> Self:
        """Learn from interactions R; ``y`` is ignored."""
        self._check()
        R, seed, ae = loaded(R), seed_of(self.random_state), unwrapped(self.ae)
        catalogue = Catalogue.learn(R)
        given = catalogue.read(R, self.at_least)
        users = given.matrix[np.diff(given.matrix.indptr) > 0]
        if not users.shape[0]:
            worth = "above 0" if self.at_least is None else f"of at least {self.at_least}"
            raise ValueError(f"R has no interactions {worth}, but some were expected: pass users with items.")
        if catalogue.names is not None:
            had = had_by_any(users)
            catalogue, users = catalogue.only(had), users[:, had]
        model, self.tried_ = _preferences.fitted(ae, users, self.validation_fraction, seed, self.verbose)
        if model.fitted_.schema.features != catalogue.count:
            raise ValueError(
                f"ae was fitted on {model.fitted_.schema.features} items, but R has {catalogue.count}: pass columns for"
                " the same items."
            )
        self._catalogue = catalogue
        self.popularity_ = np.asarray(users.sum(0), np.float64).ravel()
        self.n_users_ = users.shape[0]
        self._adopt([model])
        return self

    def partial_fit(self, R: Any, y: Any = None) -> Self:
        """Learn from more users, in one pass; who was there before counts twice.  B of ``ease`` becomes what it would
        be had they been among the first; with ``dropout``, as in EDLAE, it is held back as by the first users;
        vectors of items beside it stay; networks make a step for each batch.  Items that were not fitted cannot be
        added."""
        if not hasattr(self, "models_"):
            return self.fit(R)
        self._check()
        users = self._catalogue.read(loaded(R), self.at_least).matrix
        users = users[np.diff(users.indptr) > 0]
        if not users.shape[0]:
            return self
        model = clone(self.ae_)
        vars(model).update({n: v for n, v in vars(self.ae_).items() if n.endswith("_")})
        model.partial_fit(users)
        self.popularity_ = self.popularity_ + np.asarray(users.sum(0), np.float64).ravel()
        self.n_users_ += users.shape[0]
        self._adopt([model])
        return self

    @property
    def items_(self) -> np.ndarray:
        if not hasattr(self, "_catalogue"):
            raise AttributeError("This Recommender is not fitted yet: call fit(R) first.")
        return self._catalogue.ids(np.arange(self._catalogue.count))

    @property
    def columns_(self) -> tuple[str, ...]:
        check_is_fitted(self)
        return self._catalogue.columns

    def transform(self, R: Any) -> np.ndarray:
        """Preferences (users, latent_dim) of users R: codes."""
        users = self._read(R).matrix
        return self.ae_.transform(users)

    def recommend(self, R: Any, k: int = 10, exclude_seen: bool = True) -> Any:
        """The k items that users R are likeliest to take next, best first, with their scores.

        Of a matrix (ids, scores), each (users, k); where fewer than k items are left −1 and −inf.  Of a frame a frame
        of user, item and score, users in the order in which they first come.  ``exclude_seen`` leaves out what is
        in R, also what is worth less than ``at_least``.

        Users without interactions, or with items alone that nobody had in training, get what is most popular, its score
        the logarithm of the share of users that have it; the others' scores are the model's, which can be compared for
        one user alone.
        """
        given, k = self._read(R), _checked(k)
        popularity = np.log((self.popularity_ + 0.5) / (self.n_users_ + 1))
        ids, scores = recommending.recommend(
            self.ae_.fitted_,
            given.matrix,
            k,
            popularity=popularity,
            without=given.seen if exclude_seen else None,
        )
        if given.users is None:
            return (ids if self._catalogue.names is None else self._named(ids)), scores
        there = ids >= 0
        user, item = self._catalogue.columns[:2]
        columns = {
            user: np.repeat(given.users, there.sum(1)),
            item: self._catalogue.ids(ids[there]),
            "score": scores[there],
        }
        return framed(columns, given.frame)

    def evaluate(self, R: Any) -> dict[str, float]:
        """How well a fifth of the items of users R is found, given the others, with what is most popular beside it
        (``popular_``): means over the ``users`` that have 5 items or more.  Users that were fitted say nothing.

        Items are drawn by ``random_state``.
        """
        fold = recommending.folded(self._read(R).matrix, random_state=seed_of(self.random_state))
        if not len(fold.users):
            raise ValueError("R has no user with 5 or more items that count: pass some who have.")
        popularity, k = self.popularity_, min(100, self._catalogue.count)
        found: dict[str, float] = {"users": float(len(fold.users))}
        for prefix, told in (("", fold.seen), ("popular_", 0 * fold.seen)):
            told.eliminate_zeros()
            ids, _ = recommending.recommend(
                self.ae_.fitted_, told, k, popularity=popularity, without=fold.seen
            )
            found[f"{prefix}ndcg@100"] = float(np.nanmean(recommending.ndcg(ids, fold.held, k)))
            for few in (20, 50):
                hits = recommending.recall(ids, fold.held, min(few, k))
                found[f"{prefix}recall@{few}"] = float(np.nanmean(hits))
            found[f"{prefix}coverage@20"] = recommending.coverage(ids, self._catalogue.count, min(20, k))
        return found

    def similar_items(self, items: Any = None, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """For each of the items (all, if None) the k that gain most by it alone, and how much their scores gain by it:
        (ids, scores), each (items, k); −1 and −inf for items that nobody had in training."""
        check_is_fitted(self)
        count = self._catalogue.count
        places = np.arange(count) if items is None else self._catalogue.places(items)
        ids, scores = recommending.similar(self.ae_.fitted_, places, _checked(k))
        nobody = self.popularity_[places] == 0
        ids[nobody], scores[nobody] = -1, -np.inf
        return (ids if self._catalogue.names is None else self._named(ids)), scores

    def explain(self, R: Any, items: Any = None) -> Any:
        """Which of a user's items drove a recommendation: by how much its score would fall without each.

        ``items``: one for each user; None: what is recommended first.  Of a matrix a sparse one like it, of a frame a
        frame of user, item, because and score, the strongest first.  Scores of a linear model are sums of these.
        """
        given = self._read(R)
        users = given.matrix.shape[0]
        if items is None:
            k1 = recommending.recommend(
                self.ae_.fitted_, given.matrix, 1, popularity=self.popularity_, without=given.seen
            )
            places = k1[0][:, 0]
        else:
            places = self._catalogue.places(items)
            if len(places) != users:
                raise ValueError(
                    f"items has {len(places)} items, but one for each of {users} users was expected."
                )
        told = recommending.reasons(self.ae_.fitted_, given.matrix, places)
        if given.users is None:
            return told
        rows = np.repeat(np.arange(users), np.diff(told.indptr))
        order = np.lexsort((-told.data, rows))
        order = order[places[rows[order]] >= 0]
        user, item = self._catalogue.columns[:2]
        columns = {
            user: given.users[rows[order]],
            item: self._catalogue.ids(places[rows[order]]),
            "because": self._catalogue.ids(told.indices[order]),
            "score": told.data[order],
        }
        return framed(columns, given.frame)

    def _named(self, ids: np.ndarray) -> np.ndarray:
        """Names of items, None where there is none."""
        named = np.full(ids.shape, None, object)
        named[ids >= 0] = self._catalogue.ids(ids[ids >= 0])
        return named

    def _read(self, R: Any) -> Interactions:
        check_is_fitted(self)
        given = self._catalogue.read(loaded(R), self.at_least)
        if (known := self.popularity_ > 0).all():
            return given
        # What nobody had says nothing of who has it.
        matrix = given.matrix.copy()
        matrix.data *= known[matrix.indices]
        matrix.eliminate_zeros()
        return replace(given, matrix=matrix)

    def _check(self) -> None:
        share = self.validation_fraction
        if not (isinstance(share, (int, float)) and not isinstance(share, bool) and 0 <= share < 1):
            raise ValueError(f"validation_fraction={share!r} is not usable: pass a share 0 ≤ fraction < 1.")
        number = isinstance(self.at_least, (int, float, np.number)) and not isinstance(self.at_least, bool)
        if self.at_least is not None and not (number and np.isfinite(self.at_least)):
            raise ValueError(f"at_least={self.at_least!r} is not usable: pass a number such as 4, or None.")

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        catalogue = self._catalogue
        state: dict[str, Any] = {
            "users": self.n_users_,
            "columns": list(catalogue.columns),
            "tried": self.tried_,
        }
        arrays = {"popularity": self.popularity_}
        if catalogue.names is not None:
            if catalogue.names.dtype.kind == "i":
                arrays["names"] = catalogue.names
            else:
                state["names"] = catalogue.names.tolist()
        return state, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        names = np.asarray(state["names"], dtype=str) if "names" in state else arrays.get("names")
        self.popularity_, self.n_users_ = arrays["popularity"], state["users"]
        self.tried_ = state["tried"]
        self._catalogue = Catalogue(len(self.popularity_), names, tuple(state["columns"]))


def _checked(k: Any) -> int:
    """How many items are asked for."""
    if not (isinstance(k, (int, np.integer)) and not isinstance(k, bool) and k >= 1):
        raise ValueError(f"k={k!r} is not a number of items: pass a whole number ≥ 1.")
    return int(k)


__all__ = ["Recommender"]
