"""How Narrows' time and memory grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

import narrows as nw
from benchmarks.speed.contract import Case, FailedError, Figures, NotAvailableError
from benchmarks.speed.memory import CLEAR
from benchmarks.speed.quality import Clock, mse

RANK = 8


class Growth:
    """Seconds of a fit on generated rows, or MiB of a ``transform``; a case says which and how large."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, case: Case) -> Figures:
        return self.memory(case) if case.params["axis"] == "memory" else self.time(case)

    def time(self, case: Case) -> Figures:
        p = case.params
        rng = np.random.default_rng(0)
        x = rng.normal(size=(p["rows"] + 500, RANK)) @ rng.normal(size=(RANK, p["features"]))
        x = (x + 0.5 * rng.normal(size=x.shape)).astype(np.float32)
        train, test = x[:-500], x[-500:]
        ae = nw.recipes.undercomplete(
            latent_dim=p["latent"],
            batch_size=p["batch"],
            max_epochs=p["epochs"],
            patience=None,
            validation_fraction=0.0,
        )
        clock = Clock()
        ae.fit(train)
        seconds = clock.seconds()
        return {"value": seconds, "quality": mse(ae.reconstruct(test), test) / float(test.var())}

    def memory(self, case: Case) -> Figures:
        if not CLEAR.exists():
            raise NotAvailableError("peak memory is read from /proc, which this system does not have")
        model = self.folder / "model.safetensors"
        command = [sys.executable, "-m", "benchmarks.speed.memory", str(model), str(case.params["rows"])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FailedError(
                f"the measuring process ended with {done.returncode}: {done.stderr.strip()[-200:]}"
            )
        return {"value": float(done.stdout), "quality": 0.0}
