"""The same network as an ONNX graph in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.speed import arrays, encoders, networks
from benchmarks.speed.contenders._encoding import timed
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import allowed

OPSET = 17


def graph(stack: networks.Stack, weights: networks.Weights) -> onnx.ModelProto:
    """Gemm and Relu nodes, any number of rows."""
    nodes, initializers, name = [], [], "x"
    for i, ((w, b), follows) in enumerate(zip(weights, stack.activations, strict=True)):
        initializers += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [f"a{i}"]))
        name = f"a{i}"
        if follows == "relu":
            nodes.append(helper.make_node("Relu", [name], [f"h{i}"]))
            name = f"h{i}"
    ends = [
        helper.make_tensor_value_info(end, TensorProto.FLOAT, ["rows", width])
        for end, width in (("x", stack.widths[0]), (name, stack.widths[-1]))
    ]
    made = helper.make_graph(nodes, "encoder", [ends[0]], [ends[1]], initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


class Session:
    """``chunk``: rows per call of the session; 0 is all at once."""

    def __init__(self, folder: Path, threads: int, chunk: int = 0) -> None:
        self.folder, self.chunk = folder, chunk
        (self.rows,) = arrays.read(folder, "train")
        tiny = self.rows.shape[1] < 784
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = allowed(threads), 1
        self.sessions = {
            name: onnxruntime.InferenceSession(
                graph(stack, encoders.weights(folder, name, stack)).SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
            )
            for name, stack in encoders.stacks(self.rows.shape[1], tiny).items()
        }

    def run(self, case: Case) -> Figures:
        session = self.sessions[case.params["model"]]

        def encode(rows: np.ndarray) -> np.ndarray:
            size = self.chunk or len(rows)
            parts = [session.run(None, {"x": rows[i : i + size]})[0] for i in range(0, len(rows), size)]
            return parts[0] if len(parts) == 1 else np.concatenate(parts)

        return timed(encode, self.folder, self.rows, case)
