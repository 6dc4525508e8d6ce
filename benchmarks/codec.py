"""Bits that a trained codec saves against PCA with the same quantiser and coder, at equal error on held-out rows.

    NARROWS_DATA=… python -m benchmarks.codec [fashion wind motion words] [--beta 0.5 1 2] [--epochs N]

Both sides: integers, each channel paid for at its frequency in training rows.  PCA has its step and its
components searched; its curve is interpolated at the model's error.  The data sets are described in the data
folder's INDEX.md; rows are scaled by one number, so errors are in the user's units.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import narrows as nw
from narrows.baseline import principal

DATA = Path(os.environ.get("NARROWS_DATA", "data"))
CLASSES = 4  # of rows, with frequencies of their own
ESCAPED = 16.0  # bits of an integer that no training row had, beside its escape symbol
PRIOR = 5.0  # rows that a table of all classes counts for in that of one
TABLE_ROWS = 20_000  # of the training rows that frequencies are counted in


@dataclass(frozen=True, eq=False)
class Set:
    """Rows to learn from and rows to code, (n, features) float32 of spread about 1; ``unit`` is what one is."""

    train: np.ndarray
    test: np.ndarray
    unit: float
    latents: int
    beta: float
    epochs: int
    hidden: tuple[int, ...] = (256,)


def fashion() -> Set:
    with np.load(DATA / "fashion_mnist.npz") as f:
        train, test = (f[k].reshape(-1, 784).astype(np.float32) / 255 for k in ("x_train", "x_test"))
    return Set(train, test, 255.0, 96, 0.04, 8)


def wind(side: int = 8, stride: int = 2) -> Set:
    """Patches of both components of the wind on three levels; January to learn from, also as it looks in a
    mirror along either axis, for what is summer in the north is in the south then; July to code."""
    with np.load(DATA / "eraint_uvz.npz") as f:
        months = np.stack([f["u"], f["v"]], 1).reshape(2, 6, *f["u"].shape[2:])

    def patches(field: np.ndarray, step: int) -> np.ndarray:
        view = np.lib.stride_tricks.sliding_window_view(field, (side, side), axis=(1, 2))[:, ::step, ::step]
        return view.transpose(1, 2, 0, 3, 4).reshape(-1, 6 * side * side)

    unit = float(months[0].std())
    east, north = (
        np.array([1, -1], np.float32)[[int(i == k) for i in range(2) for _ in range(3)]] for k in (0, 1)
    )
    seen = [months[0] / unit]
    seen += [(f * north[:, None, None])[:, ::-1] for f in seen]
    seen += [(f * east[:, None, None])[:, :, ::-1] for f in seen]
    train = np.concatenate([patches(f, stride) for f in seen])
    # Few epochs: what is learned of January in more of them does not hold in July.
    return Set(train, patches(months[1] / unit, side), unit, 192, 0.0025, 5)


def motion(window: int = 64, stride: int = 32) -> Set:
    """Windows of an accelerometer and a gyroscope on a belt; the last six users are coded."""
    with np.load(DATA / "hapt_imu.npz") as f:
        x, user, run = f["x"], f["user"], f["experiment"]
    unit = float(x[user <= 24].std())
    rows: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for r in np.unique(run):
        mine, told = x[run == r] / unit, bool(user[run == r][0] <= 24)
        view = np.lib.stride_tricks.sliding_window_view(mine, window, axis=0)[:: stride if told else window]
        rows[told].append(view.reshape(len(view), -1))
    return Set(np.concatenate(rows[True]), np.concatenate(rows[False]), unit, 256, 0.04, 12)


def words() -> Set:
    """Word vectors, every tenth is coded."""
    with np.load(DATA / "glove6b50_100k.npz") as f:
        x = f["x"]
    unit = float(x.std())
    held = np.arange(len(x)) % 10 == 0
    return Set(x[~held] / unit, x[held] / unit, unit, 50, 0.2, 20, (512, 512))


SETS: dict[str, Callable[[], Set]] = {"fashion": fashion, "wind": wind, "motion": motion, "words": words}


class Table:
    """Bits of integers by their frequencies among those that were seen, with an escape."""

    def __init__(self, seen: np.ndarray, prior: Table | None = None):
        if prior is None:
            self.low, high = int(seen.min()), int(seen.max())
            counts = np.bincount(seen - self.low, minlength=high - self.low + 1) + 0.02
        else:  # few rows say little by themselves
            self.low = prior.low
            counts = np.bincount(seen - self.low, minlength=len(prior.bits)) + PRIOR * 2.0**-prior.bits
        total = counts.sum() + 0.5  # the escape's
        self.bits, self.escape = -np.log2(counts / total), ESCAPED - np.log2(0.5 / total)

    def __call__(self, k: np.ndarray) -> np.ndarray:
        place = k - self.low
        inside = (place >= 0) & (place < len(self.bits))
        return np.where(inside, self.bits[np.where(inside, place, 0)], self.escape)


def rounded(y: np.ndarray, step: float, table: Table, price: float) -> np.ndarray:
    """Of the two integers next to y/step the one with the least error² + price·bits."""
    low = np.floor(y / step).astype(np.int64)
    costs = [(y - k * step) ** 2 + price * table(k) for k in (low, low + 1)]
    return low + (costs[1] < costs[0])


def pca_curve(data: Set, saving: bool) -> tuple[np.ndarray, np.ndarray]:
    """(error, bits) of a row for many steps, the components chosen for each; ``saving``: rounded with an eye
    to bits, and decoded at the mean of each bin."""
    pca = principal(data.train, min(data.train.shape[1], 400), 0)
    rng = np.random.default_rng(0)
    some = data.train[rng.permutation(len(data.train))[:TABLE_ROWS]]
    ours, theirs = ((x - pca.mean) @ pca.components.T for x in (some, data.test))
    left = float(((data.test - pca.mean) ** 2).sum(1).mean() - (theirs**2).sum(1).mean())
    points = []
    for step in np.geomspace(0.05, 8.0, 26) * np.sqrt(12 * data.beta):
        for price in (0.5, 1.0, 1.5) if saving else (0.0,):
            price = price * step**2 / 6 * np.log(2)
            error, bits = left, 0.0
            for a, b in zip(ours.T, theirs.T, strict=True):
                k = np.round(a / step).astype(np.int64)
                table = Table(k)
                if saving:
                    k = rounded(a, step, table, price)
                    table = Table(k)
                    k = rounded(a, step, table, price)
                    table = Table(k)
                dropped = float((b**2).mean())
                if (a**2).mean() < 1e-3 * step**2:
                    error += dropped
                    continue
                j = rounded(b, step, table, price) if saving else np.round(b / step).astype(np.int64)
                z = j * step
                if saving:
                    low, n = k.min(), k.max() - k.min() + 1
                    sums, counts = np.bincount(k - low, a, n), np.bincount(k - low, minlength=n)
                    inside = (j >= low) & (j < low + n)
                    at = np.where(inside, j - low, 0)
                    z = np.where(inside & (counts[at] > 0), sums[at] / np.maximum(counts[at], 1), z)
                found, paid = float(((b - z) ** 2).mean()), float(table(j).mean())
                keep = found + step**2 / 6 * np.log(2) * paid < dropped
                error, bits = (error + found, bits + paid) if keep else (error + dropped, bits)
            points.append((error, bits))
    error, bits = np.array(sorted(points)).T
    best = np.minimum.accumulate(bits)  # what costs more at a larger error is of no use
    useful = bits <= best
    return error[useful], bits[useful]


def at(curve: tuple[np.ndarray, np.ndarray], error: float) -> float:
    """The curve's bits at an error, linear in its logarithm."""
    return float(np.interp(np.log(error), np.log(curve[0]), curve[1]))


