"""The verb that makes a page about a model. Its docstring is its help page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from narrows.cli.labels import built_in, read_labels
from narrows.cli.options import (
    Json,
    Quiet,
    autoencoder_in,
    check_model,
    load_model,
    output_path,
    read_data,
    stem,
)
from narrows.cli.verbs import Data, Model


def report(
    model: Model,
    data: Data,
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="The page to write (.html). Without it, DATA-report.html.")
    ] = None,
    labels: Annotated[
        str | None,
        Parameter(
            metavar="COLUMN|FILE",
            help="What to colour the map by: a column of DATA, or a .csv, .parquet or .npy file with one label for "
            "each row. Built-in data bring theirs.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a page that shows what MODEL makes of DATA.

    One .html file that needs nothing beside it, no network either: what the data
    are, learning curves, reconstructions from best to worst, errors by feature,
    what other latent sizes would lose, a map of the codes to zoom into and point
    at, samples, traversals on a slider, interpolations, the oddest rows with
    reasons, and how the model came to be. PCA of the same size stands beside it
    everywhere. Of more than 20,000 rows so many are drawn at random. Of a codec
    also how few bytes rows take at which error, beside PCA, zstd, JPEG and WebP.

    For example:

        narrows report m.safetensors digits:test --out report.html
        narrows report m.safetensors table.csv --labels species
        narrows report m.safetensors images.npy --labels labels.npy
    """
    check_model(model)
    inputs = [*data, model, *([labels] if labels and Path(labels).is_file() else [])]
    path = output_path(out, f"{stem(data)}-report.html", inputs)
    if path.suffix.lower() != ".html":
        raise ValueError(f"--out '{path}' is not an .html name; name the page for example report.html.")
    given = load_model(model)
    ae = autoencoder_in(given, model)
    rows = read_data(data)
    rows, found = labelled(rows, list(data), labels, getattr(ae.fitted_.schema, "names", None))

    import narrows
    from narrows.atomic import atomic_path
    from narrows.report import model_page

    title = f"{stem(model)}, on {' '.join(data) if len(data) == 1 else stem(data)}"
    rates = narrows.rates(given, rows) if isinstance(given, narrows.Codec) else None
    text = model_page(ae, rows, labels=found, title=title, rates=rates)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    if json:
        from narrows.cli import tables

        tables.print_json({"report": str(path), "bytes": len(text.encode())})
    elif not quiet:
        print(f"wrote {path}: {len(text.encode()) / 1e6:.1f} MB")


def labelled(rows: Any, data: list[str], labels: str | None, known: Any) -> tuple[Any, Any]:
    """The rows, and a label for each: those in a file, a column of the data, which is taken out unless the model
    knows it, those of built-in data; None where there are none."""
    if labels is None:
        return rows, built_in(data[0]) if len(data) == 1 else None
    if labels in getattr(rows, "names", ()) and hasattr(rows, "files"):  # Parquet that is read on demand
        from narrows.sources import Parquet

        files = [str(file) for file in rows.files]
        others = [name for name in rows.names if name != labels]
        found = Parquet(files, columns=[labels])
        rest = rows if labels in (known or ()) else Parquet(files, columns=others)
        return rest, found[0 : len(found)][labels]
    found, columns = read_labels(labels, rows)
    mine = [name for name in columns if name not in (known or ())]
    return (rows.drop_columns(mine) if mine else rows), found
