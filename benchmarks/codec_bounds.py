"""Bytes at equal largest error: a codec that was trained on such rows beside SZ3 and zstd.

    NARROWS_DATA=folder OMP_NUM_THREADS=1 python -m benchmarks.codec_bounds [fashion wind motion words] [--epochs N]

Four sets of ``benchmarks.codec``, held-out rows as float32, bounds that are shares of their range.  The codec's model
is the default one, trained for a few passes over 20,000 rows with the bound in mind; its bytes are told without and
with the model's own.  SZ3 (``pip install pysz``) gets the same numbers in every layout that the data have (as rows,
turned, as pictures, fields or series) with each of its predictors, zstd (level 19) whole multiples of the bound with
their bytes shuffled, in the same layouts; the shortest counts.  Every answer is held against its bound.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

import narrows as nw
from benchmarks.codec import SETS
from narrows.estimators._thrifty import default

BOUNDS = 1e-1, 1e-2, 1e-3, 1e-4  # of the range of the rows that are coded
ROWS = 20_000  # to learn from
EPOCHS = {"fashion": 2, "wind": 4, "motion": 4, "words": 20}
ZSTD = 19  # its level
PREDICTORS = "INTERP_LORENZO", "INTERP", "LORENZO_REG", "NOPRED"

Layouts = dict[str, np.ndarray]


def fashion(x: np.ndarray) -> Layouts:
    images, n = x.reshape(-1, 28, 28), int(np.sqrt(len(x)))
    mosaic = images.reshape(n, n, 28, 28).transpose(0, 2, 1, 3).reshape(28 * n, 28 * n)
    return {"pictures": images, "mosaic": mosaic}


def wind(x: np.ndarray) -> Layouts:
    """The field that the patches were cut from: two components on three levels."""
    fields = x.reshape(30, 60, 6, 8, 8).transpose(2, 0, 3, 1, 4).reshape(6, 240, 480)
    return {"fields": fields, "fields, one above the other": fields.reshape(-1, 480)}


def motion(x: np.ndarray) -> Layouts:
    windows = x.reshape(-1, 6, 64)
    sensors = windows.transpose(1, 0, 2).reshape(6, -1)
    return {"series": sensors.T, "sensors": sensors, "sensors, one after the other": sensors.ravel()}


GRIDS: dict[str, Callable[[np.ndarray], Layouts]] = {"fashion": fashion, "wind": wind, "motion": motion}


def layouts(name: str, x: np.ndarray) -> Layouts:
    found = {"rows": x, "columns": x.T} | (GRIDS[name](x) if name in GRIDS else {})
    return {layout: np.ascontiguousarray(a) for layout, a in found.items()}


def worst(x: np.ndarray, back: np.ndarray) -> float:
    return float(np.abs(x.astype(np.float64) - back.astype(np.float64)).max())


def held(x: np.ndarray, back: np.ndarray, bound: float, who: str) -> None:
    if not worst(x, back) <= bound:
        raise AssertionError(f"{who} went {worst(x, back)!r} from a value, which is more than {bound!r}.")


def with_sz3(x: np.ndarray, bound: float) -> Iterator[tuple[int, str]]:
    """Its bytes, by each of its predictors."""
    try:
        from pysz import sz, szAlgorithm, szConfig, szErrorBoundMode
    except ImportError:
        raise SystemExit("SZ3 is not installed: pip install pysz, with which this script compares.") from None
    for predictor in PREDICTORS:
        config = szConfig(x.shape)
        config.errorBoundMode, config.absErrorBound = szErrorBoundMode.ABS, bound
        config.cmprAlgo = getattr(szAlgorithm, predictor)
        data, _ = sz.compress(x, config)
        back, _ = sz.decompress(data, np.float32, x.shape)
        held(x, back, bound, "SZ3")
        yield data.nbytes, predictor.lower().replace("_", " + ")


def with_zstd(x: np.ndarray, bound: float) -> int:
    """Bytes of the multiples of two bounds, as whole numbers of the least width."""
    low, step = float(x.min()), 2 * bound * (1 - 1e-3)  # the rest is for the rounding to float32
    k = np.rint((x.astype(np.float64) - low) / step).astype(np.int64)
    held(x, (low + k * step).astype(np.float32), bound, "zstd")
    whole = k.astype(np.min_scalar_type(int(k.max())))
    shuffled = np.ascontiguousarray(whole.view(np.uint8).reshape(whole.size, whole.itemsize).T)
    return len(pa.Codec("zstd", compression_level=ZSTD).compress(shuffled, asbytes=True))


def with_codec(
    train: np.ndarray, x: np.ndarray, bound: float, epochs: int, known: dict[float, nw.Codec]
) -> tuple[int, int]:
    """Bytes of the rows, and of the model; bounds that want the same model share one of those ``known``."""
    model = default(train, nw.Codec(max_error=bound)).set_params(max_epochs=epochs, patience=None)
    beta = model.bottleneck.beta
    if beta not in known:
        known[beta] = nw.Codec(model).fit(train)
    codec = known[beta].set_params(max_error=bound)
    data = codec.compress(x)
    held(x, codec.decompress(data), bound, "the codec")
    return len(data), codec.sizes_["model"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", choices=[[], *SETS])
    parser.add_argument("--epochs", type=int, help="in place of each set's own")
    args = parser.parse_args()
    print("| data | bound | codec | with its model | SZ3 | codec ÷ SZ3 | its layout, its predictor | zstd |")
    print("|---|---|---|---|---|---|---|---|")
    began = time.perf_counter()
    for name in args.sets or SETS:
        data = SETS[name]()
        x, train = data.test.astype(np.float32), data.train.astype(np.float32)
        train = train[np.sort(np.random.default_rng(0).permutation(len(train))[:ROWS])]
        ways, known = layouts(name, x), dict[float, nw.Codec]()
        for share in BOUNDS:
            bound = share * float(np.ptp(x))
            ours, model = with_codec(train, x, bound, args.epochs or EPOCHS[name], known)
            theirs, predictor, layout = min(
                (size, predictor, layout)
                for layout, a in ways.items()
                for size, predictor in with_sz3(a, bound)
            )
            plain = min(with_zstd(a, bound) for a in ways.values())
            print(
                f"| {name}, {x.nbytes:,} bytes | {share:g} | {ours:,} | {ours + model:,} | {theirs:,} |"
                f" {ours / theirs:.2f} | {layout}, {predictor} | {plain:,} |",
                flush=True,
            )
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
