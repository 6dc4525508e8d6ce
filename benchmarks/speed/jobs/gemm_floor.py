"""How near a training step is to the arithmetic that it cannot do without."""

from __future__ import annotations

from functools import partial

from benchmarks.speed import arrays
from benchmarks.speed.contract import Aim, Case, Contender, Job
from benchmarks.speed.jobs._contenders import narrows

BATCHES = (256, 1024)
THREADS = (1, 2)


def cases(code: int, epochs: int, **more: float) -> tuple[Case, ...]:
    return tuple(
        Case(
            f"{b}_{t}",
            f"batch {b}, {t} thread{'s' * (t > 1)}",
            "ms",
            {"batch": b, "threads": t, "code": code, "epochs": epochs, **more},
        )
        for b in BATCHES
        for t in THREADS
    )


FLOOR = ("floor_mkl", "floor_onednn")
FLOOR_BF16 = ("floor_bf16",)

JOB = Job(
    name="gemm_floor",
    title="Fraction of the GEMM floor, 784-64-784",
    words=(
        "Milliseconds of a training step of Narrows (as in the job before, with the same number of threads"
        " allowed to both) beside those of the five matrix products that such a step consists of, alone, back to"
        " back, by the fastest kernels there are: MKL's and oneDNN's in float32, and oneDNN's on bfloat16"
        " operands, which is the floor where Narrows lets products round like that. The fraction is floor"
        " over step; 1 would be a step that does nothing but multiply."
    ),
    quality="test MSE after the epochs; of a floor: largest relative error of a product",
    cases=cases(64, 5),
    tiny=cases(16, 12, seconds=0.05)[:2],
    contenders=(
        *narrows("narrows_fit:Epochs", recipe="vanilla"),
        Contender("floor_mkl", "five products, MKL float32", "gemm:Floor", {"kernel": "mkl"}, ("torch",)),
        Contender(
            "floor_onednn", "five products, oneDNN float32", "gemm:Floor", {"kernel": "onednn"}, ("torch",)
        ),
        Contender(
            "floor_bf16",
            "five products, oneDNN bfloat16",
            "gemm:Floor",
            {"kernel": "onednn_bf16"},
            ("torch",),
        ),
    ),
    prepare=partial(arrays.flat_images, name="mnist"),
    also={"threads": "threads used"},
    reference="narrows_fp32",
    aims=tuple(
        aim
        for case in cases(64, 5)
        for aim in (
            Aim(case.name, f"{case.title}: of the float32 floor", FLOOR, 0.6),
            Aim(case.name, f"{case.title}: in float32, of the float32 floor", FLOOR, ours="narrows_fp32"),
            Aim(case.name, f"{case.title}: of the bfloat16 floor", FLOOR_BF16),
        )
    ),
)
