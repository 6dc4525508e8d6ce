"""Recommending to users whom no model has seen: beside popularity, item-kNN, EASE and iALS.

NARROWS_DATA=… OMP_NUM_THREADS=1 python benchmarks/recommendation.py [FILE] [--seeds 10] [--at-least 4]
    [--users 4834 600 600] [--models popularity item-kNN EASE iALS …] [--out figures.jsonl]

FILE is any user,item[,rating[,time]] table as csv; columns are found by name, else by position.  Without
one it is ml-latest-small/ratings.csv of NARROWS_DATA.  Ratings of at least ``--at-least`` are interactions,
users with fewer than ``--least`` of them are left out.  ``--users`` are how many train, validate and test; else
a tenth of all validate and a tenth test.

Every seed divides the users anew (strong generalisation, Liang et al. 2018).  Every model's settings are chosen
by NDCG@100 on the validation users of each seed, after the same split; the test users are looked at once, with
what was chosen.  Nothing is trained on validation users.  Figures are means over the test users of all seeds, ±
their standard error; p is one-sided, of a paired bootstrap against EASE that draws users with all their
figures.  ``fit s`` is one fit with the chosen settings, ``search s`` all of them.  iALS needs ``implicit``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
from threadpoolctl import threadpool_limits

from narrows.tasks.ranking import average_precision, bootstrap, coverage, ndcg, novelty, popular, recall
from narrows.tasks.splitting import Split, split

K = 100
BLOCK = 1 << 24  # scores that are dense at once
NAMES = (  # of columns, in small letters without "_"
    ("user", "userid", "uid", "member", "customer"),
    ("item", "itemid", "iid", "movie", "movieid", "film", "product", "productid", "title"),
    ("rating", "value", "score", "stars", "count"),
)
Recommend = Callable[[Any, int], np.ndarray]  # (seen (n, items), k) → ids (n, k)
Fit = Callable[..., Recommend]  # (train, seed, **settings)


# Data


def interactions(path: Path, at_least: float) -> scipy.sparse.csr_matrix:
    """What users (rows) liked (columns), as 1.0."""
    import pyarrow.csv

    with path.open(encoding="utf-8-sig") as file:
        first = file.readline().strip().split(",")
    names = [word.strip('" ').lower().replace("_", "") for word in first]
    header = not all(_is_number(word) for word in names)
    options = pyarrow.csv.ReadOptions(autogenerate_column_names=not header)
    table = pyarrow.csv.read_csv(path, read_options=options)
    if table.num_columns < 2:
        raise ValueError(f"'{path}' has one column, expected user,item,rating; separate them by commas.")
    where = [next((i for i, n in enumerate(names) if n in known), None) for known in NAMES]
    if None in where[:2]:
        where = [0, 1, 2 if table.num_columns > 2 else None]
    columns = [None if i is None else table.column(i).to_numpy() for i in where]
    user, item = (np.unique(column, return_inverse=True)[1] for column in columns[:2])
    liked = np.ones(len(user), bool) if columns[2] is None else columns[2] >= at_least
    user, item = user[liked], np.unique(item[liked], return_inverse=True)[1]
    found = scipy.sparse.csr_matrix((np.ones(len(user)), (user, item)))
    found.data[:] = 1.0  # whoever rated something twice has it once
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def parted(R: Any, users: list[int] | None, least: int, seed: int) -> Split:
    validation, test = (0.1, 0.1) if users is None else users[1:]
    parts = split(R, validation=validation, test=test, least=least, random_state=seed)
    if users is not None and parts.train.shape[0] != users[0]:
        raise ValueError(
            f"--users {users[0]} {users[1]} {users[2]} were asked for, but {parts.train.shape[0]} are left for"
            " training: pass counts that add up to all users with enough interactions."
        )
    return parts


# Models


def by_score(score: Callable[[Any], np.ndarray]) -> Recommend:
    """A recommender from what gives scores (n, items) to rows of seen items."""

    def recommend(seen: Any, k: int) -> np.ndarray:
        users, items = seen.shape
        ids, step = np.full((users, k), -1), max(1, BLOCK // items)
        for start in range(0, users, step):
            part = seen[start : start + step]
            scores = np.array(score(part), np.float64)
            scores[part.nonzero()] = -np.inf
            top = np.argpartition(-scores, min(k, items) - 1, axis=1)[:, :k]
            order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
            top = np.take_along_axis(top, order, 1)
            unseen = ~np.isneginf(np.take_along_axis(scores, top, 1))
            ids[start : start + step, : top.shape[1]] = np.where(unseen, top, -1)
        return ids

    return recommend


def popularity(train: Any, seed: int) -> Recommend:
    return lambda seen, k: popular(train, seen, k)


def knn(train: Any, seed: int, shrink: float, neighbours: int, power: float) -> Recommend:
    """Item-kNN: cosines of columns, shrunk where they rest on few users; each item keeps its nearest.

    With a ``power`` above ½ neighbours that are popular weigh less (the asymmetric cosine of Aiolli 2013).
    """
    items = train.shape[1]
    norms, turned = np.sqrt(np.asarray(train.sum(0)).ravel()), train.T.tocsr()
    kept = []
    for start in range(0, items, 1000):
        near = (turned[start : start + 1000] @ train).tocsr()  # how many users have both
        rows = start + np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
        near.data /= norms[rows] ** (2 - 2 * power) * norms[near.indices] ** (2 * power) + shrink
        near.data[rows == near.indices] = 0
        for i in range(near.shape[0]):
            own = near.data[near.indptr[i] : near.indptr[i + 1]]
            if len(own) > neighbours:
                own[own < np.partition(own, -neighbours)[-neighbours]] = 0
        near.eliminate_zeros()
        kept.append(near)
    nearest = scipy.sparse.vstack(kept).T.tocsr()  # column j: the neighbours of item j
    return by_score(lambda seen: (seen @ nearest).toarray())


def ease(train: Any, seed: int, l2: float) -> Recommend:
    """EASE (Steck 2019, equation 8): B = I − P diag(1 / P_jj), P = (XᵀX + λI)⁻¹.

    With fewer users than items P = (I − Xᵀ(XXᵀ + λI)⁻¹X) / λ, which needs a much smaller inverse.
    """
    users, items = train.shape
    if users < items:
        inner = (train @ train.T).toarray()
        inner[np.diag_indices(users)] += l2
        right = scipy.linalg.cho_solve(scipy.linalg.cho_factor(inner), train.toarray())  # (users, items)
        diagonal = (1 - np.asarray(train.multiply(right).sum(0)).ravel()) / l2
        turned = train.T.tocsr()
        return by_score(
            lambda seen: seen.toarray() - (seen.toarray() - (seen @ turned) @ right) / l2 / diagonal
        )
    gram = (train.T @ train).toarray()
    gram[np.diag_indices(items)] += l2
    inverse = scipy.linalg.cho_solve(scipy.linalg.cho_factor(gram, overwrite_a=True), np.eye(items))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return by_score(lambda seen: seen @ weights)


def ials(train: Any, seed: int, factors: int, regularization: float, alpha: float) -> Recommend:
    """Weighted matrix factorisation by alternating least squares (Hu et al. 2008), by ``implicit``.

    New users are folded in by their own least squares.
    """
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError:
        raise ValueError("the model 'iALS' needs the package implicit: pip install implicit.") from None
    model = AlternatingLeastSquares(
        factors=factors,
        regularization=regularization,
        alpha=alpha,
        iterations=16,  # as many as Rendle et al. 2022
        num_threads=THREADS,
        random_state=seed,
    )
    model.fit(train.astype(np.float32), show_progress=False)

    def score(seen: Any) -> np.ndarray:
        users = model.recalculate_user(np.arange(seen.shape[0]), seen.astype(np.float32))
        return users @ model.item_factors.T

    return by_score(score)


def ours(name: str) -> Fit:
    """A recipe of narrows behind ``nw.Recommender``."""

    def fit(train: Any, seed: int, **settings: Any) -> Recommend:
        import narrows as nw

        model = getattr(nw.recipes, name)(random_state=seed, **settings)
        recommender = nw.Recommender(model, random_state=seed).fit(train)
        return lambda seen, k: recommender.recommend(seen, k=k)[0]

    return fit


# What is searched


@dataclass(frozen=True)
class Candidates:
    """A model, and the settings to choose among: all of them, or from ``start`` on along one axis after another,
    as far as it helps, until no step along any axis does."""

    fit: Fit
    axes: dict[str, tuple[Any, ...]]
    start: dict[str, Any] | None = None
    reach: int = 1  # how many values on either side are tried

    def search(self, judge: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
        found: dict[tuple[Any, ...], float] = {}

        def judged(settings: dict[str, Any]) -> float:
            key = tuple(settings[name] for name in self.axes)
            if key not in found:
                found[key] = judge(settings)
            return found[key]

        if self.start is None:
            whole = (dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values()))
            return max(whole, key=judged)
        best, before = self.start, None
        while best != before:
            before = best
            for name, values in self.axes.items():
                moved = None
                while best != moved:
                    moved, at = best, values.index(best[name])
                    near = values[max(0, at - self.reach) : at + self.reach + 1]
                    best = max([best, *(best | {name: value} for value in near)], key=judged)
        return best


LINEAR = (50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0)  # strengths of ours

MODELS: dict[str, Candidates] = {
    "popularity": Candidates(popularity, {}),
    "item-kNN": Candidates(
        knn,
        {
            "shrink": (0, 1, 2, 5, 10, 20, 50, 100),
            "power": (0.3, 0.4, 0.5, 0.6, 0.7),
            "neighbours": (10, 20, 50, 100, 200, 500, 2000),
        },
        start={"shrink": 5, "power": 0.5, "neighbours": 50},
        reach=2,
    ),
    "EASE": Candidates(
        ease, {"l2": (10, 20, 50, 75, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000)}
    ),
    # Rendle et al. 2022 found that iALS wants many factors and a penalty and weight searched with them.  A search
    # from 32 factors on stopped there with some seeds: seed 0 had 0.386 on validation users there, 0.403 at this start.
    "iALS": Candidates(
        ials,
        {
            "regularization": (0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 20.0, 30.0, 50.0),
            "alpha": (1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 40.0),
            "factors": (16, 32, 64, 128, 256, 512),
        },
        start={"regularization": 10.0, "alpha": 3.0, "factors": 128},
    ),
    "ours: ease": Candidates(ours("ease"), {"l2": LINEAR}),
    "ours: edlae": Candidates(ours("edlae"), {"l2": LINEAR}),
    "ours: ease_hybrid": Candidates(ours("ease_hybrid"), {"l2": (50.0, 100.0, 200.0, 400.0)}),
    "ours: mult_dae": Candidates(ours("mult_dae"), {}),
    "ours: mult_vae": Candidates(ours("mult_vae"), {}),
    "ours: rec_vae": Candidates(ours("rec_vae"), {}),
}
BESIDE = "EASE"  # what every other model is compared with
THREADS = 1

# Measuring

MEASURES: dict[str, Callable[[Any, Any], np.ndarray]] = {
    "NDCG@100": lambda ids, held: ndcg(ids, held, 100),
    "R@20": lambda ids, held: recall(ids, held, 20),
    "R@50": lambda ids, held: recall(ids, held, 50),
    "MAP@100": lambda ids, held: average_precision(ids, held, 100),
}


def measured(name: str, parts: Split, seed: int) -> dict[str, Any]:
    """One model's figures on the test users of one split."""
    candidates, told = MODELS[name], parts.validation
    began = time.perf_counter()

    def judge(settings: dict[str, Any]) -> float:
        ids = candidates.fit(parts.train, seed, **settings)(told.seen, K)
        return float(np.nanmean(ndcg(ids, told.held, K)))

    settings = candidates.search(judge) if candidates.axes else {}
    search = time.perf_counter() - began
    began = time.perf_counter()
    recommend = candidates.fit(parts.train, seed, **settings)
    seconds = time.perf_counter() - began
    ids = recommend(parts.test.seen, K)
    users, items = parts.train.shape
    shares = np.asarray((parts.train != 0).sum(0)).ravel() / users
    smooth = (shares * users + 1) / (users + 1)  # a model may recommend what nobody has
    return {
        "model": name,
        "seed": seed,
        "settings": settings,
        "users": parts.test.users.tolist(),
        **{measure: f(ids, parts.test.held).tolist() for measure, f in MEASURES.items()},
        "coverage@20": coverage(ids, items, 20),
        "novelty@20": novelty(ids, smooth, 20),
        "fit s": seconds,
        "search s": search,
    }


