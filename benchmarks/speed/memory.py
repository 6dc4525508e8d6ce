"""Peak memory of ``transform`` above its input and its answer, measured in a process of its own.

python -m benchmarks.speed.memory MODEL ROWS
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import narrows as nw

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
CHUNKS = 4096  # rows of a first call, so that what libraries keep for good is not counted


def kilobytes(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


def main(model: str, rows: int) -> None:
    ae = nw.load(model)
    x = np.empty((rows, ae.n_features_in_), np.float32)
    np.random.default_rng(0).random(out=x, dtype=np.float32)
    ae.transform(x[: min(rows, CHUNKS)])
    before = kilobytes("VmRSS")
    CLEAR.write_text("5")  # the peak starts anew from here
    codes = ae.transform(x)
    print(max(0.0, (kilobytes("VmHWM") - before) / 1024 - codes.nbytes / 2**20))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
