"""The verbs that make data small and large again. Their docstrings are their help pages."""

from __future__ import annotations

import glob
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from narrows.cli.options import (
    Json,
    Quiet,
    check_model,
    load_model,
    output_path,
    read_data,
    stem,
)
from narrows.cli.verbs import Data, Model

ENDING = ".nrw"
WORDS = {  # arguments that errors name, and the options that mean them
    "pass 0 ≤ start ≤ stop": "give --rows with 0 ≤ FIRST ≤ END",
    "start and stop": "--rows FIRST:END",
    "pass out='name'": "give --out NAME",
    "load the codec that made it": "give that with --model",
}


def compress(
    model: Model,
    data: Data,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="The file to write (.nrw). Without it, DATA.nrw.")] = None,
    max_error: Annotated[
        float | None,
        Parameter(
            metavar="ERROR",
            help="No value comes back further from what it was, in its own units. Without any of the three, what "
            "the model was fitted with.",
        ),
    ] = None,
    rel_error: Annotated[
        float | None, Parameter(metavar="SHARE", help="The same as a share of the range of a column.")
    ] = None,
    lossless: Annotated[bool, Parameter(show_default=False, help="Every bit comes back.")] = False,
    embed: Annotated[
        bool,
        Parameter(show_default=False, help="Put the model into the file, which then is all that is needed."),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write DATA as few bytes.

    MODEL is what 'narrows fit --task compress' wrote, on data like these: tables,
    arrays, sparse matrices, a long series, or folders of sounds or pictures.
    Each piece of DATA is stored in the shortest of four ways: symbols of the
    model, symbols of PCA, values rounded to the bound without any prediction, or
    zstd of the bytes. 'chunks' says how many pieces went which way: '3 by model,
    1 by rounding'. With a bound on the error what the symbols miss is stored
    too, so that every single value keeps to it: 'error' is what was reached.
    Whole numbers, categories (new ones, too) and times of a table come back
    exactly, and so do sparse matrices.

    'bytes' are those of the numbers in DATA, 'files' those on the disk. The model
    serves many archives: 'smaller from' says from how many like this one on they
    take fewer bytes together with the half of it that decompresses, 'model', than
    the numbers do. With --embed the model is part of 'stored'; the rest of that is
    'payload'.

    For example:

        narrows fit old.npy --task compress --out m.safetensors
        narrows compress m.safetensors new.npy --max-error 0.01
        narrows decompress m.safetensors new.nrw --out again.npy
        narrows compress m.safetensors table.csv --lossless --embed --out t.nrw
        narrows decompress t.nrw
        narrows compress sounds.safetensors recordings --lossless --out r.nrw
    """
    import narrows
    from narrows.cli import tables

    check_model(model)
    given = _promised(max_error, rel_error, lossless)
    path = output_path(out, f"{stem(data)}{ENDING}", [*data, model])
    if path.suffix.lower() != ENDING:
        raise ValueError(
            f"--out '{path}' is not an {ENDING} name; name the file for example {stem(data)}{ENDING}."
        )
    codec = load_model(model)
    if not isinstance(codec, narrows.Codec):
        raise ValueError(
            f"'{model}' holds no codec, expected what 'narrows fit --task compress' writes; fit one on such data."
        )
    if given:
        codec.set_params(max_error=max_error, rel_error=rel_error, lossless=lossless)
    codec.set_params(verbose=0 if quiet or json else 1)
    # A path says what the answer is to be; of all else the rows do.
    alone = len(data) == 1 and Path(data[0]).exists()
    rows, began = data[0] if alone else read_data(data), time.perf_counter()
    codec.compress(rows, path, embed=embed)
    facts = told(codec, time.perf_counter() - began, on_disk(data)) | {"wrote": str(path)}
    if json:
        tables.print_json(facts)
    elif not quiet:
        tables.print_facts(facts, "Compressed")


def _promised(max_error: float | None, rel_error: float | None, lossless: bool) -> list[str]:
    """The options that say how large an error may be, as they were given: none or one."""
    given = [
        f"{name} {value:g}"
        for name, value in (("--max-error", max_error), ("--rel-error", rel_error))
        if value is not None
    ]
    given += ["--lossless"] if lossless else []
    if len(given) > 1:
        raise ValueError(
            f"{' and '.join(given)} were given, but an archive keeps one promise; give one of them."
        )
    return given


def on_disk(data: Sequence[str]) -> int | None:
    """The bytes of the files that DATA are; None of built-in data."""
    files: list[Path] = []
    for name in data:
        places = [Path(name)] if Path(name).exists() else list(map(Path, glob.glob(name, recursive=True)))
        files += [file for place in places for file in ([place] if place.is_file() else place.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file()) or None


def told(codec: Any, seconds: float, files: int | None) -> dict[str, Any]:
    """What came of it."""
    sizes = codec.sizes_
    chunks = ", ".join(f"{count} by {way}" for way, count in sizes["chunks"].items() if count)
    return {
        "bytes": sizes["raw"],
        **({"files": files} if files else {}),
        "stored": sizes["stored"],
        **({"payload": sizes["stored"] - sizes["model"]} if sizes["inside"] else {}),
        "ratio": codec.ratio(float("inf")),
        "model": sizes["model"],
        "ratio with the model": codec.ratio(),
        "smaller from": codec.break_even_,
        "error": sizes["error"],
        "chunks": chunks,
        "MB/s": sizes["raw"] / 1e6 / max(seconds, 1e-9),
    }


def decompress(
    first: Annotated[
        str,
        Parameter(
            name="[MODEL] ARCHIVE",
            help="What 'narrows compress' wrote (.nrw), behind the model that it was compressed by, where that is not"
            " in the file.",
        ),
    ],
    second: Annotated[str | None, Parameter(show=False)] = None,
    /,
    *,
    model: Annotated[str | None, Parameter(help="The same as MODEL before ARCHIVE.")] = None,
    out: Annotated[
        Path | None,
        Parameter(
            help="Where to write the data: .npy, .npz, .csv or .parquet, .wav or .png, or without an ending a folder of"
            " sounds or pictures. Without it, ARCHIVE's name with the ending of what was compressed, if there is no"
            " such file yet."
        ),
    ] = None,
    rows: Annotated[
        str | None,
        Parameter(
            metavar="FIRST:END",
            help="These rows, sounds or pictures alone, from 0: 100:200 are a hundred.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the data that were compressed.

    Tables, arrays and single files come back as files of their own format;
    folders as folders with the names of the files in them, pictures as .png. What
    is damaged is never passed over: the error names the rows of the piece that is
    lost, and all others can be had with --rows.

    For example:

        narrows decompress m.safetensors new.nrw --out again.npy
        narrows decompress t.nrw --out table.parquet
        narrows decompress m.safetensors new.nrw --rows 0:1000 --out some.npy
        narrows decompress m.safetensors r.nrw --out recordings-again
    """
    import narrows
    from narrows.cli import tables

    archive = first if second is None else second
    if second is not None:
        if model is not None:
            raise ValueError(f"two models were given, '{first}' and --model '{model}'; give one.")
        model = first
    if not Path(archive).is_file():
        raise FileNotFoundError(f"there is no file '{archive}'; give what 'narrows compress' wrote.")
    if model is not None:
        check_model(model)
    span = _span(rows)
    path = _target(archive, out, model)
    if model is None:
        _check_inside(archive)
    codec = narrows.load(archive) if model is None else load_model(model)
    if not isinstance(codec, narrows.Codec):
        raise ValueError(
            f"'{model or archive}' holds no codec, expected what 'narrows fit --task compress' writes; give the model"
            " that compressed."
        )
    codec.set_params(verbose=0 if quiet or json else 1)
    began = time.perf_counter()
    try:
        codec.decompress(archive, path, start=span[0], stop=span[1])
    except ValueError as error:
        raise ValueError(_in_options(str(error))) from error
    seconds = time.perf_counter() - began
    written = on_disk([str(path)]) or 0
    facts = {
        "files": written,
        "seconds": seconds,
        "MB/s": written / 1e6 / max(seconds, 1e-9),
        "wrote": str(path),
    }
    if json:
        tables.print_json(facts)
    elif not quiet:
        tables.print_facts(facts, "Decompressed")


def _target(archive: str, out: Path | None, model: str | None) -> Path:
    """``--out``, or a name like the archive's with the ending of what was compressed, where there is nothing yet."""
    from narrows.estimators.contents import ending_of

    default = f"{Path(archive).stem}{ending_of(archive)}"
    path = output_path(out, default, [archive, *([model] if model else [])], folder=True)
    if out is None and path.exists():
        raise FileExistsError(
            f"'{path}' is there already; give the name of what is to be written with --out."
        )
    return path


def _check_inside(archive: str) -> None:
    """Raise where a model has to be named."""
    from narrows.coding import Reader

    with Reader(archive) as reader:
        if not reader.model_length:
            raise ValueError(
                f"'{archive}' holds compressed rows, but not the model that they need; give the one that compressed"
                " them with --model."
            )


def _in_options(said: str) -> str:
    """What the library says of its arguments, in words of the command.

    >>> _in_options("pass 0 ≤ start ≤ stop ≤ 9.")
    'give --rows with 0 ≤ FIRST ≤ END ≤ 9.'
    """
    for theirs, ours in WORDS.items():
        said = said.replace(theirs, ours)
    return said


def _span(rows: str | None) -> tuple[int, int | None]:
    """First row and the one after the last, as "FIRST:END" says them."""
    if rows is None:
        return 0, None
    first, colon, end = rows.partition(":")
    if not colon or not all(part == "" or part.isdecimal() for part in (first, end)):
        raise ValueError(f"--rows '{rows}' is no span of rows; give for example 0:1000.")
    return int(first or 0), int(end) if end else None
