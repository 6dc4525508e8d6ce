"""Reconstruction beside Hinton & Salakhutdinov 2006: MNIST through 784-1000-500-250-30 and back.

    NARROWS_DATA=folder python benchmarks/reconstruction.py [--epochs 60] [--seeds 1] [--threads 2]

The figure is theirs: the squared error summed over the pixels of an image, mean over the 10,000 test images, which
nothing is trained or chosen on.  Twice the same model: with images moved by up to a pixel in training
(``corruptions.Shift``), and without.  Beside them PCA with 30 components.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch

import narrows as nw

PUBLISHED = 3.00  # Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks"


def model(shifted: bool, epochs: int, seed: int) -> nw.Autoencoder:
    return nw.Autoencoder(
        30,
        backbone=nw.backbones.MLP((1000, 500, 250), activation="silu"),
        corruption=nw.corruptions.Shift(1) if shifted else None,
        max_epochs=epochs,
        patience=None,
        validation_fraction=0.0,
        random_state=seed,
        verbose=1,
    )


def error(ae: nw.Autoencoder, images: np.ndarray) -> float:
    return float(np.square(ae.reconstruct(images) - images).sum((1, 2), dtype=np.float64).mean())


def main(epochs: int, seeds: int) -> None:
    with np.load(Path(os.environ["NARROWS_DATA"]) / "mnist.npz") as file:
        train, test = (file[f"x_{part}"].astype(np.float32) / 255 for part in ("train", "test"))
    for seed in range(seeds):
        for shifted in (True, False):
            ae, began = model(shifted, epochs, seed), time.perf_counter()
            ae.fit(train)
            seconds = time.perf_counter() - began
            figures = ae.evaluate(test)
            print(
                f"seed {seed}, {'moved by ±1' if shifted else 'as they are'}: test {error(ae, test):.3f}, training"
                f" {error(ae, train[:10000]):.3f}; {epochs} epochs in {seconds:.0f} s; PCA-30"
                f" {figures['pca_mse'] * test[0].size:.2f}; published {PUBLISHED:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    main(given.epochs, given.seeds)
