"""The fitted encoders whose answers are timed, made once by Narrows and handed to all contenders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.speed import arrays, networks

ROWS = 6000  # that the models are fitted on: how good they are does not matter here


def shallow(features: int, code: int) -> networks.Stack:
    return networks.Stack((features, code), ("relu",))


def deep(features: int, widths: tuple[int, ...]) -> networks.Stack:
    return networks.Stack((features, *widths), (*["relu"] * (len(widths) - 1), "linear"))


def stacks(features: int, tiny: bool) -> dict[str, networks.Stack]:
    if tiny:
        return {"shallow": shallow(features, 16), "deep": deep(features, (32, 16, 8))}
    return {"shallow": shallow(features, 64), "deep": deep(features, (512, 256, 32))}


def prepare(folder: Path, tiny: bool) -> None:
    """The images, a model file and the plain weights of each encoder, and the codes that are right."""
    import torch

    import narrows as nw

    arrays.flat_images(folder, tiny, "mnist")
    (train,) = arrays.read(folder, "train")
    for name, stack in stacks(train.shape[1], tiny).items():
        ae = nw.Autoencoder(
            stack.widths[-1],
            scale=None,
            backbone=nw.backbones.MLP(hidden=stack.widths[1:-1]),
            bottleneck=nw.bottlenecks.Deterministic(
                activation="relu" if stack.activations[-1] == "relu" else None
            ),
            max_epochs=1,
        ).fit(train[:ROWS])
        ae.save(folder / f"{name}.safetensors")
        linear = [
            m
            for part in (ae.net_.encoder, ae.net_.bottleneck)
            for m in part.modules()
            if isinstance(m, torch.nn.Linear)
        ]
        weights = [(m.weight.detach().numpy().T.copy(), m.bias.detach().numpy().copy()) for m in linear]
        for i, (w, b) in enumerate(weights):
            arrays.write(folder, **{f"{name}_w{i}": w, f"{name}_b{i}": b})
        exact = [(w.astype(np.float64), b.astype(np.float64)) for w, b in weights]
        arrays.write(
            folder, **{f"{name}_codes": networks.forward(stack, exact, train[:1000].astype(np.float64))}
        )


def weights(folder: Path, name: str, stack: networks.Stack) -> networks.Weights:
    return [arrays.read(folder, f"{name}_w{i}", f"{name}_b{i}") for i in range(len(stack.shapes))]
