"""What the demo trains: each recipe with sizes and lengths that suit 1,438 images of 8×8 pixels."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from narrows import recipes
from narrows.estimators import Autoencoder

# Fixed lengths and larger batches than the default: fifteen models in a minute, each as good as it
# needs to be for a picture, and the same work whatever early stopping would have said.
COMMON: dict[str, Any] = {"max_epochs": 45, "batch_size": 64, "patience": None}
SMALLER = (256, 64)  # hidden layers; the recipes' own are for larger images


@dataclass(frozen=True)
class Trial:
    """A recipe and the arguments it is called with; ``name`` is the recipe's unless told apart."""

    recipe: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def title(self) -> str:
        return self.name or self.recipe

    @property
    def epochs(self) -> int:
        return self.arguments["max_epochs"]

    @property
    def call(self) -> str:
        """The line of Python that makes the model."""
        return f"nw.recipes.{self.recipe}({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"

    @property
    def about(self) -> str:
        """The first paragraph of the recipe's documentation, in the report's kind of prose."""
        paragraph = inspect.getdoc(getattr(recipes, self.recipe)) or ""
        return " ".join(paragraph.partition("\n\n")[0].replace("``", "`").split())

    def model(self, seed: int, callback: Any) -> Autoencoder:
        """Unfitted; ``callback`` will be told about each epoch."""
        return getattr(recipes, self.recipe)(**self.arguments, random_state=seed, callbacks=(callback,))


_PLAN: dict[str, dict[str, Any]] = {  # in the order of the story: from PCA outwards
    "linear": {"latent_dim": 8, "max_epochs": 80},
    "undercomplete": {"latent_dim": 8},
    "deep": {"latent_dim": 8, "hidden": SMALLER},
    "convolutional": {"latent_dim": 8, "max_epochs": 40},
    "variational": {"latent_dim": 8, "hidden": SMALLER},
    "beta_variational": {"latent_dim": 8, "hidden": SMALLER},
    "convolutional_variational": {"latent_dim": 8, "max_epochs": 40},
    "denoising": {"latent_dim": 16, "noise": 0.3, "hidden": SMALLER},
    "denoising_convolutional": {"latent_dim": 16, "noise": 0.3, "max_epochs": 40},
    "vanilla": {"latent_dim": 32, "max_epochs": 80},
    "contractive": {"latent_dim": 32, "weight": 0.02},
    "sparse": {"latent_dim": 128},
    "kl_sparse": {"latent_dim": 128},
    "topk": {"latent_dim": 128, "k": 12},
    "concrete": {"latent_dim": 16},
}
MAP = "map"  # the title of the extra model with two latents, which can be drawn


def for_pictures() -> list[str]:
    """The recipes that leave open what a row is; others are for counts, as those that recommend.

    >>> "convolutional" in for_pictures(), "ease" in for_pictures()
    (True, False)
    """
    return [name for name in recipes.__all__ if getattr(recipes, name)().input is None]


def trials(epochs: int | None = None) -> list[Trial]:
    """Every recipe for pictures once, and a variational model with two latents for the map.

    ``epochs`` replaces all lengths.  A recipe that has no plan yet is tried with 8 latents.

    >>> {trial.recipe for trial in trials()} == set(for_pictures())
    True
    """
    names = [*_PLAN, *(name for name in for_pictures() if name not in _PLAN)]
    plan = [_trial(name, _PLAN.get(name, {"latent_dim": 8}), epochs) for name in names]
    flat = {"latent_dim": 2, "hidden": SMALLER, "max_epochs": 80}
    return [*plan, _trial("variational", flat, epochs, name=MAP)]


def _trial(recipe: str, own: Mapping[str, Any], epochs: int | None, name: str = "") -> Trial:
    given = {} if epochs is None else {"max_epochs": epochs}
    return Trial(recipe, {**own, **{k: v for k, v in COMMON.items() if k not in own}, **given}, name)
