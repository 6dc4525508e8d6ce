"""How long recommenders take, on generated interactions of published shapes.

    python benchmarks/recommendation_speed.py epoch --users 10000      # beside Cornac's VAECF (pip install cornac)
    python benchmarks/recommendation_speed.py recommend --users 1000000

``epoch``: seconds of one epoch of ``mult_vae`` on rows like MovieLens-20M's (20,108 items, 73 interactions a user),
600 hidden units, 200 latents and batches of 500 in both; interleaved, medians.  Published are 136,677 users: time
goes with their number.
``recommend``: the ten best of 20,000 items for 10,000 users, 20 interactions each, by a linear model fitted on all
``--users`` and by ``mult_vae`` fitted on 20,000 of them, and the most memory that the process had.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import scipy.sparse
import torch

import narrows as nw

ITEMS, EACH, BATCH = 20_108, 73, 500


def interactions(users: int, items: int, each: int, seed: int = 0) -> scipy.sparse.csr_array:
    """Users with so many interactions on average, items with a long tail."""
    rng = np.random.default_rng(seed)
    weights = 1 / (np.arange(items) + 50.0)
    counts = np.maximum(5, rng.exponential(each, users)).astype(int)
    picked = rng.choice(items, counts.sum(), p=weights / weights.sum())
    R = scipy.sparse.coo_array(
        (np.ones(len(picked), np.float32), (np.repeat(np.arange(users), counts), picked)),
        shape=(users, items),
    ).tocsr()
    R.data[:] = 1.0  # an item that was drawn twice counts once
    return R


def ours(R: scipy.sparse.csr_array) -> float:
    """Seconds of the third epoch: what has to be done once is done by then."""
    ends: list[float] = []

    class Clock:
        def on_epoch_end(self, state: object) -> None:
            ends.append(time.perf_counter())

    nw.recipes.mult_vae(
        max_epochs=3, patience=None, validation_fraction=0.0, batch_size=BATCH, callbacks=(Clock(),)
    ).fit(R)
    return ends[2] - ends[1]


def cornac(R: scipy.sparse.csr_array) -> float:
    """The same of Cornac: seconds of two epochs less those of one."""
    from cornac.data import Dataset
    from cornac.models import VAECF

    coo = R.tocoo()
    data = Dataset.from_uir(zip(coo.row.tolist(), coo.col.tolist(), [1.0] * coo.nnz, strict=True))

    def seconds(epochs: int) -> float:
        model = VAECF(
            k=200,
            autoencoder_structure=[600],
            act_fn="tanh",
            likelihood="mult",
            n_epochs=epochs,
            batch_size=BATCH,
            learning_rate=1e-3,
            beta=0.2,
            verbose=False,
            seed=0,
        )
        began = time.perf_counter()
        model.fit(data)
        return time.perf_counter() - began

    return seconds(2) - seconds(1)


def epoch(users: int, repeats: int) -> None:
    R = interactions(users, ITEMS, EACH)
    print(f"{users} users, {ITEMS} items, {R.nnz} interactions, {torch.get_num_threads()} threads")
    runs: dict[str, list[float]] = {"narrows mult_vae": [], "Cornac VAECF": []}
    timed: dict[str, Callable[[scipy.sparse.csr_array], float]] = dict(zip(runs, (ours, cornac), strict=True))
    for _ in range(repeats):
        for name, run in timed.items():
            runs[name].append(run(R))
    for name, seconds in runs.items():
        print(f"| {name} | {statistics.median(seconds):.1f} s | {[round(s, 1) for s in seconds]} |")
    ratio = statistics.median(b / a for a, b in zip(*runs.values(), strict=True))
    print(f"ratio of pairs, median: {ratio:.2f}")


def recommend(users: int, repeats: int) -> None:
    R = interactions(users, 20_000, 20)
    some = interactions(10_000, 20_000, 20, seed=1)
    for name, ae, rows in (
        ("mult_vae", nw.recipes.mult_vae(max_epochs=1, validation_fraction=0.0, patience=None), R[:20_000]),
        ("edlae", nw.recipes.edlae(l2=500.0, precision="float32"), R),
    ):
        began = time.perf_counter()
        recommender = nw.Recommender(ae, validation_fraction=0.0).fit(rows)
        fitted = time.perf_counter() - began
        seconds = []
        for _ in range(repeats):
            began = time.perf_counter()
            recommender.recommend(some, k=10)
            seconds.append(time.perf_counter() - began)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"| {name} | fit on {rows.shape[0]} users {fitted:.0f} s | recommend {statistics.median(seconds):.1f} s |"
            f" {[round(s, 1) for s in seconds]} | peak {peak:.1f} GiB |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("epoch", "recommend"))
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    {"epoch": epoch, "recommend": recommend}[asked.part](asked.users, asked.repeats)


if __name__ == "__main__":
    main()
