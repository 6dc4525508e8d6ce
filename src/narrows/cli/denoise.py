"""The verb that takes noise from data. The docstring is its help page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from narrows.cli.answers import data_output
from narrows.cli.options import Json, Quiet, check_model, count, load_model, output_path, read_data
from narrows.cli.verbs import Data, Model

SHOWN = 8  # pairs in a picture
SAMPLES = 4000  # of a long series in a picture


def denoise(
    model: Model,
    data: Data,
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(help="Where to write the rows. Without it, DATA-denoised in DATA's own format."),
    ] = None,
    level: Annotated[
        float | None,
        Parameter(
            metavar="LEVEL",
            help="How noisy DATA is, as a standard deviation in its units, for a model that takes it. Without it,"
            " the level found in fitting, or after a range of noise an estimate for each picture or sound.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        Parameter(help="A .png of the first pictures, signals or rows of numbers, before (above) and after."),
    ] = None,
    report: Annotated[
        Path | None, Parameter(help="A page (.html) with the same, and what is known of the noise.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write DATA without its noise.

    MODEL is what 'narrows fit --task denoise' wrote, or any autoencoder: of
    that, what it reconstructs. The answer has the columns, units and shape of
    DATA; networks of convolutions, the default, take pictures and sounds of
    any size. A sound becomes a .wav file, a picture a .png; a folder of
    sounds or of pictures a new folder of them, named by OUT without an
    ending.

    To fit one, nothing is needed but noisy data: what kind of noise they have
    and how much is found out, and a network learns to remove it without ever
    seeing them clean. Where there are clean data, --set noise says what noise
    will come to them. A fit on pictures or sounds takes some minutes on two
    cores: --epochs makes it shorter, and Ctrl-C keeps what was learned until
    then.

    For example:

        narrows fit photos --task denoise --out m.safetensors
        narrows denoise m.safetensors photos --out cleaned
        narrows denoise m.safetensors photo.png --out clean.png --report noise.html
        narrows fit clean --task denoise --set noise=[0,50] --out m.safetensors
        narrows denoise m.safetensors noisy.wav --out clean.wav --picture both.png
    """
    check_model(model)
    path = data_output(out, data, "denoised", model, rebuilds=True)
    for name, given, ending in (("--picture", picture, ".png"), ("--report", report, ".html")):
        if given is not None:
            output_path(given, "", [*data, model, str(path)])
            if given.suffix.lower() != ending:
                raise ValueError(
                    f"{name} '{given}' is not a {ending} name; name it for example before-after{ending}."
                )
    fitted = as_denoiser(load_model(model), model)
    if picture is not None or report is not None:
        check_drawn(fitted.ae_.fitted_.schema, "--report" if picture is None else "--picture")
    rows = read_data(data)
    fitted.ae_.set_params(verbose=0 if quiet or json else 1)
    fitted.transform(rows, out=path, level=level)
    facts = {
        "rows": count(rows),
        "noise": fitted.noise_kind_,
        "level": _told(fitted, level),
        "wrote": str(path),
    }
    facts |= {
        name: str(given) for name, given in (("picture", picture), ("report", report)) if given is not None
    }
    if picture is not None or report is not None:
        draw(picture, report, fitted, rows, level, facts | {"data": " ".join(data)})
    if json:
        from narrows.cli import tables

        tables.print_json(facts)
    elif not quiet:
        print(f"wrote {path}: {facts['rows']} {'files' if path.is_dir() else 'rows'}")
        for given in (picture, report):
            if given is not None:
                print(f"wrote {given}")


def _told(fitted: Any, level: float | None) -> Any:
    """The level of the noise, as far as one is known: that which was given, else what the fit found."""
    found = fitted.noise_level_ if level is None else level
    return found.tolist() if hasattr(found, "tolist") else found


def as_denoiser(fitted: Any, name: str) -> Any:
    """A loaded model as a denoiser; one of another task is refused."""
    from narrows.estimators import Autoencoder, Denoiser

    if isinstance(fitted, Denoiser):
        return fitted
    if not isinstance(fitted, Autoencoder):
        raise ValueError(
            f"'{name}' holds a model of the kind {type(fitted).__name__}, expected a denoiser or an autoencoder; write"
            " one with 'narrows fit DATA --task denoise'."
        )
    return Denoiser.around(fitted)


def draw(
    picture: Path | None,
    report: Path | None,
    fitted: Any,
    rows: Any,
    level: float | None,
    facts: dict[str, Any],
) -> None:
    """The first pictures, signals or rows of numbers before and after, as a .png, and on a page."""
    from narrows.atomic import atomic_path
    from narrows.report.before_after import before_after, page

    schema = fitted.ae_.fitted_.schema
    some = first(rows, schema)
    some, after = (numbers(x, schema) for x in (some, fitted.transform(some, level=level)))
    if picture is not None:
        with atomic_path(picture) as temporary:
            temporary.write_bytes(before_after(some, after))
    if report is not None:
        html = page(some, after, facts, f"Without noise: {facts['data']}").html()
        with atomic_path(report) as temporary:
            temporary.write_text(html, encoding="utf-8")


def check_drawn(schema: Any, option: str) -> None:
    """Refuse to draw what is not numbers alone."""
    from narrows.inputs.text import TextSchema

    columns = getattr(schema, "columns", ())
    others = [f"column {c.name!r}, which holds none" for c in columns if c.kind != "number"]
    if isinstance(schema, TextSchema):
        others = ["texts"]
    if others:
        raise ValueError(
            f"{option} draws pictures, signals and rows of numbers, but the model was fitted on {others[0]}: leave"
            f" {option} out."
        )


def first(rows: Any, schema: Any) -> Any:
    """Some of the rows that are read first: as many pictures as are shown, the beginnings of long series."""
    if hasattr(rows, "picture"):  # files of several sizes
        return [rows.picture(i) for i in range(min(SHOWN, len(rows)))]
    if not getattr(schema, "windowed", False):
        return rows[:SHOWN] if count(rows) > SHOWN else rows
    most = max(SAMPLES, schema.window)
    if isinstance(rows, list):
        return [x[:most] for x in rows[:SHOWN]]
    if one_series(rows, schema):
        return rows[:most]
    return rows[:SHOWN] if len(rows.shape) == 2 else rows[:SHOWN][:, :most]


def one_series(rows: Any, schema: Any) -> bool:
    """Whether rows are the samples of one long series."""
    from narrows.sources.frames import as_frame

    if not getattr(schema, "windowed", False) or isinstance(rows, list):
        return False
    if as_frame(rows) is not None or hasattr(rows, "schema"):
        return True
    return len(rows.shape) == 1 or (
        len(rows.shape) == 2 and (rows.shape[1] == schema.channels or rows.shape[1] != schema.features)
    )


def numbers(rows: Any, schema: Any) -> Any:
    """What is drawn of rows, one after the other: of frames the model's own columns, a long series as one."""
    from narrows.sources.frames import as_frame

    alone, frame = one_series(rows, schema), as_frame(rows)
    if frame is not None:
        names = [name for name in schema.names or frame.columns if name in frame.columns]
        rows = frame.select(names).to_numpy().astype(float)
    elif hasattr(rows, "toarray"):
        rows = rows.toarray()
    return [rows] if alone else rows
