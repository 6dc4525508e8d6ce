"""The verbs. Each docstring is the verb's help page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from narrows.cli.answers import answer, data_output, write
from narrows.cli.options import (
    MODEL_ENDING,
    Json,
    Quiet,
    Seed,
    build_model,
    check_model,
    count_for,
    load_autoencoder,
    output_path,
    read_data,
    stem,
    whole,
    without,
)

RECIPE = "deep"  # where none is asked for
KEPT = {"best_epoch": "epoch", "loss": "loss", "val_loss": "val_loss"}  # what a fit's summary says of it
Model = Annotated[str, Parameter(help="A model that fit wrote (.safetensors).")]
Data = Annotated[
    tuple[str, ...],
    Parameter(
        help="A .csv, .parquet, .npy, .npz, .mtx or .wav file or a picture; several .parquet or .wav files or "
        "pictures, a folder of them, a quoted pattern; or digits, mnist, fashion_mnist or movies (:train, :test)."
    ),
]


def demo(
    *,
    out: Annotated[Path, Parameter(help="The folder for the report.")] = Path("narrows-demo"),
    seed: Seed = 0,
) -> None:
    """Train every recipe for pictures on real digits and write a report.

    Takes about a minute and needs no data of yours: it uses the 1,797 handwritten
    digits that scikit-learn ships. Prints one table (recipe, latent size,
    reconstruction error, the error of PCA at the same size, time) and writes
    OUT/report.html, one page that needs nothing beside it, with originals,
    corrupted and reconstructed images, samples, a map of the codes and the
    learning curves.

    For example:

        narrows demo --out my-demo
    """
    from narrows import demo as work

    work.run(out, seed=seed)


def fit(
    data: Data,
    /,
    *,
    recipe: Annotated[
        str | None, Parameter(help="What kind of autoencoder; they are listed above. Without it, deep.")
    ] = None,
    task: Annotated[
        Literal["detect", "denoise", "impute", "recommend", "compress"] | None,
        Parameter(help="What it is for: the verb that will use it. Without --recipe, that verb's own model."),
    ] = None,
    latent_dim: Annotated[
        int | Literal["auto"] | None,
        Parameter(
            metavar="N|auto",
            converter=whole,
            show_choices=False,
            help="How many numbers a code has; 'auto' is what PCA needs for 95% of the variance. "
            "Without it, the recipe's own.",
        ),
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="The model to write (.safetensors). Without it, DATA-RECIPE.safetensors.")
    ] = None,
    epochs: Annotated[
        int | None,
        Parameter(
            metavar="N",
            converter=whole,
            help="At most so many passes over the data. Training plans for about 5,000 steps and may end "
            "before; --set patience=null makes it do all of them.",
        ),
    ] = None,
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            name="--set",
            metavar="KEY=VALUE",
            show_default=False,
            help="Any argument of the recipe or the estimator, with dots to reach into a part: "
            "noise=0.3, bottleneck.beta=4, learning_rate=1e-3. May be given many times.",
        ),
    ] = (),
    drop: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="COLUMN",
            show_default=False,
            help="A column to leave out, as ids and names should be. May be given many times.",
        ),
    ] = (),
    labels: Annotated[
        str | None,
        Parameter(
            metavar="COLUMN|FILE",
            help="What each row is: a column of DATA, which the model then does not see, or a file with one "
            "label per row; built-in data bring theirs: 'digits:train'. 'narrows sample --label' makes rows of one.",
        ),
    ] = None,
    at_least: Annotated[
        float | None,
        Parameter(
            metavar="VALUE",
            help="For --task recommend: what is worth less, as a rating below 4, is no interaction.",
        ),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train an autoencoder on DATA and write it to one file.

    The file holds weights, scaling and settings, and every other verb works from
    it. A tenth of the rows is kept aside to know when to stop; the weights that
    did best there are the ones written. Ctrl-C stops early and keeps the best so
    far.

    The recipes:

        linear                    principal components, as an autoencoder
        vanilla, undercomplete    one layer to the code and one back
        deep                      several layers: the first to try
        denoising                 learns to undo noise
        sparse, kl_sparse, topk   many features, few of them active
        contractive               codes that small changes do not move
        concrete                  a code of columns that it picks
        rate_distortion           a code that is stored in few bits
        vector_quantised, finite_scalar
                                  a code of few discrete symbols
        variational               codes with a distribution: samples, scores
        beta_variational          the same, with a weight on the distribution
        convolutional, convolutional_variational, denoising_convolutional
                                  the same for images
        mult_dae, mult_vae, rec_vae
                                  which items a user has, and will have
        ease, edlae               the same by one linear map, in closed form
        ease_hybrid               that map with a network beside it

    For example:

        narrows fit digits --recipe variational --latent-dim 16
        narrows fit table.csv --recipe denoising --set noise=0.3
        narrows fit images.npy --set backbone.hidden=[512,128] --epochs 30
        narrows fit sensors/*.parquet --out m.safetensors
        narrows fit sounds --set input=signals --set input.window=256
        narrows fit photos --recipe convolutional --set input=patches
        narrows fit normal.csv --task detect --out detector.safetensors
        narrows fit ratings.csv --task recommend --at-least 4
    """
    from narrows.cli import tables

    path = output_path(out, f"{stem(data)}-{task or recipe or RECIPE}{MODEL_ENDING}", list(data))
    if path.suffix.lower() != MODEL_ENDING:
        raise ValueError(
            f"--out '{path}' is not a {MODEL_ENDING} name; name the model for example m{MODEL_ENDING}."
        )
    if at_least is not None:
        if task != "recommend":
            raise ValueError("--at-least is for --task recommend; leave it out.")
        set_ = (*set_, f"at_least={at_least}")
    if task == "recommend" and drop:
        raise ValueError("--drop is for tables of features, not for --task recommend; leave it out.")
    rows = read_data(data)
    given: dict[str, Any] = {"random_state": seed, "verbose": 0 if quiet else 1}
    if task == "recommend" and json:
        given["verbose"] = 0  # it says on stdout which models it tries
    if latent_dim is not None:
        given["latent_dim"] = latent_dim
    if epochs is not None:
        given["max_epochs"] = epochs
    y = None
    if labels is not None:
        from narrows.cli.labels import read_labels

        if task is not None:
            raise ValueError(f"--labels is for models that draw rows, not for --task {task}; leave it out.")
        y, column = read_labels(labels, rows)
        drop, given["conditional"] = (*drop, *column), True
    made = build_model(recipe or (None if task else RECIPE), without(drop, set_), given, task)
    began = time.perf_counter()
    made.fit(rows, y)
    seconds = time.perf_counter() - began
    made.save(path)

    model = getattr(made, "ae_", made)
    # The epoch whose weights the model has; 0 is before the first.
    epoch = model.fitted_.training["kept_epoch"]
    kept = model.history_[epoch - 1] if epoch else {}
    sizes = {"rows": count_for(model, rows), "features": model.n_features_in_}
    if task == "recommend":
        from narrows.cli.recommenders import learned

        sizes = learned(made, seconds)
    facts = {
        "model": str(path),
        **({"task": task} if task else {}),
        "recipe": recipe or ("its own" if task else RECIPE),
        **sizes,
        "latent_dim": model.latent_dim_,
        "epochs": len(model.history_),
        **{name: kept[key] for name, key in KEPT.items() if key in kept},
    }
    if json:
        tables.print_json(facts)
    elif not quiet:
        if tried := facts.pop("tried", []):
            tables.print_columns(tried, "What held-out users say of the models")
        tables.print_facts(facts, "Fitted")


