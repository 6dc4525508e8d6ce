"""The jobs, in the order in which they are shown: one file each."""

from __future__ import annotations

from benchmarks.speed.contract import Job
from benchmarks.speed.jobs import (
    conv,
    ensemble,
    gemm_floor,
    growth,
    mnist_time,
    steps,
    table,
    transform,
    variational,
)

JOBS: dict[str, Job] = {
    module.JOB.name: module.JOB
    for module in (mnist_time, steps, gemm_floor, conv, table, variational, transform, ensemble, growth)
}
