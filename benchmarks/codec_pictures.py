"""Files of pictures: a codec that was trained on such pictures beside JPEG and WebP.

    NARROWS_DATA=folder OMP_NUM_THREADS=1 python -m benchmarks.codec_pictures [--epochs 40] [--beta 0.005 0.02 …]

Fashion-MNIST: ``recipes.rate_distortion`` learns from the 60,000 training images, ``Codec`` compresses the 10,000
test images; JPEG and WebP get them as one mosaic of 100 × 100, grey, at qualities that span the same errors.  Below
their lowest quality they get it smaller, by 1.4, 2 and 2.8, and the answer is enlarged; whatever takes most bytes for
its error is left out.  (Cells of 28 × 28 are best: of 32 × 32, which go with the blocks of both, WebP took 1 to 8% more
bytes, JPEG 11 to 15%.)

The Bjøntegaard difference of rate (VCEG-M33, 2001; piecewise cubic in the logarithm) is how many bytes more or less the
codec takes at equal PSNR, over all errors that both reach, over those that a whole mosaic reaches, and piece by piece;
files are whole, headers and all.  The model's file, which serves any number of pictures, is told beside them.  Then the
rate of work both ways.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.interpolate import PchipInterpolator

import narrows as nw

Curve = list[tuple[float, float]]  # bytes and PSNR
SMALLER = 1.4, 2.0, 2.8  # times, along each side
LOWEST = 3  # of the qualities, at which mosaics are made smaller, too
BANDS = 15, 17, 19, 21, 23, 25, 27, 29, 31  # dB
WIDE = 0.004  # β below which more latents are worth their bits


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(np.float64) - b).mean()))


def mosaic(images: np.ndarray) -> np.ndarray:
    n = int(np.sqrt(len(images)))
    return images.reshape(n, n, 28, 28).transpose(0, 2, 1, 3).reshape(28 * n, 28 * n)


def pictures(images: np.ndarray, kind: str, qualities: list[int], smaller: float = 1.0) -> Curve:
    whole, found = Image.fromarray(mosaic(images)), []
    sides = tuple(round(side / smaller) for side in whole.size)
    given = whole if smaller == 1 else whole.resize(sides, Image.Resampling.LANCZOS)
    for quality in qualities:
        file = io.BytesIO()
        options = {"method": 6} if kind == "WEBP" else {"optimize": True, "progressive": True}
        given.save(file, kind, quality=quality, **options)
        back = Image.open(io.BytesIO(file.getvalue())).convert("L")
        back = back if smaller == 1 else back.resize(whole.size, Image.Resampling.BICUBIC)
        found.append((float(len(file.getvalue())), psnr(np.asarray(back), np.asarray(whole))))
    return found


def best(points: Curve) -> Curve:
    """Those that no other beats in bytes and in error."""
    found: Curve = []
    for size, quality in sorted(points):
        if not found or quality > found[-1][1]:
            found.append((size, quality))
    return found


def difference(
    ours: Curve, theirs: Curve, low: float = 0.0, high: float = 99.0
) -> tuple[float, float, float]:
    """The Bjøntegaard difference from ``low`` to ``high`` dB, as far as both reach: the mean of ln(bytes) over PSNR,
    ours less theirs, as a share; and from where to where that is."""
    sides = []
    for curve in (ours, theirs):
        rate, quality = np.array(sorted(curve, key=lambda point: point[1])).T
        sides.append(PchipInterpolator(quality, np.log(rate)))
        low, high = max(low, quality[0]), min(high, quality[-1])
    if low >= high:
        raise ValueError("the curves reach no error in common: pass other --beta.")
    mean = [side.integrate(low, high) / (high - low) for side in sides]
    return float(np.exp(mean[0] - mean[1]) - 1), low, high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--beta", nargs="+", type=float, default=[0.005, 0.02, 0.08])
    args = parser.parse_args()
    with np.load(Path(os.environ["NARROWS_DATA"]) / "fashion_mnist.npz") as file:
        train, test = file["x_train"], file["x_test"]
    ours: Curve = []
    for beta in args.beta:
        ae = nw.recipes.rate_distortion(
            384 if beta < WIDE else 128,
            beta=beta,
            hidden=(512,),
            classes=4,
            scale=None,
            max_epochs=args.epochs,
            patience=None,
        )
        began = time.perf_counter()
        # Pixels in [0, 1], as the worth of a nat has it.
        codec = nw.Codec(ae).fit(train / np.float32(255))
        spent = time.perf_counter() - began
        x = test / np.float32(255)
        began = time.perf_counter()
        data = codec.compress(x)
        there = time.perf_counter() - began
        back = codec.decompress(data)
        again = time.perf_counter() - began - there
        quality = psnr(np.clip(np.rint(255 * back), 0, 255), test)
        with tempfile.TemporaryDirectory() as folder:
            codec.save(Path(folder, "m.safetensors"))
            model = Path(folder, "m.safetensors").stat().st_size
        ours.append((float(len(data)), quality))
        print(
            f"β {beta:g}: {len(data):,} bytes, {quality:.2f} dB, {codec.sizes_['chunks']}; model {model:,} bytes;"
            f" trained {spent:.0f} s; {x.nbytes / 1e6 / there:.0f} and {x.nbytes / 1e6 / again:.0f} MB/s of float32",
            flush=True,
        )
    for kind, qualities in (
        ("JPEG", [1, 3, 5, 8, 12, 20, 35, 50, 70]),
        ("WEBP", [0, 2, 5, 10, 20, 35, 50, 70]),
    ):
        whole = pictures(test, kind, qualities)
        every = best(whole + [p for n in SMALLER for p in pictures(test, kind, qualities[:LOWEST], n)])
        told = ", ".join(f"{int(size):,} at {quality:.2f} dB" for size, quality in every)
        print(f"{kind}: {told}\n  the codec's bytes at equal PSNR:", flush=True)
        spans = [(whole, 0, 99), *((every, *span) for span in [(0, 99), *pairwise(BANDS)])]
        for curve, low, high in spans:
            try:
                share, low, high = difference(ours, curve, low, high)
            except ValueError:
                continue
            name = "whole mosaics" if curve is whole else "all"
            print(f"  {share:+.1%} from {low:.1f} to {high:.1f} dB ({name})", flush=True)


if __name__ == "__main__":
    main()
