"""The verb that measures a model. Its docstring is its help page."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from narrows.cli.options import Json, autoencoder_in, check_model, count_for, load_model, read_data
from narrows.cli.verbs import Data, Model


def evaluate(
    model: Model,
    data: Data,
    /,
    *,
    labels: Annotated[
        str | None,
        Parameter(
            metavar="COLUMN|FILE",
            help="What each row is: a column of DATA that the model does not see, or a file with one label per "
            "row, or built-in data, as digits:test. Adds what a linear model can tell of them from the codes.",
        ),
    ] = None,
    full: Annotated[
        bool, Parameter(show_default=False, help="Also what takes some seconds; see below.")
    ] = False,
    json: Json = False,
) -> None:
    """Say how well the model knows DATA, with PCA at the same latent size beside it.

    mse is the mean squared error of the reconstruction in the units of DATA, r2 the
    share of the variance that it explains, and bits the information about a row that
    it keeps. nll (by how much the decoder is wrong) and rate (what the code costs) are
    nats per row, and so is score, which is higher for more usual rows. active_units
    are the latents in use, collapsed those that tell nothing. Evaluate on rows that
    fit has not seen.

    With --labels, probe_accuracy is the share of labels (probe_r2 the share of the
    variance of numbers) that a linear model gets right from the codes alone.

    With --full, trustworthiness and continuity say from 0 to 1 whether neighbours
    stay neighbours in the code, and for variational models log_likelihood is a closer
    bound than score; mutual_information is what codes tell of which row it is, at most
    ln n of n rows, so pass many; aggregate_gap, rate less that, is how far all codes
    together are from the prior that samples are drawn from.

    Of a recommender: how well a fifth of the items of each user is found, given the
    others, with what is popular beside it. Its users should be new to the model.

    For example:

        narrows evaluate m.safetensors digits:test
        narrows evaluate m.safetensors new.csv --labels kinds.csv --full
        narrows evaluate m.safetensors new.csv --json
    """
    from narrows.cli import tables
    from narrows.cli.labels import read_labels

    check_model(model)
    rows = read_data(data)
    y = None if labels is None else read_labels(labels, rows)[0]
    given = load_model(model)
    if type(given).__name__ == "Recommender":
        _recommendations(given, rows, f"{model} on {' '.join(data)}", json)
        return
    fitted = autoencoder_in(given, model)
    metrics = fitted.evaluate(rows, y, full=full)
    if json:
        tables.print_json(metrics)
    else:
        tables.print_metrics(metrics, f"{model} on {' '.join(data)}, {count_for(fitted, rows)} rows")


def _recommendations(recommender: Any, rows: Any, title: str, json: bool) -> None:
    from narrows.cli import tables

    metrics = recommender.evaluate(rows)
    if json:
        tables.print_json(metrics)
        return
    lines = [
        {"": name, "recommender": value, "what is popular": metrics[f"popular_{name}"]}
        for name, value in metrics.items()
        if f"popular_{name}" in metrics
    ]
    tables.print_columns(lines, f"{title}, {metrics['users']:.0f} users")
