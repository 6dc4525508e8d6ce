"""Many small models at once."""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed import arrays
from benchmarks.speed.contract import Aim, Case, Contender, Job

NETWORK = {"code": 4, "hidden": (32, 16), "batch": 32}


def prepare(folder: Path, tiny: bool) -> None:
    arrays.table(folder, rows=400 if tiny else 2000, columns=20, rank=4)


JOB = Job(
    name="ensemble",
    title="Ensemble of 16 small models",
    words=(
        "Seconds until 16 models that differ in their seeds are fitted to one generated table of 2,000 × 20:"
        " 20-32-16-4-16-32-20 with ReLU, batches of 32, 30 epochs. `nw.fit_many` trains them side by side;"
        " the other calls `fit` sixteen times."
    ),
    quality="mean of the models' MSE on 500 held-out rows",
    cases=(Case("fit", "16 models, 30 epochs", "s", {**NETWORK, "models": 16, "epochs": 30}),),
    tiny=(Case("fit", "4 models, 10 epochs", "s", {**NETWORK, "models": 4, "epochs": 10}),),
    contenders=(
        Contender("narrows", "Narrows fit_many", "narrows_many:Ensemble", {"together": True}, ("narrows",)),
        Contender(
            "sequential", "16 fits in a row", "narrows_many:Ensemble", {"together": False}, ("narrows",)
        ),
    ),
    prepare=prepare,
    also={"spread": "standard deviation of the models' errors"},
    reference="sequential",
    aims=(Aim("fit", "against fits in a row", ("sequential",), 4.0),),
)
