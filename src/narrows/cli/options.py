"""What several verbs share: their common options, where data come from and where results go."""

from __future__ import annotations

import glob
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, Token

if TYPE_CHECKING:
    from narrows.estimators import Autoencoder

BUILT_IN = ("digits", "mnist", "fashion_mnist", "movies")
MODEL_ENDING = ".safetensors"


def whole(type_: Any, tokens: Sequence[Token]) -> int | str:
    """An integer as written, or 'auto' where the option takes it: cyclopts would round 2.5 to 2."""
    text = tokens[0].value
    if text == "auto" and type_ is not int:
        return text
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number, not '{text}'.") from None


Json = Annotated[
    bool, Parameter(name="--json", show_default=False, help="Print one JSON document instead of a table.")
]
Quiet = Annotated[bool, Parameter(show_default=False, help="Print neither progress nor what was written.")]
Seed = Annotated[
    int,
    Parameter(
        metavar="N", converter=whole, help="The seed of every random choice: the same seed, the same result."
    ),
]


def read_data(names: str | Sequence[str]) -> Any:
    """The rows that DATA arguments mean: those of a file, of several Parquet files, sounds or pictures, of a
    folder or a pattern, or of a built-in data set.  Large files are read as they are needed."""
    names = [names] if isinstance(names, str) else list(names)
    base, _, part = names[0].partition(":")
    if len(names) == 1 and base in BUILT_IN and part in ("", "train", "test"):
        from narrows import datasets

        data = getattr(datasets, base)()
        return {"": lambda: data.X, "train": lambda: data.x_train, "test": lambda: data.x_test}[part]()

    from narrows.sources import found

    if len(names) > 1:
        return found.find_several(names)
    (name,) = names
    if not Path(name).exists() and not Path(name).suffix and not glob.has_magic(name):
        raise FileNotFoundError(
            f"there is no file '{name}' and no built-in data of that name; give a path, or one of "
            f"{', '.join(BUILT_IN)} (with :train or :test for one part)."
        )
    return found.find(name)


def count(rows: Any) -> int:
    """How many rows there are; a sparse matrix does not say by ``len``."""
    return rows.shape[0] if hasattr(rows, "shape") else len(rows)


def count_for(model: Autoencoder, rows: Any) -> int:
    """How many rows that is to a model: windows of series and patches of photographs are its own."""
    schema = model.fitted_.schema
    index = getattr(schema, "window_index", None) or getattr(schema, "patch_index", None)
    return count(rows) if index is None else len(index(rows))


def load_model(name: str) -> Any:
    """The model, or estimator of a task, that a MODEL argument means."""
    check_model(name)
    import narrows

    return narrows.load(name)


def load_autoencoder(name: str) -> Autoencoder:
    """The autoencoder that a MODEL argument means; refused where the file holds several."""
    return autoencoder_in(load_model(name), name)


def autoencoder_in(found: Any, name: str) -> Autoencoder:
    """The one autoencoder of a model, or estimator of a task, that stood in the file ``name``."""
    if type(found).__name__ == "Recommender":
        raise ValueError(
            f"'{name}' is a recommender, but an autoencoder of rows was expected; use 'narrows recommend', or 'narrows"
            " evaluate' for how good it is."
        )
    models = getattr(found, "models_", (found,))
    if len(models) > 1:
        verb = next(verb for verb, task in TASKS.items() if task == type(found).__name__)
        raise ValueError(
            f"'{name}' is of {len(models)} models together, but one autoencoder was expected; use 'narrows {verb}', or"
            " a model that 'narrows fit' wrote without --task."
        )
    return models[0]


def check_model(name: str) -> None:
    """Raise when there is no model file of this name: asked before the slow imports."""
    if Path(name).suffix.lower() != MODEL_ENDING:
        raise ValueError(
            f"'{name}' is not a model, expected a {MODEL_ENDING} file; write one with 'narrows fit'."
        )
    if not Path(name).is_file():
        raise FileNotFoundError(
            f"there is no model '{name}'; write one with 'narrows fit DATA --out {name}'."
        )


def output_path(out: Path | None, default: str, inputs: Sequence[str], folder: bool = False) -> Path:
    """Where to write: ``--out`` or a default name in the current folder, checked before any long work; a
    name without an ending is that of a ``folder``, where there may be one."""
    from narrows.atomic import check_folder, check_target
    from narrows.sources.places import check_apart
    from narrows.sources.writing import is_folder

    path = Path(default) if out is None else out
    (check_folder if folder and is_folder(path) else check_target)(path)
    check_apart(path, inputs)
    return path


def stem(names: str | Sequence[str]) -> str:
    """The bare name of an argument, for the names of files made from it: 'a/b.csv' → 'b'; of several files,
    or of a pattern, that of their folder."""
    name = names if isinstance(names, str) else names[0]
    several = not isinstance(names, str) and len(names) > 1
    path = Path(name).parent if several or glob.has_magic(name) else Path(name)
    return (path.stem or "data").replace(":", "-")


