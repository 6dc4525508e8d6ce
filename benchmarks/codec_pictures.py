"""Files of pictures: a codec that was trained on such pictures beside JPEG and WebP.

    NARROWS_DATA=folder OMP_NUM_THREADS=1 python -m benchmarks.codec_pictures [--epochs 4] [--beta 0.005 0.02 0.08]

Fashion-MNIST: ``recipes.rate_distortion`` learns from the 60,000 training images, ``Codec`` compresses the 10,000
test images; JPEG and WebP get them as one mosaic of 100 × 100, grey, at qualities that span the same errors.  The
Bjøntegaard difference of rate (VCEG-M33, 2001; piecewise cubic in the logarithm, over the errors both reach) is how
many bytes more or less the codec takes at equal PSNR; files are whole, headers and all.  ``with the model`` counts the
model's file too, which serves any number of pictures.  Then the rate of work both ways.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.interpolate import PchipInterpolator

import narrows as nw

Curve = list[tuple[float, float]]  # bytes and PSNR


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(np.float64) - b).mean()))


def mosaic(images: np.ndarray) -> np.ndarray:
    n = int(np.sqrt(len(images)))
    return images.reshape(n, n, 28, 28).transpose(0, 2, 1, 3).reshape(28 * n, 28 * n)


def pictures(images: np.ndarray, kind: str, qualities: list[int]) -> Curve:
    whole, found = mosaic(images), []
    for quality in qualities:
        file = io.BytesIO()
        options = {"method": 6} if kind == "WEBP" else {"optimize": True}
        Image.fromarray(whole).save(file, kind, quality=quality, **options)
        back = np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("L"))
        found.append((float(len(file.getvalue())), psnr(back, whole)))
    return found


def difference(ours: Curve, theirs: Curve) -> float:
    """The Bjøntegaard difference: the mean of ln(bytes) over PSNR, ours less theirs, as a share."""
    sides = []
    for curve in (ours, theirs):
        rate, quality = np.array(sorted(curve, key=lambda point: point[1])).T
        sides.append((PchipInterpolator(quality, np.log(rate)), quality[0], quality[-1]))
    low, high = max(side[1] for side in sides), min(side[2] for side in sides)
    if low >= high:
        raise ValueError("the curves reach no error in common: pass other --beta.")
    mean = [side[0].integrate(low, high) / (high - low) for side in sides]
    return float(np.exp(mean[0] - mean[1]) - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--beta", nargs="+", type=float, default=[0.005, 0.02, 0.08])
    args = parser.parse_args()
    with np.load(Path(os.environ["NARROWS_DATA"]) / "fashion_mnist.npz") as file:
        train, test = file["x_train"], file["x_test"]
    ours: Curve = []
    for beta in args.beta:
        ae = nw.recipes.rate_distortion(
            128, beta=beta, hidden=(512,), classes=4, scale=None, max_epochs=args.epochs, patience=None
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
        curve = pictures(test, kind, qualities)
        told = ", ".join(f"{int(size):,} at {quality:.2f} dB" for size, quality in curve)
        print(
            f"{kind}: {told}\n  the codec's bytes at equal PSNR: {difference(ours, curve):+.1%}", flush=True
        )


if __name__ == "__main__":
    main()