def transform(
    model: Model,
    data: Data,
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="Where to write the codes. Without it, DATA-codes in DATA's own format.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write the code of each row of DATA: its few numbers in place of many.

    The ending of OUT says the format: .csv, .parquet, .npy or .npz. Tables get
    one named column per code. The same row always has the same code, the mean
    one for a variational model.

    For example:

        narrows transform m.safetensors digits --out codes.csv
    """
    check_model(model)
    path = data_output(out, data, "codes", model)
    answer(load_autoencoder(model), "transform", data, path, quiet)


def reconstruct(
    model: Model,
    data: Data,
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(help="Where to write the rows. Without it, DATA-reconstructed in DATA's own format."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write each row of DATA as the model sees it: encoded, then decoded again.

    The answer has the columns, units and shape of DATA. What differs from DATA
    is what the model does not know: noise, when it was trained to undo it, or
    what is unusual about a row. A sound becomes a .wav file; a folder of sounds or
    of pictures a new folder of them, named by OUT without an ending.

    For example:

        narrows reconstruct m.safetensors table.csv --out cleaned.csv
        narrows reconstruct m.safetensors photos --out cleaned
    """
    check_model(model)
    path = data_output(out, data, "reconstructed", model, rebuilds=True)
    answer(load_autoencoder(model), "reconstruct", data, path, quiet)


def sample(
    model: Model,
    /,
    *,
    count: Annotated[
        int, Parameter(name=["--count", "-n"], metavar="N", converter=whole, help="How many rows to make.")
    ] = 16,
    prior: Annotated[
        Literal["fitted"] | None,
        Parameter(
            help="With 'fitted' a variational model draws codes like those of the rows it was fitted on, which "
            "gives better rows than its own prior. Other models always do."
        ),
    ] = None,
    label: Annotated[
        str | None, Parameter(help="Rows of this label, for a model that was fitted with --labels.")
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(help="Where to write them. Without it, MODEL-samples.npy, or .csv for a model of a table."),
    ] = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Make new rows that look like those the model was fitted on.

    Draws codes and decodes them; a variational model is the one trained for it.
    A row is what is expected of its code: of a table numbers between those that
    occur, and the likeliest categories. The same seed makes the same rows.

    For example:

        narrows sample m.safetensors -n 16 --seed 1 --out new.npy
        narrows fit table.csv --recipe variational --labels kind --out m.safetensors
        narrows sample m.safetensors -n 16 --label cat --out cats.csv
    """
    check_model(model)
    if out is not None:
        data_output(out, (), "", model)
    if count < 1:
        raise ValueError(f"-n is {count}, expected at least 1; say how many rows to make.")
    from narrows.cli.labels import meant

    fitted = load_autoencoder(model)
    asked = None if label is None else meant(label, list(getattr(fitted, "classes_", [])))
    rows = fitted.sample(count, prior=prior, labels=asked, random_state=seed)
    ending = ".csv" if hasattr(rows, "columns") else ".npy"
    path = output_path(out, f"{stem(model)}-samples{ending}", [model])
    write(path, rows, quiet)
