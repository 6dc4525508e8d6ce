"""Data larger than memory: peak memory and speed of one epoch and of ``transform``, from a file of arrays
and from a folder of Parquet files, beside the same on rows in memory.

python benchmarks/streaming.py [--gigabytes 8 4] [--features 256] [--folder DIR]

Each measurement is a process of its own, whose largest resident size the system tells.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BLOCK = 65_536  # rows that are written at a time
IN_MEMORY = 1 << 29  # bytes of rows for the run in memory


def blocks(rows: int, features: int):
    """Rows of a low rank and some noise, a block at a time."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(8, features)).astype(np.float32)
    for start in range(0, rows, BLOCK):
        n = min(BLOCK, rows - start)
        codes = rng.normal(size=(n, 8)).astype(np.float32)
        yield codes @ maps + rng.normal(0, 0.1, size=(n, features)).astype(np.float32)


def write_npy(path: Path, rows: int, features: int) -> None:
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, features)}
        np.lib.format.write_array_header_2_0(file, header)
        for block in blocks(rows, features):
            file.write(block.tobytes())


def write_parquet(folder: Path, rows: int, features: int, parts: int = 8) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [f"c{i}" for i in range(features)]
    folder.mkdir()
    writer, per_part, written = None, -(-rows // parts), 0
    for block in blocks(rows, features):
        table = pa.table(list(block.T.copy()), names=names)
        if writer is None or written // per_part != (written + len(block)) // per_part:
            if writer is not None:
                writer.close()
            writer = pq.ParquetWriter(folder / f"{written:012d}.parquet", table.schema, use_dictionary=False)
        writer.write_table(table)
        written += len(block)
    writer.close()


def measure(data: str, out: str, in_memory: bool) -> None:
    """One epoch and transform, in this process; prints what they took."""
    import narrows as nw
    from narrows.sources.npy import Npy

    X = Npy(data)[: IN_MEMORY // (4 * Npy(data).shape[1])] if in_memory else data
    ends: list[float] = []

    class Clock:
        def on_fit_start(self, state: object) -> None:
            ends.append(time.perf_counter())

        on_epoch_end = on_fit_start

    ae = nw.recipes.undercomplete(
        latent_dim=8,
        max_epochs=1,
        batch_size=256,
        patience=None,
        validation_fraction=0.01,
        callbacks=[Clock()],
    ).fit(X)
    rows = ae.fitted_.training["rows"]
    began = time.perf_counter()
    ae.transform(X, out=out)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    total = rows + ae.fitted_.training["validation_rows"]
    figures = {
        "rows": total,
        "epoch": rows / (ends[1] - ends[0]),
        "transform": total / seconds,
        "peak_gib": peak,
    }
    print(json.dumps(figures))


def run(data: Path, out: Path, in_memory: bool = False) -> dict[str, float]:
    command = [
        sys.executable,
        __file__,
        "--measure",
        str(data),
        str(out),
        *(["--in-memory"] if in_memory else []),
    ]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--gigabytes", nargs=2, type=float, default=(8, 4), help="of the array, of the folder"
    )
    parser.add_argument("--features", type=int, default=256)
    parser.add_argument("--folder", type=Path, default=None, help="with room for all of it")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(*args.measure, args.in_memory)
        return
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        array, parts = folder / "x.npy", folder / "parts"
        rows = [int(gb * 2**30 / 4 / args.features) for gb in args.gigabytes]
        write_npy(array, rows[0], args.features)
        write_parquet(parts, rows[1], args.features)
        memory = run(array, folder / "z.npy", in_memory=True)
        print(f"{'':24}{'rows':>12}{'epoch rows/s':>16}{'transform rows/s':>18}{'peak GiB':>10}")
        for title, found in (
            ("in memory", memory),
            (f"npy, {args.gigabytes[0]:g} GiB", run(array, folder / "z.npy")),
            (f"parquet, {args.gigabytes[1]:g} GiB", run(parts, folder / "z.parquet")),
            ("in memory, again", run(array, folder / "z.npy", in_memory=True)),
        ):
            shares = [found[k] / memory[k] for k in ("epoch", "transform")]
            print(
                f"{title:24}{found['rows']:12,}{found['epoch']:10,.0f} {shares[0]:4.2f}×"
                f"{found['transform']:12,.0f} {shares[1]:4.2f}×{found['peak_gib']:10.2f}",
                flush=True,
            )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
