"""What names everything that the decoding of an archive depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from narrows.estimators._coders import Linear
from narrows.fitted import Fitted

ENCODING = ("encoder.", "embed.", "corruption.", "penalties.", "bottleneck.project.", "bottleneck.density.")

# Parameters that parts got since version 1 of the file, and the values that mean what was before: a part that has them
# decodes as it did.
NEWER: dict[str, Any] = {"input_dropout": 0.0, "sparse": False}


def seal(fitted: Fitted, tables: Iterable[Any], linear: Linear) -> str:
    """SHA-256 in hexadecimal digits over frequencies of symbols, the decoding half of the network and how it is put
    together, PCA, the scaler and the schema: with any other of them an archive is another model's."""
    digest = hashlib.sha256()
    for way in tables:
        for name, array in sorted(way.arrays().items()):
            _take(digest, name, array)
    halves = encodes(fitted)
    for name, tensor in sorted(fitted.net.state_dict().items()):
        if name not in halves:
            _take(digest, name, tensor.detach().cpu().numpy())
    numbers = {"mean": linear.mean, "components": linear.components, "step": np.float64(linear.step)}
    numbers |= {"shift": fitted.affine.shift, "scale": fitted.affine.scale}
    for name, array in sorted(numbers.items()):
        _take(digest, name, array)
    spec = fitted.spec.to_json()
    parts = {name: _first(spec.get(name)) for name in ("input", "backbone", "bottleneck", "likelihood")}
    parts |= {"schema": fitted.schema.to_json(), "bounded": fitted.net.shapes.bounded}
    digest.update(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode())
    return digest.hexdigest()


def fits(found: Any, fitted: Fitted, tables: Iterable[Any], linear: Linear) -> bool:
    """Whether an archive that has ``found`` in its header can be decoded by these."""
    tables = tuple(tables)
    return found in (seal(fitted, tables, linear), _older(fitted, tables, linear))


def _older(fitted: Fitted, tables: Iterable[Any], linear: Linear) -> str:
    """What the first codecs wrote in its place: without types and shapes, and over the whole network."""
    digest = hashlib.sha256()
    for way in tables:
        for name, array in sorted(way.arrays().items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    for name, tensor in sorted(fitted.net.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    for array in (linear.mean, linear.components, np.float64(linear.step)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def encodes(fitted: Fitted) -> frozenset[str]:
    """The names of the network's tensors that only rows on their way to symbols need; none where the decoder shares
    the encoder's weights."""
    if hasattr(fitted.net.decoder, "tie"):
        return frozenset()
    return frozenset(name for name in fitted.net.state_dict() if name.startswith(ENCODING))


def _first(part: Any) -> Any:
    """The JSON of a part, without what version 1 did not know."""
    if not isinstance(part, dict):
        return part
    return {k: _first(v) for k, v in part.items() if k not in NEWER or v != NEWER[k]}


def _take(digest: Any, name: str, array: Any) -> None:
    array = np.ascontiguousarray(array)
    digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
    digest.update(array.tobytes())