def data_ending(names: str | Sequence[str], rebuilds: bool = False) -> str:
    """The ending of a DATA argument's own format; a folder of Parquet files has theirs, arrays, built-in
    ones too, are npy.  What ``rebuilds`` a sound is one, what rebuilds several sounds or pictures is a
    folder of them, without an ending."""
    several = [names] if isinstance(names, str) else names
    name, ending = several[0], Path(several[0]).suffix.lower()
    if ending in (".csv", ".parquet", ".npz"):
        return ending
    if rebuilds and (ending == ".wav" or Path(name).is_dir() or len(several) > 1 or glob.has_magic(name)):
        from narrows.sources.image_folder import image_files
        from narrows.sources.wav import wav_files

        if image_files(name) or wav_files(name):
            return ".wav" if len(several) == 1 and os.path.isfile(name) else ""
    return ".parquet" if Path(name).is_dir() and any(Path(name).rglob("*.parquet")) else ".npy"


TASKS = {
    "detect": "AnomalyDetector",
    "denoise": "Denoiser",
    "impute": "Imputer",
    "recommend": "Recommender",
    "compress": "Codec",
}


def build_model(
    recipe: str | None, settings: Sequence[str], given: Mapping[str, Any], task: str | None = None
) -> Any:
    """The unfitted model of a recipe, for a task if one is named: ``given`` keywords first, then each
    ``--set KEY=VALUE``.

    A key that the recipe itself takes goes to it; any other reaches into the estimator, dots becoming
    the double underscores of ``set_params``.
    """
    function = None if recipe is None else _recipe(recipe)
    own = {} if function is None else inspect.signature(function).parameters
    arguments, reaching = dict(given), {}
    for setting in settings:
        key, value = parse_setting(setting)
        (arguments if key in own else reaching)[key.replace(".", "__")] = value
    model = None if function is None else function(**arguments)
    if task is None:
        return model.set_params(**reaching)
    import narrows

    kind = getattr(narrows, TASKS[task])
    estimator = kind(model, random_state=given["random_state"], verbose=given["verbose"])
    known = estimator.get_params(deep=False)
    if model is not None:  # what both have is the model's
        own = model.get_params(deep=False)
        mine = {key: value for key, value in reaching.items() if key.partition("__")[0] not in own}
        model.set_params(**{key: value for key, value in reaching.items() if key not in mine})
        return estimator.set_params(**mine)
    reaching |= {key: value for key, value in arguments.items() if key not in ("random_state", "verbose")}
    for key in reaching:
        if key.partition("__")[0] not in known:
            option = {"max_epochs": "--epochs", "latent_dim": "--latent-dim"}.get(key)
            option = option or f"--set {key.replace('__', '.')}"
            raise ValueError(
                f"{option} is no choice of --task {task}, which brings a model of its own with {', '.join(known)};"
                " name a --recipe too."
            )
    return estimator.set_params(**reaching)


def without(drop: Sequence[str], settings: Sequence[str]) -> tuple[str, ...]:
    """The ``settings`` with those that leave the columns to ``drop`` out.

    >>> without(["id"], ["noise=0.1"])
    ('input=table', 'noise=0.1', 'input.drop=["id"]')
    """
    return ("input=table", *settings, f"input.drop={json.dumps(list(drop))}") if drop else tuple(settings)


def parse_setting(text: str) -> tuple[str, Any]:
    """``KEY=VALUE``, the value read as JSON where it is JSON, else as the text itself.

    >>> parse_setting("bottleneck.beta=4"), parse_setting("likelihood=bernoulli")
    (('bottleneck.beta', 4), ('likelihood', 'bernoulli'))
    >>> parse_setting("backbone.hidden=[64, 32]")
    ('backbone.hidden', (64, 32))
    """
    key, separator, value = text.partition("=")
    if not separator or not all(word.isidentifier() or word.isdigit() for word in key.split(".")):
        raise ValueError(f"--set '{text}' is not KEY=VALUE; write for example --set bottleneck.beta=4.")
    try:
        parsed = json.loads(value)
    except ValueError:
        return key, value
    return key, tuple(parsed) if isinstance(parsed, list) else parsed  # parts are frozen: tuples, not lists


def _recipe(name: str) -> Callable[..., Autoencoder]:
    from narrows import recipes

    if name not in recipes.__all__:
        close = get_close_matches(name, recipes.__all__, n=1)
        hint = f"did you mean '{close[0]}'?" if close else "choose one of these."
        raise ValueError(f"there is no recipe '{name}', expected {', '.join(recipes.__all__)}; {hint}")
    return getattr(recipes, name)
