"""The verb that finds anomalies. Its docstring is its help page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from narrows.cli.answers import data_output
from narrows.cli.options import (
    Json,
    Quiet,
    Seed,
    check_model,
    data_ending,
    load_model,
    output_path,
    read_data,
    stem,
)
from narrows.cli.verbs import Data, Model

REASONS = 3  # columns that are named per row
SHOWN = 10  # rows that are printed


def detect(
    model: Model,
    data: Data,
    /,
    *,
    usual: Annotated[
        str | None,
        Parameter(
            help="Rows that are as they should be, to calibrate with: needed where MODEL is an autoencoder. "
            "Rows that fit has not seen give honest p-values."
        ),
    ] = None,
    fdr: Annotated[
        float | None,
        Parameter(
            help="Call as many rows anomalies as leave at most this share of them false, in expectation."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(
            help="Where to write the answers. Without it, DATA-anomalies as .csv, or .parquet of Parquet."
        ),
    ] = None,
    report: Annotated[
        Path | None, Parameter(help="A page (.html) with the scores and the oddest rows with their reasons.")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the rows of DATA that are unlike those MODEL was fitted on, and say why.

    MODEL is what 'narrows fit --task detect' wrote, or any autoencoder with
    --usual. Writes a table with one line per row (per time of a long series,
    with the name of its file where there are several sounds): row, its number
    from 0; score, higher for more usual rows; p_value, the
    share of usual rows that are at least as odd; anomaly; and the columns
    that have most to do with it (in .csv and .parquet). Without --fdr,
    contamination= of the fit decides; by default a row is an anomaly when its
    p-value is at most 0.05. Rows that the fit has seen look more usual than
    they are.

    For example:

        narrows fit normal.csv --task detect --out m.safetensors
        narrows detect m.safetensors new.csv --out anomalies.csv
        narrows detect m.safetensors new.csv --fdr 0.1 --report anomalies.html
        narrows detect ae.safetensors new.csv --usual normal.csv
    """
    from narrows.cli import tables

    check_model(model)
    inputs = [*data, model, *([usual] if usual else [])]
    # Reasons are names, which an array has no room for: a table unless an array is asked for.
    ending = ".parquet" if data_ending(data) == ".parquet" else ".csv"
    path = data_output(out or Path(f"{stem(data)}-anomalies{ending}"), data, "anomalies", model)
    page = None if report is None else output_path(report, "", [*inputs, str(path)])
    if page is not None and page.suffix.lower() != ".html":
        raise ValueError(f"--report '{page}' is not an .html name; name the page for example anomalies.html.")
    detector = _detector(model, usual, seed)
    rows = read_data(data)
    found, parts = answers(detector, rows, fdr)
    _write(path, found)
    if page is not None:
        from narrows.atomic import atomic_path
        from narrows.report.anomalies import page as anomalies

        with atomic_path(page) as temporary:
            temporary.write_text(
                anomalies(detector, found, " ".join(data), rows, parts).html(), encoding="utf-8"
            )
    called = int(found["anomaly"].sum())
    facts = {"rows": len(found["score"]), "anomalies": called, "wrote": str(path)}
    if json:
        tables.print_json(facts | ({"report": str(page)} if page else {}))
    elif not quiet:
        order = found["score"].argsort()[:SHOWN]
        lines = [{name: values[i].item() for name, values in found.items()} for i in order]
        title = f"{called} of {len(found['score'])} rows are anomalies; the oddest:"
        tables.print_columns(lines, title)
        print(f"wrote {path}" + (f"\nwrote {page}" if page else ""))


def _detector(model: str, usual: str | None, seed: int) -> Any:
    import narrows

    found = load_model(model)
    if isinstance(found, narrows.AnomalyDetector) and usual is None:
        return found
    if usual is None:
        raise ValueError(
            f"'{model}' holds no detector, and has not seen what is usual; give --usual DATA, or write a"
            " detector with 'narrows fit DATA --task detect'."
        )
    if isinstance(found, narrows.AnomalyDetector):
        raise ValueError(f"'{model}' is calibrated already; leave --usual out.")
    return narrows.AnomalyDetector(getattr(found, "ae_", found), random_state=seed).fit(read_data(usual))


def answers(detector: Any, rows: Any, fdr: float | None) -> tuple[dict[str, Any], Any]:
    """Columns of the answer, by name; and what each feature has to do with it, (n, features)."""
    import numpy as np

    from narrows.tasks import conformal

    scores, reasons = detector.score_samples(rows), detector.explain(rows)
    found = {}
    if isinstance(scores, list):  # of series, one below the other
        sizes = [len(series) for series in scores]
        names = getattr(rows, "names", [f"series {i}" for i in range(len(sizes))])
        found = {"file": np.repeat([str(name) for name in names], sizes)} if len(sizes) > 1 else {}
        found["row"] = np.concatenate([np.arange(size) for size in sizes])
        scores, reasons = np.concatenate(scores), np.concatenate(reasons)
    else:
        found["row"] = np.arange(len(scores))
    p = conformal.p_values(detector.calibration_, -scores)
    called = None if fdr is None else detector.predict(rows, fdr=fdr)
    called = np.concatenate(called) if isinstance(called, list) else called
    anomaly = scores < detector.offset_ if called is None else called == -1
    features = np.array([str(name) for name in names_of(detector, reasons.shape[1])])
    most = np.argsort(-reasons, axis=1)[:, : min(REASONS, reasons.shape[1])]
    found |= {"score": scores, "p_value": p, "anomaly": anomaly}
    return found | {f"reason_{i + 1}": features[which] for i, which in enumerate(most.T)}, reasons


def names_of(detector: Any, features: int) -> list[str]:
    """What the columns of ``explain`` are called."""
    names = detector.ae_.fitted_.schema.names
    return list(names) if names is not None and len(names) == features else [f"x{i}" for i in range(features)]


def _write(path: Path, found: dict[str, Any]) -> None:
    import numpy as np
    import pyarrow as pa

    from narrows.sources import files

    if path.suffix.lower() in (".csv", ".parquet"):
        files.write(path, pa.table(found))
    else:  # an array has no names: score, p-value, 1 where it is an anomaly
        files.write(
            path, np.stack([found[name].astype(float) for name in ("score", "p_value", "anomaly")], 1)
        )