def codes(ae: nw.Autoencoder, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers (n, latents) and reconstructions of rows."""
    net, found, back = ae.net_, [], []
    with torch.inference_mode():
        for x in torch.from_numpy(rows).split(1000):
            code = net.encode(x)
            found.append(code.indices)
            back.append(net.likelihood.mean(net.decode(code.z)))
    return torch.cat(found).numpy(), torch.cat(back).numpy()


def measured(ae: nw.Autoencoder, data: Set) -> tuple[float, float]:
    """(error, bits) of a row."""
    some = data.train[np.random.default_rng(0).permutation(len(data.train))[: 2 * TABLE_ROWS]]
    seen, _ = codes(ae, some)
    got, back = codes(ae, data.test)
    return float(((data.test - back) ** 2).sum(1).mean()), paid(seen, got, ae.bottleneck.classes)


def paid(seen: np.ndarray, got: np.ndarray, classes: int) -> float:
    """Bits of a row of ``got`` by the frequencies in ``seen``, of its class where there are several."""
    if classes == 1:
        return sum(float(Table(a)(b).mean()) for a, b in zip(seen.T, got.T, strict=True))
    bits = Table(seen[:, 0])(got[:, 0])
    for j in range(1, seen.shape[1]):
        every = Table(seen[:, j])
        for c in range(classes):
            mine = got[:, 0] == c
            bits[mine] += Table(seen[seen[:, 0] == c, j], every)(got[mine, j])
    return float(bits.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", choices=[[], *SETS])
    parser.add_argument("--beta", nargs="+", type=float, default=[0.5, 1.0, 2.0], help="times each set's own")
    parser.add_argument("--epochs", type=int, help="in place of each set's own")
    args = parser.parse_args()
    for name in args.sets or SETS:
        data = SETS[name]()
        d = data.train.shape[1]
        plain, strong = pca_curve(data, saving=False), pca_curve(data, saving=True)
        print(f"{name}: {len(data.train)} rows of {d} to learn from, {len(data.test)} to code", flush=True)
        for times in args.beta:
            ae = nw.recipes.rate_distortion(
                data.latents,
                beta=times * data.beta,
                hidden=data.hidden,
                classes=CLASSES,
                scale=None,
                max_epochs=args.epochs or data.epochs,
                patience=None,
            )
            began = time.perf_counter()
            ae.fit(data.train)
            error, bits = measured(ae, data)
            print(
                f"  β {times * data.beta:.4g}: mse {error / d * data.unit**2:.5g}, {bits:.2f} bits a row;"
                f" PCA {at(plain, error):.2f} ({bits / at(plain, error) - 1:+.1%}),"
                f" thrifty PCA {at(strong, error):.2f} ({bits / at(strong, error) - 1:+.1%});"
                f" {time.perf_counter() - began:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
