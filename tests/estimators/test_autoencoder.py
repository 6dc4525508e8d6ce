"""The estimator's contract: rows in, rows out, in the user's units, types and frame library."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError

import narrows as nw
from narrows.backbones import MLP, Conv2d
from narrows.likelihoods import Laplace, Normal

NAMES = ["a", "b", "c", "d", "e", "f"]
VERBS = {
    "transform": lambda ae, X: ae.transform(X),
    "reconstruct": lambda ae, X: ae.reconstruct(X),
    "score_samples": lambda ae, X: ae.score_samples(X),
    "inverse_transform": lambda ae, X: ae.inverse_transform(ae.transform(X)),
}


def frame_of(library, rows):
    if library == "pandas":
        return pd.DataFrame(rows, columns=NAMES, index=[f"row {i}" for i in range(len(rows))])
    columns = dict(zip(NAMES, rows.T, strict=True))
    return pl.DataFrame(columns) if library == "polars" else pa.table(columns)


def values(frame):
    return np.column_stack([np.asarray(frame[name]) for name in NAMES])


@pytest.fixture(scope="module")
def ae(plane):
    return nw.Autoencoder(2, max_epochs=30).fit(plane)


@pytest.fixture(scope="module")
def variational(plane):
    return nw.recipes.variational(2, hidden=(16,), max_epochs=30).fit(plane)


# Attributes


def test_what_a_fitted_model_tells(ae, plane):
    assert ae.n_features_in_ == 6 and ae.latent_dim_ == 2
    assert list(ae.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    assert 1 <= len(ae.history_) <= 30 and ae.history_[0]["epoch"] == 1
    assert not hasattr(ae, "feature_names_in_")
    assert sum(p.numel() for p in ae.net_.parameters()) > 0


@pytest.mark.parametrize("verb", [*VERBS, "evaluate", "sample", "traverse", "interpolate", "save", "score"])
def test_nothing_works_before_fit(verb, plane, tmp_path):
    ae = nw.Autoencoder()
    arguments = {"sample": (), "interpolate": (plane[0], plane[1]), "save": (tmp_path / "m.safetensors",)}
    with pytest.raises(NotFittedError):
        getattr(ae, verb)(*arguments.get(verb, (plane,)))
    assert not list(tmp_path.iterdir())


def test_automatic_size_is_the_components_for_95_percent():
    rng = np.random.default_rng(0)
    for rank in (3, 7):
        X = rng.normal(size=(200, rank)) @ np.linalg.qr(rng.normal(size=(20, rank)))[0].T
        assert nw.Autoencoder(max_epochs=1, scale=None).fit(X).latent_dim_ == rank
    one = rng.normal(size=(200, 1)) @ np.ones((1, 5))
    assert nw.Autoencoder(max_epochs=1).fit(one).latent_dim_ == 2, "never fewer"
    assert nw.Autoencoder(max_epochs=1, scale=None).fit(rng.normal(size=(300, 100))).latent_dim_ == 64, (
        "never more"
    )


# Units


@pytest.mark.parametrize("scale", [None, "auto", "standard", "minmax", "robust"])
def test_answers_are_in_the_users_units(plane, scale):
    X = plane if scale is not None else (plane - plane.mean(0)) / plane.std(0)
    ae = nw.Autoencoder(2, scale=scale, max_epochs=150, patience=None, validation_fraction=0).fit(X)
    relative = np.abs(ae.reconstruct(X) - X).mean(0) / X.std(0)
    assert (relative < 0.25).all()
    assert np.allclose(ae.sample(500).mean(0), X.mean(0), atol=0.5 * X.std(0).max())
    assert np.allclose(ae.inverse_transform(ae.transform(X)), ae.reconstruct(X), rtol=1e-4)


@pytest.mark.parametrize("likelihood", [Normal("feature"), Normal(), Laplace("shared")], ids=repr)
@pytest.mark.parametrize("bottleneck", ["deterministic", "gaussian"])
def test_scores_are_a_density_of_the_users_rows(plane, likelihood, bottleneck):
    """The same model on rows that were rescaled by hand: every density falls by Σ ln of the factors."""
    factors, offsets = np.array([2, 0.5, 10, 1e-3, 1e3, 7.0]), np.arange(6.0)
    arguments = {"max_epochs": 5, "scale": "standard", "precision": "float64", "bottleneck": bottleneck}
    first = nw.Autoencoder(2, likelihood=likelihood, **arguments).fit(plane)
    second = nw.Autoencoder(2, likelihood=likelihood, **arguments).fit(plane * factors + offsets)
    assert np.allclose(first.transform(plane), second.transform(plane * factors + offsets), atol=1e-6)
    moved = second.score_samples(plane * factors + offsets)
    assert np.allclose(first.score_samples(plane) - moved, np.log(factors).sum(), atol=1e-5)


def test_scores_cannot_be_gamed_by_the_scale(plane):
    """A linear Gaussian model explains the rows equally well in whatever units it works."""
    scores = [
        nw.Autoencoder(
            2,
            backbone=MLP(hidden=()),
            scale=scale,
            bottleneck="gaussian",
            likelihood=Normal("feature"),
            max_epochs=1500,
            batch_size=120,
            validation_fraction=0,
            precision="float64",
        )
        .fit(plane)
        .score(plane)
        for scale in ("standard", "minmax", "robust")
    ]
    assert max(scores) - min(scores) < 0.3, "nats per row; units alone would make tens of them"


def test_scores_are_the_log_of_a_density_that_sums_to_one():
    """One feature, a wide grid: ∫ exp(score) dx = 1 for a code that does not depend on x."""
    X = np.random.default_rng(0).normal(5, 3, size=(100, 1))
    constant = nw.Autoencoder(1, scale="standard", max_epochs=3, precision="float64").fit(X)
    constant.net_.bottleneck.project.linear.weight.data.zero_()
    grid = np.linspace(-60, 70, 4000)[:, None]
    assert np.trapezoid(np.exp(constant.score_samples(grid)), grid[:, 0]) == pytest.approx(1, abs=1e-6)


# Rows


@pytest.mark.parametrize("verb", VERBS)
def test_a_row_is_answered_alike_in_any_company(ae, variational, plane, verb):
    for model in (ae, variational):
        together = VERBS[verb](model, plane)
        order = np.random.default_rng(0).permutation(len(plane))
        size = 1e-5 * np.abs(together).max(0)
        assert (np.abs(VERBS[verb](model, plane[order]) - together[order]) <= size).all()
        for i in range(0, len(plane), 17):
            assert (np.abs(VERBS[verb](model, plane[i : i + 1])[0] - together[i]) <= size).all()
        assert np.array_equal(VERBS[verb](model, plane), together), "and alike every time"


@pytest.mark.parametrize(
    ("given", "answered"),
    [(np.float64, np.float64), (np.float32, np.float32), (np.int64, np.float32), (bool, np.float32)],
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_answers_have_the_precision_of_the_rows(given, answered, precision):
    X = np.random.default_rng(0).integers(0, 2, size=(40, 4)).astype(given)
    ae = nw.Autoencoder(2, max_epochs=1, precision=precision).fit(X)
    Z = ae.transform(X)
    assert Z.dtype == answered and ae.reconstruct(X).dtype == answered
    assert ae.inverse_transform(Z).dtype == answered
    assert ae.score_samples(X).dtype == np.float64


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda X: X[::-1], lambda X: X[:, ::-1], lambda X: X[::2]]
)
def test_memory_layout_does_not_matter(ae, plane, layout):
    view = layout(plane)
    assert np.allclose(ae.transform(view), ae.transform(np.ascontiguousarray(view)), atol=1e-6)
    codes = layout(ae.transform(plane))
    assert np.allclose(ae.inverse_transform(codes), ae.inverse_transform(np.ascontiguousarray(codes)))


def test_read_only_rows_are_fine_and_no_row_is_written_to(plane):
    X = plane.copy()
    X.flags.writeable = False
    ae = nw.Autoencoder(2, max_epochs=1, scale=None).fit(X)
    ae.reconstruct(X), ae.score_samples(X)
    assert np.array_equal(X, plane)


def test_samples_come_from_their_seed(variational):
    assert variational.sample(4).shape == (4, 6) and variational.sample().shape == (1, 6)
    assert np.array_equal(variational.sample(4, random_state=3), variational.sample(4, random_state=3))
    assert not np.array_equal(variational.sample(4, random_state=3), variational.sample(4, random_state=4))
    state = np.random.RandomState(0)
    assert not np.array_equal(
        variational.sample(4, random_state=state), variational.sample(4, random_state=state)
    )


def test_paths_between_rows_and_along_latents(variational, plane):
    for a, b in ((plane[0], plane[1]), (plane[:1], plane[1:2]), (plane[0].tolist(), plane[1].tolist())):
        steps = variational.interpolate(a, b, steps=5)
        assert steps.shape == (5, 6)
        assert np.allclose(steps[[0, -1]], variational.reconstruct(plane[:2]), rtol=1e-4, atol=1e-4)
    along = variational.traverse(plane[0], dim=1, steps=3)
    assert along.shape == (3, 6) and np.allclose(
        along[1], variational.reconstruct(plane[:1])[0], rtol=1e-4, atol=1e-4
    )


def test_one_row_is_one_row(variational, plane, refused):
    with refused("2 rows"):
        variational.traverse(plane[:2])


def test_a_path_stands_for_the_file_behind_it(ae, plane, tmp_path):
    np.save(tmp_path / "rows.npy", plane)
    assert np.array_equal(ae.transform(tmp_path / "rows.npy"), ae.transform(plane))
    assert np.array_equal(ae.transform(str(tmp_path / "rows.npy")), ae.transform(plane))
    again = nw.Autoencoder(2, max_epochs=30).fit(
        str(tmp_path / "rows.npy"), validation_data=tmp_path / "rows.npy"
    )
    assert again.n_features_in_ == 6


# Frames


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_come_back_as_the_same_library(plane, ae, library):
    frame = frame_of(library, plane)
    model = nw.Autoencoder(2, max_epochs=30).fit(frame)
    assert np.array_equal(model.transform(frame), ae.transform(plane)), "a frame is learned as its numbers"
    assert list(model.feature_names_in_) == NAMES
    back = model.reconstruct(frame)
    assert type(back) is type(frame)
    assert np.allclose(values(back), ae.reconstruct(plane))
    for rows in (model.inverse_transform(model.transform(frame)), model.sample(4), model.interpolate(
        frame[:1], frame[1:2], steps=3), model.traverse(frame[:1])):  # fmt: skip
        assert type(rows) is type(frame)
    if library == "pandas":
        assert list(back.index) == list(frame.index)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_set_output_makes_frames_of_codes(plane, output):
    model = nw.Autoencoder(2, max_epochs=1).set_output(transform=output)
    codes = model.fit(plane).transform(plane)
    assert isinstance(codes, pd.DataFrame if output == "pandas" else pl.DataFrame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"] and len(codes) == len(plane)
    assert np.allclose(model.inverse_transform(codes), model.reconstruct(plane), rtol=1e-4), (
        "frames of codes go back"
    )
    frame = frame_of("pandas", plane)
    if output == "pandas":
        assert list(model.fit(frame).transform(frame).index) == list(frame.index)


def test_columns_in_another_order_are_refused(plane):
    frame = frame_of("pandas", plane)
    model = nw.Autoencoder(2, max_epochs=1).fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[NAMES[::-1]])


# Pictures


@pytest.mark.parametrize(
    "shape", [(20, 8, 8), (20, 8, 8, 1), (20, 8, 8, 3), (20, 3, 8, 8), (20, 9, 5), (20, 1, 1)]
)
@pytest.mark.parametrize(
    "backbone", [Conv2d(channels=(4,)), Conv2d(channels=(4,), resample="pool"), MLP((8,))]
)
def test_pictures_come_back_as_pictures(shape, backbone):
    X = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    ae = nw.Autoencoder(2, backbone=backbone, max_epochs=2).fit(X)
    assert ae.n_features_in_ == np.prod(shape[1:])
    assert ae.transform(X).shape == (20, 2) and ae.score_samples(X).shape == (20,)
    for pictures in (ae.reconstruct(X), ae.inverse_transform(ae.transform(X)), ae.sample(20)):
        assert pictures.shape == shape and pictures.dtype == np.uint8
    assert ae.interpolate(X[0], X[1], steps=3).shape == (3, *shape[1:])
    flat = X.reshape(20, -1)
    assert np.array_equal(ae.transform(flat), ae.transform(X)), "flat rows are accepted after fit"
    assert ae.reconstruct(flat).shape == flat.shape


def test_channels_first_and_last_are_the_same_pictures():
    X = np.random.default_rng(0).uniform(size=(20, 8, 6, 3))
    last = nw.recipes.convolutional(2, max_epochs=2).fit(X)
    first = nw.recipes.convolutional(2, max_epochs=2).fit(X.transpose(0, 3, 1, 2))
    assert np.array_equal(last.transform(X), first.transform(X.transpose(0, 3, 1, 2)))
    assert np.array_equal(
        last.reconstruct(X), first.reconstruct(X.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    )


def test_a_convolutional_model_learns_digits(images):
    ae = nw.recipes.convolutional(16, max_epochs=40).fit(images)
    assert ae.evaluate(images)["r2"] > 0.7


def test_refitting_on_another_kind_of_data(plane, images):
    ae = nw.Autoencoder(2, max_epochs=1).fit(frame_of("pandas", plane))
    ae.fit(images)
    assert ae.n_features_in_ == 64 and not hasattr(ae, "feature_names_in_")
    assert isinstance(ae.reconstruct(images), np.ndarray)
    assert ae.fit(plane).reconstruct(plane).shape == plane.shape
