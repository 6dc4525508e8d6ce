"""One model, one file: safetensors whose header says, in JSON, how the weights are put together.

Nothing in the file is code and nothing of it is run: parts are looked up by name in the public
lists, networks are built without weights and then given the file's.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from narrows._version import __version__
from narrows.atomic import atomic_path
from narrows.baseline import Baseline
from narrows.contracts import Shapes
from narrows.fitted import Fitted, Labelled, Mixture, Moments
from narrows.header import FORMAT, damaged, describe, text
from narrows.inputs.design import design_width
from narrows.inputs.scaling import Affine
from narrows.inputs.schemas import schema_from_json
from narrows.net import Net
from narrows.spec import Spec
from narrows.tasks.density import densities

__all__ = ["Model", "Task", "describe", "load", "save"]

SEAL = re.compile(r', "checksum": "[0-9a-f]{64}"}$')
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted model as a file holds it: ``params`` are the estimator's own parameters as JSON, ``names``
    its columns'."""

    fitted: Fitted
    params: dict[str, Any]
    names: list[str] | None


@dataclass(frozen=True, eq=False)
class Task:
    """What an estimator learned beyond its models: ``face`` is its name, ``params`` its parameters and
    ``state`` the rest as JSON, ``arrays`` its numbers; ``others`` are further models than the first."""

    face: str
    params: dict[str, Any]
    state: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    others: tuple[Model, ...] = ()


def save(
    path: str | Path, model: Model, task: Task | None = None, left_out: Collection[str] = frozenset()
) -> None:
    """Write the model, and the task that it is used for; such a file is one of the model, too.

    ``left_out``: names of tensors of the network that the task does without; a loaded model has NaN there.  The file
    appears whole or not at all.
    """
    document, tensors = _packed(model)
    if left_out:
        document["left_out"] = sorted(left_out)
        tensors = {name: t for name, t in tensors.items() if name.removeprefix("net.") not in left_out}
    if task is not None:
        document["task"] = {"face": task.face, "params": task.params, "state": task.state, "others": []}
        tensors |= {f"task.{name}": torch.from_numpy(np.array(a)) for name, a in task.arrays.items()}
        for i, other in enumerate(task.others):
            mine, numbers = _packed(other)
            document["task"]["others"].append(mine)
            tensors |= {f"other{i}.{name}": t for name, t in numbers.items()}
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    # One entry: with several, safetensors would write them in an order of its own, differently each time.
    metadata = {"narrows": sealed(json.dumps(document), tensors)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, metadata))


def _packed(model: Model) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The model's description and its numbers."""
    fitted = model.fitted
    tensors = {f"net.{k}": v for k, v in fitted.net.state_dict().items()}
    tensors |= {
        "scale.shift": torch.as_tensor(fitted.affine.shift),
        "scale.scale": torch.as_tensor(fitted.affine.scale),
        "pca.mean": torch.as_tensor(fitted.baseline.mean),
        "pca.components": torch.as_tensor(fitted.baseline.components),
        "pca.variances": torch.as_tensor(fitted.baseline.variances),
    }
    if fitted.codes is not None:
        tensors |= {"codes.mean": fitted.codes.mean, "codes.factor": fitted.codes.factor}
    # In place of codes, which are the user's rows in other words.
    for label, density in densities(fitted).items():
        tensors |= {f"{_of(label)}.{k}": getattr(density, k) for k in ("weights", "means", "factors")}
    document = {
        "format": FORMAT,
        "spec": fitted.spec.to_json(),
        "schema": fitted.schema.to_json(),
        "latent_dim": fitted.latent_dim,
        "bounded": fitted.net.shapes.bounded,
        "dtype": str(fitted.dtype).removeprefix("torch."),
        "noise": fitted.baseline.noise,
        "coded": None if fitted.codes is None else fitted.codes.rows,
        "labels": None if fitted.labelled is None else list(fitted.labelled.classes),
        "labelled": None if fitted.labelled is None else list(fitted.labelled.rows),
        "seed": fitted.seed,
        "params": model.params,
        "names": model.names,
        "training": fitted.training,
        "history": list(fitted.history),
        "versions": {"narrows": __version__, "torch": torch.__version__, "numpy": np.__version__},
    }
    return document, tensors


def _of(label: int | None) -> str:
    """What a density's tensors are called by."""
    return "density" if label is None else f"density{label}"


def load(path: str | Path, modules: tuple[nn.Module, nn.Module] | None = None) -> tuple[Model, Task | None]:
    """Read a model back, and its task if it was saved with one.

    ``modules`` are the networks of a model that was fitted with the user's own.
    """
    document = describe(path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (safetensors.SafetensorError, struct.error, OSError) as error:
        raise damaged(path, str(error)) from None
    try:
        written = text(path)
        if sealed(SEAL.sub("}", written), tensors) != written:
            raise damaged(path, "its checksum does not match")
        model = _unpacked(path, document, tensors, modules)
        if "task" not in document:
            return model, None
        found = document["task"]
        others = [
            _unpacked(path, other, _within(tensors, f"other{i}."), modules)
            for i, other in enumerate(found["others"])
        ]
        arrays = {name: t.numpy() for name, t in _within(tensors, "task.").items()}
        return model, Task(found["face"], found["params"], found["state"], arrays, tuple(others))
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError, RuntimeError) as error:
        # A forged file may have a right checksum over nonsense.
        raise damaged(path, f"its parts do not fit together: {str(error).splitlines()[0]}") from None


