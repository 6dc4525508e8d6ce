"""A table of moderate size and a small network: what detectors of anomalies are trained on."""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed import arrays
from benchmarks.speed.contract import Aim, Case, Contender, Job
from benchmarks.speed.jobs._contenders import narrows, torch_loop


def prepare(folder: Path, tiny: bool) -> None:
    arrays.table(folder, rows=800 if tiny else 10_000, columns=30, rank=4)


JOB = Job(
    name="table",
    title="Table of 10,000 × 30, 50 epochs",
    words=(
        "Seconds of a whole `fit` on a generated table (a smooth function of 4 hidden numbers per row, and"
        " noise; columns standardised). The network is that of PyOD's AutoEncoder by default, 30-64-32-64-30"
        " with ReLU, with batch normalisation, dropout and weight decay off; batches of 32, 50 epochs,"
        " squared error, Adam at 0.001 (Narrows: its own rates). One row more shows Narrows with the batch"
        " that it takes by default."
    ),
    quality="MSE on 2,000 held-out rows, in units of a column's variance",
    cases=(Case("fit", "50 epochs", "s", {"batch": 32, "epochs": 50}),),
    tiny=(Case("fit", "20 epochs", "s", {"batch": 32, "epochs": 20}),),
    contenders=(
        *narrows("narrows_fit:Fit"),
        Contender(
            "narrows_batch", "Narrows, its own batch", "narrows_fit:Fit", {"batch": "auto"}, ("narrows",)
        ),
        Contender("pyod", "PyOD AutoEncoder", "pyod_fit:Fit", needs=("pyod",)),
        Contender("pythae", "pythae AE", "pythae_fit:Plain", needs=("pythae",)),
        Contender("sklearn", "scikit-learn MLPRegressor", "sklearn_fit:Fit", needs=("sklearn",)),
        torch_loop("torch_loop:Fit", network="tabular"),
    ),
    prepare=prepare,
    reference="narrows_fp32",
    aims=(
        Aim("fit", "against PyOD", ("pyod",), 5.0),
        Aim("fit", "against pythae", ("pythae",), 5.0),
        Aim("fit", "against scikit-learn", ("sklearn",)),
        Aim("fit", "against the DataLoader loop", ("torch",)),
        Aim("fit", "its own batch, against PyOD", ("pyod",), ours="narrows_batch"),
    ),
)
