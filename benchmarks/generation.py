"""Rows that a variational model draws: by its prior, by densities fitted to its codes, and of a label.

    NARROWS_DATA=folder OMP_NUM_THREADS=1 python benchmarks/generation.py [mnist] [fashion_mnist] [priors]

The Fréchet distance (Heusel et al. 2017, equation 6) is between 10,000 drawn and the 10,000 test images in
the 64 features before the last layer of a classifier, 784-256-64-10, that is trained here on the training
images' labels.  Copies would lie as near to a training image as that image's own reconstruction does.
``priors`` trains a model for each prior.  Data: ``narrows.datasets`` (NARROWS_DATA).
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from foundation import flat, say
from torch import nn

import narrows as nw
from narrows.numerics import generator, seeded
from narrows.tasks.frechet import frechet

DRAWN = 10_000
NEAREST = 2_000  # rows of each kind that are held against all training images


class Extractor:
    """A classifier of images (n, 784), and its 64 last hidden units as features."""

    def __init__(self, x: np.ndarray, y: np.ndarray, epochs: int = 6):
        with seeded(0):
            self.body = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU())
            self.head = nn.Linear(64, 10)
        gen = generator(0)
        adam = torch.optim.Adam([*self.body.parameters(), *self.head.parameters()], 1e-3)
        rows, labels = torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))
        for _ in range(epochs):
            for batch in torch.randperm(len(rows), generator=gen).split(128):
                loss = nn.functional.cross_entropy(self.head(self.body(rows[batch])), labels[batch])
                adam.zero_grad()
                loss.backward()
                adam.step()

    @torch.no_grad()
    def features(self, x: np.ndarray) -> np.ndarray:
        return self.body(torch.from_numpy(np.asarray(x, np.float32))).double().numpy()

    @torch.no_grad()
    def accuracy(self, x: np.ndarray, y: np.ndarray) -> float:
        said = self.head(torch.from_numpy(self.features(x)).float()).argmax(1).numpy()
        return float((said == y).mean())


def nearest(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The distance of each row to the nearest training image."""
    norms = np.square(train).sum(1)
    squares = [
        (norms - 2 * part @ train.T + np.square(part).sum(1)[:, None]).min(1)
        for part in np.array_split(x, max(1, len(x) // 200))
    ]
    return np.sqrt(np.concatenate(squares).clip(0))


def job(name: str) -> None:
    data = getattr(nw.datasets, name)()
    train, test = flat(data)
    extractor = Extractor(train, data.y_train)
    say(f"{name}: accuracy of the extractor on test images", extractor.accuracy(test, data.y_test), "")

    def distance(x: np.ndarray) -> float:
        return frechet(x, test, extractor.features)

    began = time.perf_counter()
    ae = nw.recipes.variational(latent_dim=16, conditional=True).fit(train, data.y_train)
    say(
        "variational(16), 784-512-256-16: R² on test images",
        ae.evaluate(test)["r2"],
        "",
        time.perf_counter() - began,
    )
    say("  distance of 10,000 training images", distance(train[:DRAWN]), "what is possible")
    say("  of reconstructed test images", distance(ae.reconstruct(test)), "what this decoder can do")
    drawn = {"prior": ae.sample(DRAWN)}
    prior = distance(drawn["prior"])
    say("  of samples, standard normal prior", prior, "beside")
    began = time.perf_counter()
    drawn["fitted"] = ae.sample(DRAWN, prior="fitted")
    seconds = time.perf_counter() - began
    fitted = distance(drawn["fitted"])
    say("  of samples, prior='fitted'", fitted, "beside", seconds)
    say("  ratio", fitted / prior, "<= 0.7")
    labels = np.arange(DRAWN) % 10
    began = time.perf_counter()
    drawn["labels"] = ae.sample(labels=labels)
    seconds = time.perf_counter() - began
    say("  of samples of each label", distance(drawn["labels"]), "beside", seconds)
    say("  share of these that the extractor calls so", extractor.accuracy(drawn["labels"], labels), "")
    for scale in (0.0, 0.1, 0.3):
        changed = ae.perturb(test, scale)
        kept = extractor.accuracy(changed, data.y_test)
        say(f"  share of perturb(scale={scale}) that keep their label", kept, "0: reconstructions")

    print("  distance to the nearest training image: quantiles 1%, 10%, 50%, 90%")
    kinds = {
        "test images": test,
        "reconstructed test images": ae.reconstruct(test[:NEAREST]),
        "reconstructed training images (copies)": ae.reconstruct(train[:NEAREST]),
        **{f"samples, {kind}": x for kind, x in drawn.items()},
    }
    for kind, x in kinds.items():
        found = np.quantile(nearest(x[:NEAREST], train), (0.01, 0.1, 0.5, 0.9))
        print(f"    {kind:44s}", "  ".join(f"{d:6.3f}" for d in found), flush=True)


def priors() -> None:
    """The same decoder's size under each prior, trained with it: distances, and bounds on ln p(x)."""
    data = nw.datasets.mnist()
    train, test = flat(data)
    extractor = Extractor(train, data.y_train)
    for prior in (nw.priors.StandardNormal(), nw.priors.Mixture(20), nw.priors.Vamp(100), nw.priors.Flow()):
        began = time.perf_counter()
        ae = nw.recipes.variational(16, bottleneck=nw.bottlenecks.Gaussian(prior=prior)).fit(train)
        seconds = time.perf_counter() - began
        figures = ae.evaluate(test)
        say(
            f"{prior!r}: distance of samples",
            frechet(ae.sample(DRAWN), test, extractor.features),
            "",
            seconds,
        )
        say("  score on test images, nats", figures["score"], f"rate {figures['rate']:.2f}")


JOBS = {"mnist": lambda: job("mnist"), "fashion_mnist": lambda: job("fashion_mnist"), "priors": priors}

if __name__ == "__main__":
    for asked in sys.argv[1:] or ["mnist"]:
        JOBS[asked]()
