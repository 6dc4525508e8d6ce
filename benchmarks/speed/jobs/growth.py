"""How time and memory grow with the data and the model: Narrows alone, drawn and not compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.speed.contract import Case, Contender, Job

FEATURES = 256  # of the model whose memory is measured


def prepare(folder: Path, tiny: bool) -> None:
    """The model whose ``transform`` is asked for its memory."""
    import narrows as nw

    x = np.random.default_rng(0).random((512, FEATURES), dtype=np.float32)
    nw.recipes.undercomplete(latent_dim=16, max_epochs=1).fit(x).save(folder / "model.safetensors")


def doubled(first: int, last: int) -> list[int]:
    sizes = [first]
    while sizes[-1] < last:
        sizes.append(2 * sizes[-1])
    return sizes


def point(axis: str, x: int, **base: int) -> Case:
    name = "rows" if axis == "memory" else axis
    unit = "MiB" if axis == "memory" else "s"
    title = f"{x:,} rows, memory" if axis == "memory" else f"{x:,} {'latents' if axis == 'latent' else axis}"
    return Case(f"{axis}_{x}", title, unit, {**base, name: x, "axis": axis, "x": x})


def curves(
    rows: Iterable[int],
    features: Iterable[int],
    latent: Iterable[int],
    memory: Iterable[int],
    fixed: int,
    epochs: int,
) -> tuple[Case, ...]:
    base = {"rows": fixed, "features": 64, "latent": 16, "batch": 128, "epochs": epochs}
    return (
        *(point("rows", x, **base) for x in rows),
        *(point("features", x, **base) for x in features),
        *(point("latent", x, **{**base, "features": 512}) for x in latent),
        *(point("memory", x) for x in memory),
    )


JOB = Job(
    name="growth",
    title="Growth of time and memory",
    words=(
        "Narrows alone. Seconds of a fit of `nw.recipes.undercomplete` (one hidden layer of 128 units each"
        " side of the code) on generated tables, 5 epochs in batches of 128: against rows (64 features, 16"
        " latents), against features (8,192 rows, 16 latents) and against the size of the code (8,192 rows,"
        " 512 features). And memory of `transform` on an array of 256 features: the process's peak above what"
        " it held before, less the answer."
    ),
    quality="MSE on held-out rows over their variance",
    cases=curves(
        doubled(1000, 64_000),
        doubled(16, 2048),
        doubled(2, 256),
        doubled(4000, 256_000),
        fixed=8192,
        epochs=5,
    ),
    tiny=curves([200, 400], [32], [4], [500], fixed=300, epochs=2),
    contenders=(Contender("narrows", "Narrows", "narrows_growth:Growth", needs=("narrows",)),),
    prepare=prepare,
    growth=True,
)
