"""The verbs that make data small and large again. Their docstrings are their help pages."""

from __future__ import annotations

import time
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

    MODEL is what 'narrows fit --task compress' wrote, on data like these. Each
    piece of DATA is stored in the shortest of three ways: symbols of the model,
    symbols of PCA, or zstd. With a bound on the error what the symbols miss is
    stored too, so that every single value keeps to it: 'error' is what was
    reached. Whole numbers, categories and times of a table come back exactly.
    The model serves many archives: 'smaller from' says from how many like this
    one on they take fewer bytes together with it than DATA do.

    For example:

        narrows fit old.npy --task compress --out m.safetensors
        narrows compress m.safetensors new.npy --max-error 0.01
        narrows decompress new.nrw --model m.safetensors --out again.npy
        narrows compress m.safetensors table.csv --lossless --embed --out t.nrw
    """
    import narrows
    from narrows.cli import tables

    check_model(model)
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
    given = {"max_error": max_error, "rel_error": rel_error, "lossless": lossless or None}
    if any(value is not None for value in given.values()):
        codec.set_params(max_error=max_error, rel_error=rel_error, lossless=lossless)
    codec.set_params(verbose=0 if quiet or json else 1)
    rows, began = read_data(data), time.perf_counter()
    codec.compress(rows, path, embed=embed)
    facts = told(codec, time.perf_counter() - began) | {"wrote": str(path)}
    if json:
        tables.print_json(facts)
    elif not quiet:
        tables.print_facts(facts, "Compressed")


def told(codec: Any, seconds: float) -> dict[str, Any]:
    """What came of it."""
    sizes = codec.sizes_
    chunks = ", ".join(f"{count} by {way}" for way, count in sizes["chunks"].items() if count)
    return {
        "bytes": sizes["raw"],
        "stored": sizes["stored"],
        "ratio": codec.ratio(float("inf")),
        "model": sizes["model"],
        "ratio with the model": codec.ratio(),
        "smaller from": codec.break_even_,
        "error": sizes["error"],
        "chunks": chunks,
        "MB/s": sizes["raw"] / 1e6 / max(seconds, 1e-9),
    }


def decompress(
    archive: Annotated[str, Parameter(help="What 'narrows compress' wrote (.nrw).")],
    /,
    *,
    model: Annotated[
        str | None,
        Parameter(help="The model that it was compressed by, where that is not in the file."),
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(help="Where to write the rows: .npy, .npz, .csv or .parquet. Without it, ARCHIVE.npy."),
    ] = None,
    rows: Annotated[
        str | None, Parameter(metavar="FIRST:END", help="These rows alone, from 0: 100:200 are a hundred.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the data that were compressed.

    What is damaged is never passed over: the error names the rows of the piece
    that is lost, and all others can be had with --rows.

    For example:

        narrows decompress new.nrw --model m.safetensors --out again.npy
        narrows decompress t.nrw --out table.parquet
        narrows decompress new.nrw --model m.safetensors --rows 0:1000
    """
    import narrows
    from narrows.cli import tables
    from narrows.sources.files import check_ending

    if not Path(archive).is_file():
        raise FileNotFoundError(f"there is no file '{archive}'; give what 'narrows compress' wrote.")
    path = output_path(out, f"{Path(archive).stem}.npy", [archive, *([model] if model else [])])
    check_ending(path)
    if model is not None:
        check_model(model)
    codec = narrows.load(archive) if model is None else load_model(model)
    began = time.perf_counter()
    first, last = _span(rows)
    codec.decompress(archive, path, start=first, stop=last)
    facts = {"seconds": time.perf_counter() - began, "bytes": path.stat().st_size, "wrote": str(path)}
    if json:
        tables.print_json(facts)
    elif not quiet:
        tables.print_facts(facts, "Decompressed")


def _span(rows: str | None) -> tuple[int, int | None]:
    """First row and the one after the last, as "FIRST:END" says them."""
    if rows is None:
        return 0, None
    first, colon, end = rows.partition(":")
    if not colon or not all(part == "" or part.isdecimal() for part in (first, end)):
        raise ValueError(f"--rows '{rows}' is no span of rows; give for example 0:1000.")
    return int(first or 0), int(end) if end else None
