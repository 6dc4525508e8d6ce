"""The verb that fills gaps. Its docstring is its help page."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from narrows.cli.answers import data_output
from narrows.cli.options import (
    Json,
    Quiet,
    Seed,
    check_model,
    count,
    load_model,
    output_path,
    read_data,
    whole,
)
from narrows.cli.verbs import Data, Model


def impute(
    model: Model,
    data: Data,
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(help="Where to write the rows. Without it, DATA-filled in DATA's own format."),
    ] = None,
    draws: Annotated[
        int,
        Parameter(
            metavar="N",
            converter=whole,
            help="Write N tables, OUT with -1 to -N before its ending, of gaps filled by chance.",
        ),
    ] = 0,
    report: Annotated[
        Path | None,
        Parameter(help="An .html page that shows what was filled, and how sure that is."),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write DATA with its gaps filled.

    Numbers get what is expected given what is there of their row, categories,
    booleans and whole numbers the likeliest. What is there is not touched.
    MODEL is what 'narrows fit --task impute' wrote, or any autoencoder of a
    table.

    One fill does not say how sure it is. With --draws 20 there are twenty
    tables, each filled with what may have been there: analyse each of them,
    and see how far the results differ.

    For example:

        narrows fit table.csv --task impute --out m.safetensors
        narrows impute m.safetensors table.csv --out filled.csv
        narrows impute m.safetensors later.csv --draws 20 --report gaps.html
    """
    check_model(model)
    path = data_output(out, data, "filled", model)
    if draws < 0:
        raise ValueError(f"--draws is {draws}, expected a number of tables; leave it out for a single fill.")
    names = [path.with_name(f"{path.stem}-{i + 1}{path.suffix}") for i in range(draws)]
    for name in names:
        output_path(name, "", [*data, model])
    if report is not None:
        output_path(report, "", [*data, model])
        if report.suffix.lower() != ".html":
            raise ValueError(f"--report '{report}' is not an .html name; name it for example gaps.html.")
    imputer = _as_imputer(load_model(model), model, data)
    rows = read_data(data)
    if draws:
        _write_draws(imputer, rows, names, seed)
    else:
        imputer.ae_.set_params(verbose=0 if quiet or json else 1)
        imputer.transform(rows, out=path)
    if report is not None:
        _write_report(imputer, rows, report, f"Gaps of {' '.join(data)}", seed)
    if json:
        from narrows.cli.tables import print_json

        facts = {"rows": count(rows), "wrote": [str(name) for name in names] if draws else str(path)}
        print_json(facts | ({"report": str(report)} if report else {}))
    elif not quiet:
        many = (
            f"{names[0]} to {names[-1].name}: {count(rows)} rows each"
            if draws
            else f"{path}: {count(rows)} rows"
        )
        print(f"wrote {many}" + (f"\nwrote {report}" if report else ""))


def _write_report(imputer: Any, rows: Any, path: Path, title: str, seed: int) -> None:
    import numpy as np

    from narrows.atomic import atomic_path
    from narrows.inputs import gaps
    from narrows.inputs.columns import Column
    from narrows.report.gaps import page

    schema = imputer.ae_.fitted_.schema
    several = [
        part if isinstance(part, np.ndarray) else np.asarray(gaps.rows(schema, part)[:])
        for part in imputer.intervals(rows, random_state=seed)
    ]
    # Of an image each pixel is a column.
    several = [part.reshape(len(part), -1) for part in (*several, imputer.certainty(rows))]
    names = schema.names or [f"x{i}" for i in range(several[0].shape[1])]
    columns = getattr(schema, "columns", None) or [Column(name, "number", "double") for name in names]
    html = page(*several, columns, title).html()
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _as_imputer(fitted: Any, name: str, data: tuple[str, ...]) -> Any:
    """A loaded model as an imputer; an autoencoder sees its own errors on DATA first."""
    from narrows.estimators import Autoencoder, Imputer

    if isinstance(fitted, Imputer):
        return fitted
    if not isinstance(fitted, Autoencoder):
        raise ValueError(
            f"'{name}' holds a model of the kind {type(fitted).__name__}, expected an imputer or an autoencoder; write"
            " one with 'narrows fit DATA --task impute'."
        )
    return Imputer(fitted).fit(read_data(data))


def _write_draws(imputer: Any, rows: Any, names: list[Path], seed: int) -> None:
    """All of the tables, or, where one cannot be written, none."""
    from narrows.atomic import atomic_path
    from narrows.sources import files

    columns = imputer.ae_.fitted_.schema.names
    with ExitStack() as stack:
        for name, drawn in zip(names, imputer.sample(rows, len(names), seed), strict=True):
            temporary = stack.enter_context(atomic_path(name))
            try:
                files.write(temporary, drawn, columns)
            except ValueError as error:
                raise ValueError(str(error).replace(str(temporary), str(name))) from None
