"""Codes of a fitted model: many rows at once, and one row at a time."""

from __future__ import annotations

from benchmarks.speed import encoders
from benchmarks.speed.contract import Aim, Case, Ceiling, Contender, Job

THREADS = {"threads": 2}
MODELS = {"shallow": "784-64", "deep": "784-512-256-32"}


def cases(calls: int) -> tuple[Case, ...]:
    many = (
        Case(f"{name}_batch", f"{title}, all rows", "rows/s", {"model": name, "single": False}, higher=True)
        for name, title in MODELS.items()
    )
    single = (
        Case(f"{name}_row", f"{title}, one row, p50", "ms", {"model": name, "single": True, "calls": calls})
        for name, title in MODELS.items()
    )
    return (*many, *single)


ORT = ("onnx_",)
JOB = Job(
    name="transform",
    title="`transform`: rows to codes",
    words=(
        "Codes of the 60,000 training images of MNIST by two fitted encoders: rows per second when all are"
        " given at once, and milliseconds of a call with one row. Narrows is timed as users call it, with its"
        " checks and scikit-learn's face; onnxruntime and a bare PyTorch module get the same weights and the"
        " same two threads, and do nothing but the network. Every contender's codes must agree with those"
        " computed in float64 to 0.0001."
    ),
    quality="largest deviation of a code from its float64 value, over the largest code",
    cases=cases(300),
    tiny=cases(50),
    contenders=(
        Contender("narrows", "Narrows transform", "torch_encode:Narrows", THREADS, ("narrows",)),
        Contender(
            "onnx_all",
            "onnxruntime, all rows at once",
            "onnx_encode:Session",
            THREADS,
            ("onnx", "onnxruntime"),
        ),
        Contender(
            "onnx_chunks",
            "onnxruntime, 1,024 rows at a time",
            "onnx_encode:Session",
            {**THREADS, "chunk": 1024},
            ("onnx", "onnxruntime"),
        ),
        Contender("torch", "bare PyTorch module", "torch_encode:Module", THREADS, ("torch",)),
    ),
    prepare=encoders.prepare,
    also={"p99": "ms p99"},
    aims=tuple(
        aim
        for name, title in MODELS.items()
        for aim in (
            Aim(f"{name}_batch", f"{title}, all rows, against onnxruntime", ORT, 0.9),
            Aim(f"{name}_row", f"{title}, one row, against onnxruntime", ORT),
            Ceiling(f"{name}_row", f"{title}, one row, p50", 0.5),
        )
    ),
)
