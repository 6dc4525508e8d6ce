"""Density of dynamically binarised MNIST: the importance-weighted nll of a small VAE against training time.

    NARROWS_DATA=folder python -m benchmarks.density [--minutes 1 5 30] [--threads 2] [--epochs N]

The protocol of Burda, Grosse & Salakhutdinov 2016: all 60,000 training images, each pixel drawn anew at every
step with its grey level as probability; the 10,000 test images drawn once (by numpy's default_rng(0)); a VAE of
784-200-200-50 units; log p(x) bounded by k = 500 draws per image.  They report 86.76 nats after 3,280 passes.
Every number of minutes is a training of its own, whose rate comes down to zero at its end.  The clock of training
runs while steps are made and while the first of them find the pace; not while the curve is measured.  Writes
docs/density.json and docs/images/density.png, --out says where else.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import narrows as nw
from narrows.atomic import atomic_path
from narrows.numerics import set_mode
from narrows.tasks.likelihood import importance_bound

DATA = Path(os.environ.get("NARROWS_DATA", "."))
LITERATURE = 86.76  # Burda et al. 2016, table 1: VAE, one stochastic layer, k = 1
AIMS = {5.0: 88.2, 30.0: 87.3}  # nats after minutes on two cores
DRAWS = 500
GLANCE = (1000, 50)  # test images and draws of a point of the curve
TRIAL = 2  # epochs that find the pace


def images() -> tuple[np.ndarray, np.ndarray]:
    """Grey training images (60000, 784) in [0, 1]; test images drawn once as black or white."""
    with np.load(DATA / "mnist.npz") as file:
        train, test = (
            file[f"x_{part}"].reshape(-1, 784).astype(np.float32) / 255 for part in ("train", "test")
        )
    return train, (np.random.default_rng(0).random(test.shape) < test).astype(np.float32)


class Watch:
    """The curve: seconds of training and a glance at the nll, at epochs that double."""

    def __init__(self, test: np.ndarray):
        count, k = GLANCE
        self.x = torch.from_numpy(test[:: len(test) // count].copy())
        self.k, self.next, self.curve = k, 1, []

    def on_epoch_end(self, state: Any) -> None:
        epoch = len(state.history)
        if epoch < self.next and epoch < state.settings.max_epochs:
            return
        self.next = max(epoch + 1, int(1.3 * epoch))
        set_mode(state.net, False)
        with torch.inference_mode():
            nll = -float(
                torch.cat([importance_bound(state.net, x, self.k, 0) for x in self.x.split(250)]).mean()
            )
        seconds = sum(row["seconds"] for row in state.history)
        last = state.history[-1]
        self.curve.append(
            {"epoch": epoch, "seconds": seconds, "nll": nll, "loss": last["loss"], "kl": last["kl"]}
        )
        print(f"  epoch {epoch:5d}  {seconds:7.1f} s  loss {last['loss']:.2f}  nll {nll:.2f}", flush=True)


def model(options: argparse.Namespace, epochs: int, callbacks: tuple[Any, ...] = ()) -> nw.Autoencoder:
    return nw.Autoencoder(
        latent_dim=50,
        scale=None,
        corruption="binarise",
        backbone=nw.backbones.MLP((200, 200), activation=options.activation),
        bottleneck=nw.bottlenecks.Gaussian(warmup=options.warmup),
        likelihood="bernoulli",
        max_epochs=epochs,
        batch_size=options.batch if options.batch == "auto" else int(options.batch),
        learning_rate=options.rate if options.rate == "auto" else float(options.rate),
        patience=None,
        validation_fraction=0.0,
        callbacks=callbacks,
        random_state=options.seed,
    )


def trained(
    options: argparse.Namespace, minutes: float, train: np.ndarray, test: np.ndarray
) -> dict[str, Any]:
    """One training of so many minutes, and what it came to."""
    spent, epochs = 0.0, options.epochs
    if epochs is None:
        pace = [row["seconds"] for row in model(options, TRIAL).fit(train).history_]
        spent = sum(pace)
        epochs = max(1, int((60 * minutes - spent) / min(pace)))
    watch = Watch(test)
    ae = model(options, epochs, (watch,)).fit(train)
    seconds = spent + sum(row["seconds"] for row in ae.history_)
    began = time.perf_counter()
    some = test[: options.test]
    nll = -nw.tasks.log_likelihood(ae, some, k=DRAWS)
    result = {
        "minutes": minutes,
        "seconds": seconds,
        "epochs": epochs,
        "nll": float(nll.mean()),
        "standard_error": float(nll.std() / len(nll) ** 0.5),
        "elbo": ae.score(some),
        "active_units": ae.evaluate(some)["active_units"],
        "evaluation_seconds": time.perf_counter() - began,
        "curve": watch.curve,
    }
    print({key: value for key, value in result.items() if key != "curve"}, flush=True)
    return result


def figure(runs: list[dict[str, Any]], path: Path) -> None:
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    during = f"on the way ({GLANCE[0]:,} images, k = {GLANCE[1]})"
    for i, run in enumerate(runs):
        along = [(point["seconds"] / 60, point["nll"]) for point in run["curve"]]
        axes.plot(*zip(*along, strict=True), color="C0", alpha=0.4, linewidth=1, label="" if i else during)
    ends = [(run["seconds"] / 60, run["nll"]) for run in runs]
    axes.plot(
        *zip(*ends, strict=True),
        "o",
        color="C0",
        label=f"after so long a training (10,000 images, k = {DRAWS})",
    )
    axes.axhline(LITERATURE, color="C1", linestyle="--", label=f"Burda et al. 2016: {LITERATURE}")
    axes.set(xscale="log", xlabel="minutes of training", ylabel="nats per test image", ylim=(85, 96))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title("Importance-weighted nll, dynamically binarised MNIST, VAE 784-200-200-50", fontsize=10)
    axes.legend(frameon=False, loc="upper right")
    with atomic_path(path) as place:
        fig.savefig(place, dpi=120, format="png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 5.0, 30.0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="so many, whatever time they take: for busy machines")
    parser.add_argument("--batch", default="auto")
    parser.add_argument("--rate", default="auto")
    parser.add_argument("--warmup", type=float, default=0.0)
    parser.add_argument("--activation", default="silu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", type=int, default=10_000, help="only the first so many test images")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    train, test = images()
    runs = [trained(options, minutes, train, test) for minutes in options.minutes]
    for run in runs:
        if (aim := AIMS.get(run["minutes"])) is not None and options.epochs is None:
            verdict = "met" if run["nll"] <= aim else "MISSED"
            print(f"{run['minutes']:g} minutes: {run['nll']:.2f} nats, {verdict}: at most {aim}")
    chosen = {key: value for key, value in vars(options).items() if key != "out"}
    options.out.mkdir(parents=True, exist_ok=True)
    with atomic_path(options.out / "density.json") as place:
        place.write_text(
            json.dumps({"options": chosen, "literature": LITERATURE, "runs": runs}, indent=1) + "\n"
        )
    (options.out / "images").mkdir(exist_ok=True)
    figure(runs, options.out / "images" / "density.png")


if __name__ == "__main__":
    main()
