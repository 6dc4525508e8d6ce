"""Wall time to a given quality: what a user waits for."""

from __future__ import annotations

from functools import partial

from benchmarks.speed import arrays
from benchmarks.speed.contract import Aim, Case, Job
from benchmarks.speed.jobs._contenders import keras, narrows, torch_loop

BATCHES = (32, 256)

JOB = Job(
    name="mnist_time",
    title="MNIST, 784-64-784, to a test error of 0.0040",
    words=(
        "Seconds from the call of `fit` until an epoch ends with a mean squared error of at most 0.0040 on"
        " the 10,000 test images. 64 ReLU units in, 784 sigmoid units out, squared error. Narrows runs"
        " `nw.recipes.vanilla(latent_dim=64)` with nothing but its defaults, and therefore holds out a tenth"
        " of the training images; the others follow the tutorials: Adam at 0.001 on all 60,000 images, in"
        " batches of 32 and of 256. The PyTorch loop begins with Keras' initial weights: from PyTorch's own it"
        " had not got below 0.0052 after 60 epochs. Libraries are imported, images are float32 in [0, 1] in"
        " memory, judging after each epoch is off the clock. Narrows goes on to the end of its default"
        " fit; the others stop at the target."
    ),
    quality="test MSE at the end of the run",
    cases=(Case("default", "to test MSE 0.0040", "s", {"code": 64, "target": 0.0040, "cap": 60}),),
    tiny=(Case("default", "to test MSE 0.045", "s", {"code": 16, "target": 0.045, "cap": 60}),),
    contenders=(
        *narrows("narrows_fit:ToTarget"),
        *(c for b in BATCHES for c in keras("keras_fit:ToTarget", f"_{b}", f", batch {b}", batch=b)),
        *(torch_loop("torch_loop:ToTarget", f"_{b}", f", batch {b}", batch=b) for b in BATCHES),
    ),
    prepare=partial(arrays.flat_images, name="mnist"),
    also={"fit": "s for the whole default fit", "epochs": "epochs run"},
    reference="narrows_fp32",
    aims=(
        Aim("default", "to the target, against the best Keras", ("keras_",), 3.0),
        Aim("default", "to the target, against the best DataLoader loop", ("torch_",), 5.0),
        Aim("default", "whole default fit, against the best Keras at the target", ("keras_",), figure="fit"),
        Aim("default", "whole default fit, against the best loop at the target", ("torch_",), figure="fit"),
    ),
)
