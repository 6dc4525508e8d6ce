"""Training rate of a convolutional autoencoder."""

from __future__ import annotations

from functools import partial

from benchmarks.speed import arrays
from benchmarks.speed.contract import Aim, Case, Job
from benchmarks.speed.jobs._contenders import keras, narrows, torch_loop

JOB = Job(
    name="conv",
    title="Convolutional autoencoder on Fashion-MNIST",
    words=(
        "Images per second in training, of the median epoch after the first: two strided 3×3 convolutions"
        " (16 and 32 channels), 32 numbers of code, the mirror image back, ReLU inside and a sigmoid at the"
        " end, squared error, batches of 128, the first 20,000 training images, 3 epochs. Narrows is"
        " `nw.recipes.convolutional(latent_dim=32)`; the others train by Adam at 0.001."
    ),
    quality="test MSE after these epochs",
    cases=(Case("128", "batch 128", "rows/s", {"batch": 128, "epochs": 3, "code": 32}, higher=True),),
    tiny=(Case("128", "batch 64", "rows/s", {"batch": 64, "epochs": 10, "code": 16}, higher=True),),
    contenders=(
        *narrows("narrows_fit:Epochs", recipe="convolutional"),
        *keras("keras_fit:Epochs", network="convolutional"),
        torch_loop("torch_loop:Epochs", network="convolutional"),
    ),
    prepare=partial(arrays.images, name="fashion_mnist", rows=20_000),
    also={"threads": "threads"},
    reference="narrows_fp32",
    aims=(
        Aim("128", "against the best Keras", ("keras_",), 2.0),
        Aim("128", "against the DataLoader loop", ("torch",), 1.3),
    ),
)
