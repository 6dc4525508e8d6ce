"""Where answers go, and what is said of them when they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from narrows.cli.options import count, count_for, data_ending, output_path, read_data, stem


def data_output(
    out: Path | None, data: tuple[str, ...], what: str, model: str, rebuilds: bool = False
) -> Path:
    """``--out`` or DATA-WHAT in DATA's own format, refused at once when it could not be written; what
    ``rebuilds`` DATA may be a sound, a picture or a folder."""
    from narrows.sources import files, pictures, wav, writing

    ending = data_ending(data, rebuilds) if data else ""
    if (
        rebuilds
        and len(data) == 1
        and Path(data[0]).suffix.lower() in pictures.ENDINGS
        and Path(data[0]).is_file()
    ):
        ending = pictures.WRITTEN
    default = f"{stem(data)}-{what}{ending}" if data else ""
    path = output_path(out, default, [*data, model], rebuilds)
    if not (rebuilds and (writing.is_folder(path) or path.suffix.lower() in (wav.ENDING, pictures.WRITTEN))):
        files.check_ending(path)
    return path


def answer(fitted: Any, verb: str, data: tuple[str, ...], path: Path, quiet: bool) -> None:
    """Write what the verb says to the rows of DATA, piece by piece where they are read on demand."""
    rows = read_data(data)
    fitted.set_params(verbose=0 if quiet else 1)
    getattr(fitted, verb)(rows, out=path)
    if quiet:
        return
    if path.is_dir():
        print(f"wrote {path}: {count(rows)} files")
        return
    names = fitted.fitted_.schema.names
    if verb == "transform":
        extent = [count_for(fitted, rows), fitted.latent_dim_]
    elif getattr(rows, "uncut", False):
        extent = [*rows[0].shape]
    else:
        extent = [count(rows), *([len(names)] if names else list(getattr(rows, "shape", ())[1:]))]
    print(f"wrote {path}: {' × '.join(str(length) for length in extent)}")


def write(path: Path, rows: Any, quiet: bool) -> None:
    from narrows.sources import files

    files.write(path, rows)
    if not quiet:
        print(f"wrote {path}: {' × '.join(str(length) for length in rows.shape)}")
