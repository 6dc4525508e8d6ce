"""Reading what a model file says about itself, without torch and without its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FORMAT = 1  # of the document in the header; raised when an older reader could not make sense of it
LIMIT = 100_000_000  # bytes a header may claim, as safetensors itself has it


def damaged(path: str | Path, reason: str) -> ValueError:
    """The one sentence about a file that cannot be trusted."""
    return ValueError(
        f"{path} is damaged or cut short ({reason}), but a whole model file was expected:"
        " copy it again or save the model anew."
    )


def text(path: str | Path) -> str:
    """The JSON document in a model file's header, as it was written."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, but a model file was expected: check the path.")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LIMIT, path.stat().st_size - 8):
            raise damaged(path, "it does not begin with a safetensors header")
        raw = file.read(length)
    try:
        metadata = json.loads(raw).get("__metadata__", {})
    except (ValueError, AttributeError, RecursionError):
        raise damaged(path, "its header is not JSON") from None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("narrows"), str):
        raise ValueError(
            f"{path} is a safetensors file without a narrows model in it, but one written by save() was expected."
        )
    return metadata["narrows"]


def describe(path: str | Path) -> dict[str, Any]:
    """The document in a model file's header: spec, schema, params, versions, training."""
    written = text(path)
    try:
        document = json.loads(written)
    except (ValueError, RecursionError):
        raise damaged(path, "its description of the model is not JSON") from None
    if not isinstance(document, dict):
        raise damaged(path, "its description of the model is not an object")
    if document.get("format") != FORMAT:
        raise ValueError(
            f"{path} has model format {document.get('format')!r}, but this version reads {FORMAT}:"
            " install the narrows that wrote it."
        )
    return document
