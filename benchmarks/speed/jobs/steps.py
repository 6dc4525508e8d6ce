"""Steps per second of the tutorials' network: overhead at small batches, arithmetic at large ones."""

from __future__ import annotations

from functools import partial

from benchmarks.speed import arrays
from benchmarks.speed.contract import Aim, Case, Contender, Job
from benchmarks.speed.jobs._contenders import keras, narrows, torch_loop

EPOCHS = {32: 3, 256: 4, 1024: 6}
LEAST = {32: 1.0, 256: 1.3, 1024: 1.3}


def cases(code: int, epochs: dict[int, int]) -> tuple[Case, ...]:
    return tuple(
        Case(str(b), f"batch {b}", "steps/s", {"batch": b, "epochs": n, "code": code}, higher=True)
        for b, n in epochs.items()
    )


JOB = Job(
    name="steps",
    title="Steps per second, 784-64-784 on MNIST",
    words=(
        "The same network under squared error and Adam, trained for a few epochs of 60,000 images: steps"
        " per second of the median epoch after the first. The scan is no peer: it is a whole epoch as one"
        " compiled loop in plain JAX, which shows what the machine can do. Rates and schedules are each"
        " library's own (Narrows' defaults, Adam at 0.001 elsewhere), so errors after these few epochs are"
        " shown for sanity and not to be compared."
    ),
    quality="test MSE after these epochs",
    cases=cases(64, EPOCHS),
    tiny=cases(16, {32: 8, 256: 20}),
    contenders=(
        *narrows("narrows_fit:Epochs", recipe="vanilla"),
        *keras("keras_fit:Epochs", network="vanilla"),
        torch_loop("torch_loop:Epochs", network="vanilla"),
        Contender("scan_jax", "one JAX scan per epoch", "jax_scan:Epochs", needs=("jax",)),
    ),
    prepare=partial(arrays.flat_images, name="mnist"),
    also={"threads": "threads"},
    reference="narrows_fp32",
    aims=(
        *(Aim(str(b), f"batch {b}, against the best Keras", ("keras_",), LEAST[b]) for b in EPOCHS),
        *(Aim(str(b), f"batch {b}, against the DataLoader loop", ("torch",)) for b in EPOCHS),
        *(Aim(str(b), f"batch {b}, share of the scan reached", ("scan_",)) for b in EPOCHS),
    ),
)
