"""The verb that recommends items to users, and what fit and info say of its models. Its docstring is its help page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from narrows.cli.options import Json, Quiet, check_model, load_model, output_path, read_data, whole
from narrows.cli.verbs import Model

ENDINGS = (".csv", ".parquet", ".json")
LINES = 20  # that are printed: of so many users as fit, but at least one
MOST = 50  # lines of that one


def recommend(
    model: Model,
    data: Annotated[
        tuple[str, ...],
        Parameter(
            show_default=False,
            help="A .csv or .parquet file with a row for each user and item, a matrix of users and items (.mtx, .npz, "
            ".npy), or movies (:train, :test). Not with --similar.",
        ),
    ] = (),
    /,
    *,
    top: Annotated[
        int,
        Parameter(name=["--top", "-k"], metavar="K", converter=whole, help="How many items each user gets."),
    ] = 10,
    include_seen: Annotated[
        bool, Parameter(show_default=False, help="Also recommend what a user has already.")
    ] = False,
    explain: Annotated[
        bool, Parameter(show_default=False, help="Say which of the user's items have most to do with it.")
    ] = False,
    similar: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="ITEM",
            show_default=False,
            help="List the items that are most like this one, in place of users. May be given many times.",
        ),
    ] = (),
    out: Annotated[
        Path | None,
        Parameter(help="Where to write all of it (.csv, .parquet or .json). Without it, it is printed."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what each user in DATA is likely to take next.

    MODEL is what 'narrows fit --task recommend' wrote. The users may be new: what
    they have in DATA is all that is asked of them. A line is a user, an item and
    its score, the best first; scores are to be compared for one user alone. Who
    has nothing that counts gets what is popular. Without --out the first users
    are printed, and all of them with --json. Users and items of a matrix are
    numbers, of rows and columns from 0.

    With --explain each line names one to three items of the user because of which
    it is there: without them its score would fall most. That asks the model once
    for each of a user's items, which takes a while for many users.

    For example:

        narrows fit movies:train --task recommend --at-least 4 --out m.safetensors
        narrows recommend m.safetensors movies:test -k 5 --explain
        narrows recommend m.safetensors new.csv --out recommended.csv
        narrows recommend m.safetensors --similar "Hidden Robot (science fiction)"
    """
    from narrows.cli import tables

    check_model(model)
    words = {"DATA": bool(data), "--explain": explain, "--include-seen": include_seen}
    _check_asked(bool(similar), [word for word, given in words.items() if given])
    if top < 1:
        raise ValueError(f"-k is {top}, expected at least 1; say how many items each user gets.")
    path = None if out is None else _checked(out, [*data, model])
    recommender = _loaded(model)
    if similar:
        columns = _alike(recommender, similar, top)
        title = f"The items that are most like {', '.join(map(repr, similar))}"
        users = len(similar)
    else:
        from narrows.cli.recommendations import recommended

        # On the screen only what is shown is explained.
        explained = (_few(top) if path is None and not json else None) if explain else 0
        columns, users = recommended(
            recommender, read_data(data), top, include_seen=include_seen, explained=explained
        )
        title = f"What {users} user{'s are' if users > 1 else ' is'} likely to take next"
    lines = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if path is not None:
        _write(path, columns, lines)
        if json:
            tables.print_json({"asked": users, "lines": len(lines), "wrote": str(path)})
        elif not quiet:
            print(f"wrote {path}: {len(lines)} lines")
    elif json:
        tables.print_json({"asked": users, "lines": lines})
    else:
        _print(lines, title, top)


def _check_asked(similar: bool, given: Sequence[str]) -> None:
    if similar and given:
        raise ValueError(f"--similar asks about items alone; leave {' and '.join(given)} out.")
    if not similar and "DATA" not in given:
        raise ValueError(
            "there is no DATA; give what users have, or --similar ITEM for items that are alike."
        )


def _checked(out: Path, inputs: Sequence[str]) -> Path:
    if out.suffix.lower() not in ENDINGS:
        raise ValueError(
            f"'{out}' ends in '{out.suffix}', expected .csv, .parquet or .json; name the file by its format."
        )
    return output_path(out, "", inputs)


def _loaded(name: str) -> Any:
    import narrows

    found = load_model(name)
    if not isinstance(found, narrows.Recommender):
        raise ValueError(
            f"'{name}' holds a model of the kind {type(found).__name__}, expected a recommender; write one with"
            " 'narrows fit DATA --task recommend'."
        )
    return found


def _alike(recommender: Any, words: Sequence[str], k: int) -> dict[str, list[Any]]:
    """Columns item, similar and score."""
    known = recommender.items_
    items = [_item(word, known) for word in words]
    ids, scores = recommender.similar_items(items, k)
    there = scores > -float("inf")
    for item, found in zip(items, there.any(1), strict=True):
        if not found:
            raise ValueError(f"--similar '{item}' is an item that nobody had in training; ask about another.")
    return {
        "item": [item for item, found in zip(items, there, strict=True) for _ in range(found.sum())],
        "similar": ids[there].tolist(),
        "score": scores[there].tolist(),
    }


def _item(word: str, known: Any) -> Any:
    """The item that a word on the command line means: a name, or a number where items have numbers."""
    number = known.dtype.kind in "iu" and word.isdecimal()
    item = int(word) if number else word
    if number != (known.dtype.kind in "iu") or not (known == item).any():
        close = [] if number else _close(word, known)
        hint = (
            f"did you mean '{close[0]}'?"
            if close
            else f"name one as the fit's data do, such as '{known[0]}'."
        )
        raise ValueError(f"--similar '{word}' is none of the {len(known)} items of the model; {hint}")
    return item


def _close(word: str, known: Any) -> list[str]:
    """The name that is most like a word, whatever is written large."""
    names = {str(name).lower(): str(name) for name in known}
    return [names[name] for name in get_close_matches(word.lower(), names, n=1)]


def _few(k: int) -> int:
    """How many users fit on the screen."""
    return max(1, LINES // k)


def _print(lines: list[dict[str, Any]], title: str, k: int) -> None:
    """The lines of the first users, or of the first items that others are like."""
    from narrows.cli import tables

    if not lines:
        print(f"{title}: no items are left.")
        return
    asked = [next(iter(line.values())) for line in lines]
    first = set(list(dict.fromkeys(asked))[: _few(k)])
    shown = [line for line, who in zip(lines, asked, strict=True) if who in first][:MOST]
    tables.print_columns(shown, title)
    if len(shown) < len(lines):
        print(f"… and {len(lines) - len(shown)} more lines (all of them with --out or --json).")


def _write(path: Path, columns: Mapping[str, list[Any]], lines: list[dict[str, Any]]) -> None:
    import json

    import pyarrow as pa

    from narrows.atomic import atomic_path
    from narrows.sources import files

    if path.suffix.lower() != ".json":
        files.write(path, pa.table(dict(columns)))
        return
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(lines, indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8"
        )
