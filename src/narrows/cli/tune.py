"""The verb that chooses a model's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from narrows.cli.options import (
    MODEL_ENDING,
    Json,
    Quiet,
    Seed,
    build_model,
    output_path,
    parse_setting,
    read_data,
    stem,
    whole,
    without,
)
from narrows.cli.verbs import RECIPE, Data


def tune(
    data: Data,
    /,
    *,
    recipe: Annotated[str, Parameter(help="What kind of autoencoder, as for fit.")] = RECIPE,
    budget: Annotated[
        float | None,
        Parameter(metavar="SECONDS", help="When to be done, in seconds. Without it and --trials, 60."),
    ] = None,
    trials: Annotated[
        int | None, Parameter(metavar="N", converter=whole, help="How many candidates to begin with.")
    ] = None,
    space: Annotated[
        tuple[str, ...],
        Parameter(
            name="--try",
            metavar="KEY=VALUES",
            show_default=False,
            help="What to try instead of what tune chooses: a list of values, as in latent_dim=[2,4,8], "
            "backbone.hidden=[[128,64],[512]] or learning_rate=[0.001,0.003]. May be given many times.",
        ),
    ] = (),
    prefer: Annotated[
        Literal["best", "small"],
        Parameter(help="The code with the best score, or the smallest that is nearly as good."),
    ] = "best",
    search: Annotated[
        Literal["halving", "optuna"],
        Parameter(help="Where candidates come from: all over, or also proposed by Optuna (narrows[tune])."),
    ] = "halving",
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            name="--set",
            metavar="KEY=VALUE",
            show_default=False,
            help="Any argument of the recipe or the estimator, as for fit; a latent_dim that is set stays.",
        ),
    ] = (),
    labels: Annotated[
        str | None,
        Parameter(
            metavar="COLUMN|FILE",
            help="What each row is, as for fit: a column of DATA, which the model then does not see, or a file "
            "with one label per row.",
        ),
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="The model to write (.safetensors). Without it, DATA-RECIPE.safetensors.")
    ] = None,
    figure: Annotated[
        Path | None, Parameter(help="Also draw quality against latent size, with PCA's, as this .png file.")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Choose latent size, width, learning rate, noise and penalties, and fit the best.

    Many candidates are trained for a little while, the better ones for longer, the
    best to the end; a tenth of the rows or more is kept aside and judges them.
    Prints what quality each latent size reached on those rows, PCA's beside it, and
    says when PCA is enough or the rows are too few. Ctrl-C keeps the best so far.

    A --budget ends the search by the clock, so that two runs may differ; --trials
    alone gives the same result for the same --seed. Sizes that there was no time for
    are named.

    For example:

        narrows tune digits:train --budget 60 --out m.safetensors
        narrows tune table.csv --recipe variational --trials 40 --figure curve.png
        narrows tune table.csv --try latent_dim=[1,2,4] --try learning_rate=[0.001]
    """
    from narrows.cli import tables

    path = output_path(out, f"{stem(data)}-{recipe}{MODEL_ENDING}", list(data))
    if path.suffix.lower() != MODEL_ENDING:
        raise ValueError(
            f"--out '{path}' is not a {MODEL_ENDING} name; name the model for example m{MODEL_ENDING}."
        )
    picture = None if figure is None else output_path(figure, "", [*data, str(path)])
    if picture is not None and picture.suffix.lower() != ".png":
        raise ValueError(f"--figure '{picture}' is not a .png name; name it for example curve.png.")
    tried = dict(map(_axis, space))

    build_model(recipe, set_, {})  # an unknown recipe or setting is refused before anything is read
    rows = read_data(data)

    y, given = None, {}
    if labels is not None:
        from narrows.cli.labels import read_labels

        y, column = read_labels(labels, rows)
        set_, given = without(column, set_), {"conditional": True}

    def made() -> object:
        return build_model(recipe, set_, given)

    import narrows

    own = any(setting.partition("=")[0] == "latent_dim" for setting in set_)
    found = narrows.tune(
        rows,
        made() if own else made,
        budget=budget,
        y=y,
        trials=trials,
        space=tried or None,
        prefer=prefer,
        search=search,
        random_state=seed,
        verbose=0 if quiet or json else 1,
    )
    found.best_.save(path)
    if picture is not None:
        from narrows.atomic import atomic_path
        from narrows.report import figure_png

        with atomic_path(picture) as temporary:
            temporary.write_bytes(figure_png(found.figure()))
    facts = {
        "model": str(path),
        "parameters": found.parameters_,
        "latent_dim": found.best_.latent_dim_,
        "score": found.score_,
        "fits": len(found.trials_),
        "seconds": found.seconds_,
        "verdict": found.verdict,
        "untried": found.untried_,
    }
    if json:
        tables.print_json(facts | {"curve": found.curve, "trials": found.trials_})
    elif not quiet:
        tables.print_columns(
            found.curve, f"{len(found.trials_)} fits in {found.seconds_:.0f} s, on rows held out:"
        )
        chosen = ", ".join(f"{name} {tables.show(value)}" for name, value in found.parameters_.items())
        print(f"chosen: {chosen}\n{found.verdict}\nwrote {path}" + (f"\nwrote {picture}" if picture else ""))


def _axis(text: str) -> tuple[str, list[object]]:
    """``KEY=[VALUES]`` as :func:`narrows.tune` takes it."""
    key, values = parse_setting(text)
    if not isinstance(values, tuple):
        raise ValueError(f"--try '{text}' is not KEY=[VALUES]; write for example --try latent_dim=[2,4,8].")
    return key.replace(".", "__"), [tuple(value) if isinstance(value, list) else value for value in values]