def table(lines: list[dict[str, Any]]) -> str:
    """All figures as Markdown."""
    measures, whole = list(MEASURES), ["coverage@20", "novelty@20", "fit s", "search s"]
    versus = [f"NDCG@100 − {BESIDE} [95%]", "p"]
    rows = [["model", *measures, *whole, *versus], ["---"] * (1 + len(measures) + len(whole) + len(versus))]
    for name in dict.fromkeys(line["model"] for line in lines):
        mine = _of(lines, name)
        cells = [name]
        for measure in measures:
            values = np.concatenate([line[measure] for line in mine])
            values = values[~np.isnan(values)]
            cells.append(f"{values.mean():.4f} ± {values.std(ddof=1) / np.sqrt(len(values)):.4f}")
        for measure in whole:
            values = np.array([line[measure] for line in mine])
            error = f" ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}" if len(values) > 1 else ""
            cells.append(f"{values.mean():.1f}" if measure.endswith(" s") else f"{values.mean():.3f}{error}")
        rows.append([*cells, *_compared(mine, _of(lines, BESIDE))])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _of(lines: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return sorted((line for line in lines if line["model"] == name), key=lambda line: line["seed"])


def _compared(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[str]:
    if mine == theirs or [line["seed"] for line in mine] != [line["seed"] for line in theirs]:
        return ["", ""]
    a, b = ([line["NDCG@100"] for line in some] for some in (mine, theirs))
    found = bootstrap(a, b, users=[line["users"] for line in mine])
    return [f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}]", f"{found.p:.4f}"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--at-least", type=float, default=4.0)
    parser.add_argument("--least", type=int, default=5)
    parser.add_argument("--users", type=int, nargs=3, metavar=("TRAIN", "VALIDATION", "TEST"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="of the seeds")
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS), metavar="MODEL")
    parser.add_argument("--out", type=Path, help="a file of JSON lines; what stands there is not run again")
    asked = parser.parse_args()
    try:
        run(asked)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def run(asked: argparse.Namespace) -> None:
    if asked.file is None and "NARROWS_DATA" not in os.environ:
        raise ValueError("no file was given: name one, or set NARROWS_DATA to a folder with ml-latest-small.")
    path = asked.file or Path(os.environ["NARROWS_DATA"]) / "ml-latest-small" / "ratings.csv"
    R = interactions(path, asked.at_least)
    lines = (
        [json.loads(line) for line in asked.out.read_text().splitlines()]
        if asked.out and asked.out.exists()
        else []
    )
    done = {(line["model"], line["seed"]) for line in lines}
    with threadpool_limits(THREADS):
        for seed in range(asked.first, asked.first + asked.seeds):
            parts = parted(R, asked.users, asked.least, seed)
            if seed == asked.first:
                counts = [part.shape[0] for part in (parts.train, parts.validation.seen, parts.test.seen)]
                print(f"# {path.name}: users {counts}, items {R.shape[1]}, interactions {R.nnz}", flush=True)
            for name in asked.models:
                if (name, seed) in done:
                    continue
                line = measured(name, parts, seed)
                lines.append(line)
                print(
                    f"# {name} {seed} NDCG@100 {np.nanmean(line['NDCG@100']):.4f} {line['settings']}"
                    f" {line['fit s']:.1f} s, search {line['search s']:.1f} s",
                    flush=True,
                )
                if asked.out:
                    with asked.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")
    print(table(lines))


if __name__ == "__main__":
    main()
