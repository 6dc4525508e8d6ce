"""The verb ``info``: what a model or a data file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from narrows.cli.options import MODEL_ENDING, Json, check_model, count, read_data

if TYPE_CHECKING:
    import numpy as np
    import pyarrow


def info(
    model_or_data: Annotated[
        str,
        Parameter(
            help="A model (.safetensors), an archive (.nrw), a data file, or the name of built-in data."
        ),
    ],
    /,
    *,
    json: Json = False,
) -> None:
    """Say what a model, an archive or a data file holds, without training anything.

    For a model: how it is composed, what rows it takes, how it was trained and
    with which versions; nothing in it is run. For what 'narrows compress' wrote:
    kind and number of rows, what error they may have, and whether the model that
    they need is inside. For data: rows, columns, types,
    ranges, how many values are missing, and what a fit would take them for.

    For example:

        narrows info m.safetensors
        narrows info table.csv --json
    """
    from narrows.cli import tables

    if Path(model_or_data).suffix.lower() == MODEL_ENDING:
        check_model(model_or_data)
        from narrows import header

        facts = header.describe(model_or_data)
        mine = _task_facts(model_or_data, facts)
        if json:
            tables.print_json(facts | mine)
        else:
            tables.print_facts(mine | summary(facts), f"{model_or_data} (all of it with --json)")
        return

    if Path(model_or_data).suffix.lower() == ".nrw":
        from narrows.cli.archives import archive_facts

        facts = archive_facts(model_or_data)
        (tables.print_json(facts) if json else tables.print_facts(facts, model_or_data))
        return

    import numpy as np
    import pyarrow

    rows = read_data(model_or_data)
    if isinstance(rows, np.ndarray):
        facts = _array_facts(rows)
    elif isinstance(rows, pyarrow.Table):
        facts = _table_facts(rows)
    elif getattr(rows, "uncut", False):
        seconds = sum(map(len, rows)) / rows.rate
        facts = {
            "sounds": len(rows),
            "seconds": seconds,
            "samples_per_second": rows.rate,
            "channels": rows[0].shape[1],
        }
    else:
        facts = {"rows": count(rows), "shape": list(getattr(rows, "shape", (count(rows),)))}
    facts |= _schema_facts(rows, facts)
    if json:
        tables.print_json(facts)
    elif "columns" in facts:
        missing = sum(column["missing"] for column in facts["columns"])
        title = f"{model_or_data}: {facts['rows']} rows, {len(facts['columns'])} columns, {missing} values missing"
        title += f"; input: {facts['input'] or facts['why']}"
        tables.print_columns(facts["columns"], title)
    else:
        tables.print_facts(facts, model_or_data)


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """What a person wants to know of a model's description, a line each."""
    spec, training, history = document["spec"], document["training"], document["history"]
    task = document.get("task")
    facts: dict[str, Any] = {}
    if task is not None:
        several = 1 + len(task["others"])
        facts["task"] = task["face"] + (f" of {several} models, the first of them:" if several > 1 else "")
    facts |= {choice: said(part) for choice, part in spec.items() if part not in (None, [])}
    schema = document["schema"]
    names = document["names"] or [column["name"] for column in schema.get("columns", ())]
    if "shape" in schema:
        facts["row"] = " × ".join(map(str, schema["shape"]))
    if names:
        facts["columns"] = names
    facts["latent_dim"] = document["latent_dim"]
    facts["trained on"] = f"{training['rows']} rows, {training['validation_rows']} more held out"
    facts["training"] = f"{training['epochs']} epochs in {training['seconds']:.1f} s ({training['stopped']})"
    if history:
        # The epoch whose weights the model has; files of earlier versions do not say which.
        kept = history[(training.get("kept_epoch") or len(history)) - 1]
        loss = "val_loss" if "val_loss" in kept else "loss"
        facts[loss] = f"{kept[loss]:.5g}, epoch {kept['epoch']}"
    facts["seed"] = document["seed"]
    facts["versions"] = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    return facts


def _task_facts(path: str, document: dict[str, Any]) -> dict[str, Any]:
    """What a task's file knows beyond its models, where that is worth a line."""
    from narrows.cli.recommenders import known

    recommends = (document.get("task") or {}).get("face") == "Recommender"
    return {"recommends": known(path, document)} if recommends else {}


def said(part: Any) -> str:
    """A part's description as a person would write the part.

    >>> said({"part": "MLP", "hidden": [8, 4], "tied": False})
    'MLP(hidden=(8, 4), tied=False)'
    """
    if isinstance(part, list):
        return f"({', '.join(map(said, part))})"
    if not isinstance(part, dict) or "part" not in part:
        return repr(part)
    inner = ", ".join(f"{name}={said(value)}" for name, value in part.items() if name != "part")
    return f"{part['part']}({inner})"


def _schema_facts(rows: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """What a fit would take the rows for; a table's columns are told what each of them is to it."""
    from narrows.inputs.lazy import is_lazy
    from narrows.inputs.schemas import infer

    try:
        part = infer(rows)
        if is_lazy(rows):  # nothing is said of its columns: no pass over all of it
            return {"input": type(part).__name__}
        schema = part.learn(rows)
    except (TypeError, ValueError) as error:
        return {"input": None, "why": str(error)}
    kinds = {column.name: column for column in getattr(schema, "columns", ())}
    for column in facts.get("columns", []):
        known = kinds.get(column["column"])
        column["as"] = known.kind if known else "number"
        column["levels"] = known.size or None if known else None
    return {"input": type(part).__name__}


def _array_facts(rows: np.ndarray) -> dict[str, Any]:
    import numpy as np

    facts: dict[str, Any] = {"rows": len(rows), "shape": list(rows.shape), "type": str(rows.dtype)}
    if rows.dtype.kind not in "biuf":
        return facts
    finite = np.isfinite(rows)
    facts["missing"] = int(np.isnan(rows).sum()) if rows.dtype.kind == "f" else 0
    facts["infinite"] = int((~finite).sum()) - facts["missing"]
    if finite.any():
        numbers = rows[finite]
        facts["min"], facts["max"] = numbers.min().item(), numbers.max().item()
        facts["mean"] = float(numbers.mean(dtype=np.float64))
    return facts


def _table_facts(table: pyarrow.Table) -> dict[str, Any]:
    return {
        "rows": table.num_rows,
        "columns": [_column_facts(name, table[name]) for name in table.column_names],
    }


def _column_facts(name: str, column: pyarrow.ChunkedArray) -> dict[str, Any]:
    """Range and mean of numbers, the number of different values of anything else."""
    import pyarrow
    import pyarrow.compute as pc

    kind = column.type
    facts: dict[str, Any] = {"column": name, "type": str(kind), "missing": column.null_count}
    facts |= {"min": None, "mean": None, "max": None, "distinct": None}
    if pyarrow.types.is_floating(kind):
        nan = pc.is_nan(column).fill_null(False)
        facts["missing"] += pc.sum(nan).as_py() or 0
        column = column.filter(pc.invert(nan))
    if pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind) or pyarrow.types.is_boolean(kind):
        numbers = column.cast(pyarrow.int8()) if pyarrow.types.is_boolean(kind) else column
        facts |= pc.min_max(numbers).as_py()
        facts["mean"] = pc.mean(numbers).as_py()
    elif not pyarrow.types.is_null(kind):
        facts["distinct"] = pc.count_distinct(column.drop_null()).as_py()
    return facts