def _within(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _unpacked(
    path: str | Path,
    document: dict[str, Any],
    tensors: dict[str, Tensor],
    modules: tuple[nn.Module, nn.Module] | None,
) -> Model:
    return Model(_rebuilt(path, document, tensors, modules), document["params"], document["names"])


def _rebuilt(
    path: str | Path,
    document: dict[str, Any],
    tensors: dict[str, Tensor],
    modules: tuple[nn.Module, nn.Module] | None,
) -> Fitted:
    spec = Spec.from_json(document["spec"], modules)
    schema = schema_from_json(document["schema"])
    shapes = Shapes(schema.row, document["latent_dim"], schema.levels, schema.missing, document["bounded"])
    # On the meta device nothing is allocated or initialised: the file's tensors become the weights.
    with torch.device("meta"):
        net = Net(spec, shapes)
    weights = _within(tensors, "net.")
    weights |= _blanks(net, document.get("left_out", ()), DTYPES[document["dtype"]])
    try:
        net.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip(" \t.")
        if modules is None:
            raise damaged(path, f"its weights do not fit its choices: {detail}") from None
        raise ValueError(
            f"{path} cannot be loaded with the networks given ({detail}): pass a pair of the shape that was fitted."
        ) from None
    shift, scale = tensors["scale.shift"].numpy(), tensors["scale.scale"].numpy()
    mean, components, variances = (tensors[f"pca.{k}"].numpy() for k in ("mean", "components", "variances"))
    codes = None
    if "codes.mean" in tensors:
        codes = Moments(tensors["codes.mean"], tensors["codes.factor"], int(document["coded"]))
    width = design_width(schema.levels, shapes.features)
    fits = (
        _broadcasts(shift, schema.row)
        and _broadcasts(scale, schema.row)
        and mean.shape == (width,)
        and components.shape == (len(variances), width)
        and (codes is None or codes.mean.shape == codes.factor.shape[:1] == (math.prod(net.shapes.code),))
        and isinstance(document["seed"], int)
    )
    if not fits:
        raise damaged(path, "its scaler, components or codes have the wrong shape")
    labels = document.get("labels")  # which files of earlier versions do not have
    labelled = None if labels is None else Labelled(tuple(labels), tuple(map(int, document["labelled"])))
    return Fitted(
        spec=spec,
        schema=schema,
        affine=Affine(shift, scale),
        net=net.to(DTYPES[document["dtype"]]).eval(),
        baseline=Baseline(mean, components, variances, float(document["noise"])),
        codes=codes,
        seed=document["seed"],
        history=tuple(document["history"]),
        training=document["training"],
        labelled=labelled,
        densities=_densities(path, tensors, labelled, math.prod(net.shapes.code)),
    )


def _blanks(net: Net, names: Collection[str], dtype: torch.dtype) -> dict[str, Tensor]:
    """Tensors of NaN, of no memory, in the place of those that were left out."""
    known = net.state_dict()
    kinds = {name: dtype if known[name].is_floating_point() else known[name].dtype for name in names}
    nan = float("nan")
    return {
        name: torch.full((), nan if kind.is_floating_point else 0, dtype=kind).expand(known[name].shape)
        for name, kind in kinds.items()
    }


def _densities(
    path: str | Path, tensors: dict[str, Tensor], labelled: Labelled | None, dims: int
) -> dict[int | None, Mixture]:
    """Those in the file: of all codes where they are narrow, and of every label."""
    labels = range(0 if labelled is None else len(labelled.classes))
    found = {}
    for label in (None, *labels):
        parts = _within(tensors, f"{_of(label)}.")
        if label is None and not parts:
            continue
        density = Mixture(parts["weights"], parts["means"], parts["factors"])
        count = density.weights.numel()
        whole = density.weights.shape == (count,) and density.factors.ndim == 3
        if not (whole and count and density.means.shape == density.factors.shape[:2] == (count, dims)):
            raise damaged(path, "its densities of codes have the wrong shape")
        found[label] = density
    return found


def _broadcasts(array: np.ndarray, row: tuple[int, ...]) -> bool:
    tail = row[len(row) - array.ndim :]
    return array.ndim <= len(row) and all(a in (1, b) for a, b in zip(array.shape, tail, strict=True))


def sealed(document: str, tensors: dict[str, Tensor]) -> str:
    """The JSON object ``document`` with a last key "checksum": SHA-256 over its text and every
    tensor's name, type, shape and bytes, in name order."""
    digest = hashlib.sha256(document.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name].numpy())
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return f'{document[:-1]}, "checksum": "{digest.hexdigest()}"}}'
