"""Every input with every recipe: trained, saved, loaded, and back in the user's own kind of data."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import narrows as nw
from narrows import inputs

RNG = np.random.default_rng(0)
N = 40


def table():
    number = RNG.normal(size=N)
    return pd.DataFrame(
        {
            "number": np.where(RNG.random(N) < 0.1, np.nan, number),
            "other": number + RNG.normal(size=N),
            "text": RNG.choice(["x", "y", "z"], N),
            "flag": number > 0,
        }
    )


# An input of each kind and data for it; a new input is asked for here.
DATA = {
    "Vectors": (inputs.Vectors(), RNG.random((N, 6))),
    "Table": (inputs.Table(), table()),
    "Images": (inputs.Images(), RNG.integers(0, 256, (N, 9, 8)).astype(np.uint8)),
    "Patches": (inputs.Patches(size=8), RNG.random((3, 20, 17, 3))),
    "Signals": (inputs.Signals(window=8), RNG.normal(size=(80, 2))),
    "Counts": (inputs.Counts(), scipy.sparse.csr_array(RNG.poisson(0.7, (N, 12)))),
    "Text": (inputs.Text(), [" ".join(RNG.choice(["red", "green", "blue", "brown"], 6)) for _ in range(N)]),
}
ITEMS = ["ease", "ease_hybrid", "edlae"]
CONVOLUTIONS = [recipe for recipe in nw.recipes.__all__ if "convolutional" in recipe]
# Why, and what the error says of it.
FLAT = "a convolution looks at neighbouring pixels, and columns have none", "but needs images: pass an array"
SERIES = "Conv2d reads pictures: pass backbone='conv1d' instead", "but needs images: pass an array"
SIGMOID = (
    "its sigmoid explains numbers in [0, 1], and counts are not scaled: pass likelihood='multinomial'",
    "explains values in .* never scaled: pass another likelihood",
)
TIED = (
    "its decoder is its encoder transposed, but a table goes in one-hot: pass a backbone",
    "tied weights need equal ones: pass tied=False",
)
PICKED = (
    "it picks columns that are numbers, and a table goes in with flags and one-hot: pass a frame of numbers",
    "but picks columns that are numbers without gaps: pass a frame",
)
NUMBERS = (
    "it begins at PCA of the rows, and a table goes in with flags and one-hot: pass a frame of numbers",
    "but needs numbers without gaps and one output for each: pass a frame",
)
ONE_BY_ONE = (
    "it says of each item what others say of it, and these have neighbours: pass flat rows",
    "but needs counts and one output for each: pass input=inputs.Counts",
)
MIXED = (
    "its likelihood divides a row's total among its entries: pass columns of counts alone",
    "got a table with categories, but divides a row's total",
)
SIGNED = (
    "its likelihood explains counts, and series have any sign: pass likelihood='normal'",
    "explains counts",
)
LEFT_OUT = {
    **dict.fromkeys(itertools.product(("Images", "Patches", "Signals"), ITEMS), ONE_BY_ONE),
    **dict.fromkeys(itertools.product(("Table",), (*ITEMS, "mult_dae", "mult_vae")), MIXED),
    **dict.fromkeys(itertools.product(("Signals",), ("mult_dae", "mult_vae")), SIGNED),
    **dict.fromkeys(itertools.product(("Vectors", "Table", "Counts", "Text"), CONVOLUTIONS), FLAT),
    **dict.fromkeys(itertools.product(("Signals",), CONVOLUTIONS), SERIES),
    ("Counts", "vanilla"): SIGMOID,
    ("Text", "vanilla"): SIGMOID,
    ("Table", "contractive"): TIED,
    ("Table", "concrete"): PICKED,
    ("Table", "rate_distortion"): NUMBERS,
}
PAIRS = [pair for pair in itertools.product(inputs.__all__, nw.recipes.__all__) if pair not in LEFT_OUT]


def test_every_input_has_data():
    assert set(DATA) == set(inputs.__all__)


def fitted(kind, recipe):
    part, X = DATA[kind]
    return getattr(nw.recipes, recipe)(2, input=part, max_epochs=2).fit(X), X


@pytest.mark.filterwarnings("ignore:The posterior has collapsed")  # of those that were hardly trained
@pytest.mark.parametrize(("kind", "recipe"), PAIRS)
def test_trains_saves_loads_and_round_trips(kind, recipe, tmp_path):
    ae, X = fitted(kind, recipe)
    codes, scores = ae.transform(X), ae.score_samples(X)
    assert codes.shape == (len(scores), 2) and np.isfinite(codes).all() and np.isfinite(scores).all()
    ae.save(tmp_path / "m.safetensors")
    loaded = nw.load(tmp_path / "m.safetensors")
    assert np.array_equal(loaded.transform(X), codes) and np.array_equal(loaded.score_samples(X), scores)
    assert repr(loaded.input) == repr(ae.input)
    back = loaded.reconstruct(X)
    if kind == "Table":
        pd.testing.assert_series_equal(back.dtypes, X.dtypes)
        pd.testing.assert_index_equal(back.index, X.index)
    elif kind == "Text":
        assert back.shape == (N, 4)
    else:
        assert back.shape == X.shape and (kind != "Images" or back.dtype == X.dtype)
    if loaded.net_.side is None:  # else a decoder wants more than codes
        assert len(loaded.inverse_transform(codes[:3])) == 3 and len(loaded.sample(2)) == 2
    assert {"mse", "r2", "nll", "rate", "score", "pca_mse"} <= set(loaded.evaluate(X))


@pytest.mark.parametrize(("kind", "recipe"), LEFT_OUT)
def test_what_is_left_out_is_refused_in_a_sentence(kind, recipe):
    with pytest.raises(ValueError, match=LEFT_OUT[kind, recipe][1]):
        fitted(kind, recipe)
