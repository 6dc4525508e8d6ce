"""A variational autoencoder, the same network and epochs everywhere."""

from __future__ import annotations

from functools import partial

from benchmarks.speed import arrays
from benchmarks.speed.contract import Aim, Case, Contender, Job
from benchmarks.speed.jobs._contenders import keras, narrows

JOB = Job(
    name="variational",
    title="Variational autoencoder on MNIST, 784-512-16-512-784",
    words=(
        "Seconds of a fit of 3 epochs in batches of 128: one ReLU layer of 512 units each side of 16 Gaussian"
        " latents, Bernoulli likelihood. Narrows is `nw.recipes.variational(latent_dim=16,"
        ' likelihood="bernoulli", backbone=MLP(hidden=(512,)))`; the others train by Adam at 0.001. All models'
        " are judged by the same few lines of NumPy."
    ),
    quality="negative evidence bound on the 10,000 test images, nats",
    cases=(Case("fit", "3 epochs", "s", {"batch": 128, "epochs": 3, "hidden": 512, "code": 16}),),
    tiny=(Case("fit", "8 epochs", "s", {"batch": 64, "epochs": 8, "hidden": 32, "code": 4}),),
    contenders=(
        *narrows("narrows_fit:Variational"),
        Contender("pythae", "pythae VAE", "pythae_fit:Variational", needs=("pythae",)),
        *keras("keras_vae:Fit"),
    ),
    prepare=partial(arrays.flat_images, name="mnist"),
    reference="narrows_fp32",
    aims=(
        Aim("fit", "against pythae", ("pythae",), 3.0),
        Aim("fit", "against the best Keras", ("keras_",), 3.0),
    ),
)
