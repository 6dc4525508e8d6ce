"""The verb that takes noise from data. The docstring is its help page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from narrows.cli.answers import data_output
from narrows.cli.options import Quiet, check_model, count, load_model, output_path, read_data
from narrows.cli.verbs import Data, Model

SHOWN = 8  # pairs in a picture


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
        Path | None, Parameter(help="A .png of the first pictures, or signals, before (above) and after.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write DATA without its noise.

    MODEL is what 'narrows fit --task denoise' wrote, or any autoencoder: of that,
    what it reconstructs. The answer has the columns, units and shape of DATA;
    networks of convolutions, the default, take pictures and sounds of any size. A
    sound becomes a .wav file; a folder of sounds or of pictures a new folder of
    them, named by OUT without an ending.

    To fit one, nothing is needed but noisy data: the level of their noise is
    estimated, and a network learns to remove it without ever seeing them clean.
    Where there are clean data, --set noise says what noise will come to them.

    For example:

        narrows fit photos --task denoise --out m.safetensors
        narrows denoise m.safetensors photos --out cleaned
        narrows fit clean --task denoise --set noise=[0,50] --out m.safetensors
        narrows denoise m.safetensors noisy.wav --out clean.wav --picture both.png
    """
    check_model(model)
    path = data_output(out, data, "denoised", model, rebuilds=True)
    if picture is not None:
        output_path(picture, "", [*data, model])
        if picture.suffix.lower() != ".png":
            raise ValueError(
                f"--picture '{picture}' is not a .png name; name it for example before-after.png."
            )
    fitted = as_denoiser(load_model(model), model)
    rows = read_data(data)
    fitted.ae_.set_params(verbose=0 if quiet else 1)
    fitted.transform(rows, out=path, level=level)
    if picture is not None:
        draw(picture, fitted, rows, level)
    if not quiet:
        print(f"wrote {path}: {count(rows)} {'files' if path.is_dir() else 'rows'}")
        if picture is not None:
            print(f"wrote {picture}")


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


def draw(path: Path, fitted: Any, rows: Any, level: float | None) -> None:
    """The first pictures, or signals, of rows before and after, as a .png."""
    from narrows.atomic import atomic_path
    from narrows.report.before_after import before_after

    if hasattr(rows, "picture"):  # files of several sizes
        some = [rows.picture(i) for i in range(min(SHOWN, len(rows)))]
    else:
        some = rows[:SHOWN] if len(rows) > SHOWN else rows
    image = before_after(some, fitted.transform(some, level=level))
    with atomic_path(path) as temporary:
        temporary.write_bytes(image)
