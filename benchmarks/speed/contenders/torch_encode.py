"""``transform`` of Narrows, and the same network as a bare PyTorch module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.speed import arrays, encoders
from benchmarks.speed.contenders._encoding import timed
from benchmarks.speed.contenders.torch_loop import sequential
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import allowed


class Narrows:
    """What users call, scikit-learn's face and all checks included."""

    def __init__(self, folder: Path, threads: int) -> None:
        import narrows as nw

        torch.set_num_threads(allowed(threads))
        self.folder = folder
        (self.rows,) = arrays.read(folder, "train")
        self.models = {name: nw.load(folder / f"{name}.safetensors") for name in ("shallow", "deep")}

    def run(self, case: Case) -> Figures:
        return timed(self.models[case.params["model"]].transform, self.folder, self.rows, case)


class Module:
    """No checks, no scaling, no chunks: the whole array through ``nn.Sequential``."""

    def __init__(self, folder: Path, threads: int) -> None:
        torch.set_num_threads(allowed(threads))
        self.folder = folder
        (self.rows,) = arrays.read(folder, "train")
        tiny = self.rows.shape[1] < 784
        self.nets: dict[str, nn.Module] = {}
        for name, stack in encoders.stacks(self.rows.shape[1], tiny).items():
            net = sequential(stack).eval()
            linear = [m for m in net if isinstance(m, nn.Linear)]
            for layer, (w, b) in zip(linear, encoders.weights(folder, name, stack), strict=True):
                layer.weight.data, layer.bias.data = torch.from_numpy(w.T.copy()), torch.from_numpy(b)
            self.nets[name] = net

    def run(self, case: Case) -> Figures:
        net = self.nets[case.params["model"]]

        @torch.inference_mode()
        def encode(rows: np.ndarray) -> np.ndarray:
            return net(torch.from_numpy(rows)).numpy()

        return timed(encode, self.folder, self.rows, case)
