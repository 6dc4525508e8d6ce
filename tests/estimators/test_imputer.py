"""Gaps filled: what is there stays, what is not is what a conditional model expects."""

from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import narrows as nw
from narrows.estimators._blend import shares
from narrows.estimators._gaussian import Gaussian
from narrows.inputs import Table

RNG = np.random.default_rng(0)
LOADINGS = np.array([[1.0, 0.8, -0.6, 0.9, 0.2], [0.0, 0.6, 0.8, -0.3, 1.0]])
COVARIANCE = LOADINGS.T @ LOADINGS + 0.25 * np.eye(5)


def drawn(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.multivariate_normal(np.zeros(5), COVARIANCE, n)
    return x, np.where(rng.random(x.shape) < 0.2, np.nan, x)


def exact(holed):
    """Conditional means and variances under the true model."""
    mean, variance = holed.copy(), np.zeros(holed.shape)
    for row, m in enumerate(np.isnan(holed)):
        o = ~m
        weights = np.linalg.solve(COVARIANCE[np.ix_(o, o)], COVARIANCE[np.ix_(o, m)])
        mean[row, m] = holed[row, o] @ weights
        variance[row, m] = np.diag(COVARIANCE[np.ix_(m, m)] - COVARIANCE[np.ix_(m, o)] @ weights)
    return mean, variance


WHOLE, HOLED = drawn(600, 1)
NEW, NEW_HOLED = drawn(500, 2)
GAPS = np.isnan(NEW_HOLED)


@pytest.fixture(scope="module")
def fitted():
    return nw.Imputer(members=2).fit(HOLED)


def mixed(n=120, seed=3):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "size": z * 2 + 10,
            "weight": (z + 0.1 * rng.normal(size=n)).astype("float32"),
            "kind": pd.Categorical(
                np.where(z > 0, "large", "small"), categories=["large", "small", "unused"]
            ),
            "heavy": pd.array(z > 0.5, dtype="boolean"),
            "count": pd.array(np.round(3 * z), dtype="Int64"),
            "text": np.where(z > 0, "yes", "no").astype(object),
        },
        index=[f"row {i}" for i in range(n)],
    )
    holed = frame.copy()
    for name in frame.columns:
        holed.loc[holed.index[rng.random(n) < 0.15], name] = None
    return frame, holed


# Known answers


def test_fills_approach_the_exact_conditional_mean(fitted):
    filled = fitted.transform(NEW_HOLED)
    best, _ = exact(NEW_HOLED)
    error, least = (np.square(f - NEW)[GAPS].mean() for f in (filled, best))
    assert error < 1.1 * least
    assert np.square(filled - best)[GAPS].mean() < 0.1 * least


def test_intervals_of_imputations_cover_what_they_say(fitted):
    several = np.stack(fitted.sample(NEW_HOLED, 100))
    low, high = np.quantile(several, [0.05, 0.95], axis=0)
    covered = ((low <= NEW) & (high >= NEW))[GAPS].mean()
    assert 0.85 <= covered <= 0.96
    # And they are as wide as the true model's, or a little wider.
    _, variance = exact(NEW_HOLED)
    assert 0.9 < several.std(0)[GAPS].mean() / np.sqrt(variance[GAPS]).mean() < 1.4


@pytest.mark.parametrize("n", [15, 20, 30])
def test_of_few_rows_intervals_are_wider(n):
    covered = []
    for seed in range(3):
        x, holed = drawn(n, seed)
        holed[0] = x[0]
        _, _, low, high = nw.Imputer(members=2).fit(holed).intervals(NEW_HOLED[:300])
        covered.append(((low <= NEW[:300]) & (high >= NEW[:300]))[GAPS[:300]].mean())
    assert 0.84 <= np.mean(covered) <= 0.97


def test_a_model_of_ones_own_is_judged_on_rows_it_has_not_seen():
    ae = nw.Autoencoder(
        3, corruption=nw.corruptions.Masking(0.3), backbone=nw.backbones.MLP((128, 128)), scale="standard",
        max_epochs=150,
    )  # fmt: skip
    covered = []
    for seed in range(3):
        x, holed = drawn(60, seed)
        holed[0] = x[0]
        _, _, low, high = nw.Imputer(ae).fit(holed).intervals(NEW_HOLED)
        covered.append(((low <= NEW) & (high >= NEW))[GAPS].mean())
    assert 0.85 <= np.mean(covered) <= 0.97


def test_rows_that_were_held_out_are_those_that_training_held_out(monkeypatch):
    from narrows.estimators import imputer as module
    from narrows.training import data

    seen, real, split = {}, module.judged, data._in_memory

    def judged(models, blend, rows, parts, *others):
        seen["judged"] = rows[parts[0]]
        return real(models, blend, rows, parts, *others)

    def splits(*args):
        train, held = split(*args)
        seen["trained"] = train.rows
        return train, held

    monkeypatch.setattr(module, "judged", judged)
    monkeypatch.setattr(data, "_in_memory", splits)
    ae = nw.Autoencoder(2, input=Table(), max_epochs=1, random_state=3)
    nw.Imputer(ae).fit(WHOLE[:100])
    assert len(seen["judged"]) == 10
    assert not set(seen["judged"][:, 0]) & set(np.asarray(seen["trained"])[:, 0])


def test_draws_of_a_row_go_together():
    rng = np.random.default_rng(5)
    x = np.repeat(rng.normal(size=(400, 1)), 3, axis=1) + 0.05 * rng.normal(size=(400, 3))
    x[:, 0] = rng.normal(size=400)  # says nothing about the twins
    imputer = nw.Imputer(members=2).fit(x)
    several = np.stack(imputer.sample(np.array([[0.3, np.nan, np.nan]]), 300))[:, 0]
    assert np.corrcoef(several[:, 1], several[:, 2])[0, 1] > 0.9


def test_the_linear_model_recovers_mean_and_covariance_from_gaps():
    _, holed = drawn(4000, 6)
    model = Gaussian.learn(holed)
    assert torch.allclose(model.covariance, torch.from_numpy(COVARIANCE), atol=0.12)
    best, variance = exact(NEW_HOLED)
    true = Gaussian(torch.zeros(5, dtype=torch.float64), torch.from_numpy(COVARIANCE))
    np.testing.assert_allclose(true.fill(NEW_HOLED), best, atol=1e-6)
    np.testing.assert_allclose(true.uncertainty(NEW_HOLED) ** 2, variance, atol=1e-6)


def test_shares_find_the_better_prediction():
    truth = RNG.normal(size=(500, 2))
    good, bad = truth + 0.01 * RNG.normal(size=truth.shape), RNG.normal(size=truth.shape)
    found = shares(good, bad, truth, np.ones(truth.shape, bool))
    assert (found >= 0).all()
    np.testing.assert_allclose(found[0], 0.9, atol=0.12)
    assert (found[1] < 0.25).all()


def test_a_variational_model_is_weighed_to_its_own_exact_mean():
    """Of a linear decoder x = Wz + b the conditional mean has a closed form; the encoder only proposes."""
    ae = nw.recipes.variational(
        2, backbone=nw.backbones.MLP(()), likelihood="mixed", input=Table(), scale="standard",
        corruption=nw.corruptions.Masking(0.2), max_epochs=60,
    ).fit(WHOLE)  # fmt: skip
    net, affine = ae.net_, ae.fitted_.affine
    with torch.no_grad():
        b, *ends = net.decode(torch.cat([torch.zeros(1, 2), torch.eye(2)])).double()
        noise = net.likelihood.parts[0].variance().double()
    W = torch.stack([end - b for end in ends])
    model = Gaussian(b, W.T @ W + noise.diag())
    best = model.fill((NEW_HOLED - affine.shift) / affine.scale) * affine.scale + affine.shift
    imputer = nw.Imputer(ae).fit(WHOLE)
    filled = imputer.transform(NEW_HOLED)
    some = GAPS & ~GAPS.all(1, keepdims=True)
    assert np.square(filled - best)[some].mean() < 0.02 * np.square(best - NEW)[some].mean()
    several = np.stack(imputer.sample(NEW_HOLED, 60))
    left = model.uncertainty((NEW_HOLED - affine.shift) / affine.scale) * affine.scale
    assert several.std(0)[some].mean() == pytest.approx(left[some].mean(), rel=0.1)


# What is there


def test_what_is_there_stays_bit_for_bit(fitted):
    filled = fitted.transform(NEW_HOLED)
    assert filled.dtype == NEW_HOLED.dtype and not np.isnan(filled).any()
    assert np.array_equal(filled[~GAPS], NEW_HOLED[~GAPS])
    assert np.array_equal(filled, fitted.transform(NEW_HOLED))
    for one in fitted.sample(NEW_HOLED, 2):
        assert np.array_equal(one[~GAPS], NEW_HOLED[~GAPS])


def test_a_row_is_filled_alike_in_any_company(fitted):
    filled = fitted.transform(NEW_HOLED)
    np.testing.assert_allclose(fitted.transform(NEW_HOLED[7:9]), filled[7:9], atol=1e-5)


def test_single_precision_stays(fitted):
    x = NEW_HOLED.astype(np.float32)
    filled = fitted.transform(x)
    assert filled.dtype == np.float32 and np.array_equal(filled[~GAPS], x[~GAPS])


@pytest.mark.parametrize("names", [None, [3, 1, 0, 2, 4]])
def test_names_of_columns_need_not_be_text(names):
    frame = pd.DataFrame(HOLED[:100], columns=names)
    imputer = nw.Imputer(members=1).fit(frame)
    for filled in (imputer.transform(frame), *imputer.sample(frame, 1)):
        assert filled.columns.equals(frame.columns) and not filled.isna().any().any()
        there = frame.notna().to_numpy()
        assert np.array_equal(filled.to_numpy()[there], frame.to_numpy()[there])


def test_what_is_masked_is_missing(tmp_path):
    gone = np.isnan(HOLED[:100])
    plain = nw.Imputer(members=1).fit(HOLED[:100]).transform(HOLED[:100])
    masked = np.ma.masked_array(np.where(gone, 999.0, WHOLE[:100]), gone)
    filled = nw.Imputer(members=1).fit(masked).transform(masked)
    assert np.array_equal(filled, plain) and type(filled) is np.ndarray
    out = nw.Imputer(members=1).fit(masked).transform(masked, out=tmp_path / "filled.npy")
    assert np.array_equal(np.load(out), plain)
    whole = np.ma.masked_array(np.where(gone, 999, 10 * WHOLE[:100]).astype(int), gone)
    filled = nw.Imputer(members=1).fit(whole).transform(whole)
    assert np.abs(filled).max() < 100 and np.array_equal(filled[~gone], whole.data[~gone])


@pytest.mark.parametrize("text", [False, True])
def test_pandas_na_among_objects_is_missing(text):
    x = HOLED[:100].astype(object)
    x[np.isnan(HOLED[:100])] = pd.NA
    if text:
        x = np.column_stack([x, np.where(WHOLE[:100, 0] > 0, "yes", "no").astype(object)])
        x[3, 5] = pd.NA
    filled = nw.Imputer(members=1).fit(x).transform(x)
    assert not pd.isna(filled).any()


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_come_back_as_they_were(library):
    whole, holed = mixed()
    convert = {
        "pandas": lambda frame: frame,
        "polars": lambda frame: pl.from_pandas(frame.reset_index(drop=True)),
        "pyarrow": lambda frame: pa.Table.from_pandas(frame.reset_index(drop=True), preserve_index=False),
    }[library]
    X = convert(holed)
    imputer = nw.Imputer(members=2).fit(X)
    filled = imputer.transform(X)
    assert type(filled) is type(X)
    if library == "pandas":
        assert filled.index.equals(X.index) and (filled.dtypes == X.dtypes).all()
    else:
        assert filled.schema == X.schema
    back = filled if library == "pandas" else filled.to_pandas()
    assert not back.isna().any().any()
    for name in holed:
        there = holed[name].notna().to_numpy()
        assert (back[name].to_numpy()[there] == holed[name].to_numpy()[there]).all()
        if name in ("kind", "heavy", "text"):
            right = np.asarray(back[name].astype(str)) == np.asarray(whole[name].astype(str))
            assert right[~there].mean() > 0.8
    assert set(imputer.sample(X, 2)[0]["kind"].to_list() if library != "pyarrow" else back["kind"]) <= {
        "large",
        "small",
    }


def test_categories_that_are_new_are_left_alone():
    _, holed = mixed()
    imputer = nw.Imputer(members=1).fit(holed)
    odd = holed.copy()
    odd["text"] = odd["text"].where(np.arange(len(odd)) != 3, "perhaps")
    with pytest.warns(UserWarning, match="not seen in training"):
        assert imputer.transform(odd)["text"].iloc[3] == "perhaps"


# Corners


def test_nothing_missing_is_the_identity(fitted):
    filled = fitted.transform(NEW)
    assert np.array_equal(filled, NEW) and filled is not NEW


def test_a_row_of_nothing_gets_the_columns_means(fitted):
    filled = fitted.transform(np.full((2, 5), np.nan))
    np.testing.assert_allclose(filled, np.tile(np.nanmean(HOLED, 0), (2, 1)))


def test_holes_where_training_had_none():
    imputer = nw.Imputer(members=2).fit(WHOLE)
    filled = imputer.transform(NEW_HOLED)
    best, _ = exact(NEW_HOLED)
    assert np.square(filled - NEW)[GAPS].mean() < 1.15 * np.square(best - NEW)[GAPS].mean()


def test_constant_columns_are_filled_with_the_constant():
    x = np.column_stack([HOLED, np.full(len(HOLED), 7.0)])
    x[::5, 5] = np.nan
    filled = nw.Imputer(members=1).fit_transform(x)
    np.testing.assert_allclose(filled[:, 5], 7.0)


def test_columns_of_nothing_are_refused():
    with pytest.raises(ValueError, match="'x1' is missing in every row: drop it"):
        nw.Imputer().fit(np.column_stack([WHOLE[:, 0], np.full(len(WHOLE), np.nan)]))


@pytest.mark.parametrize("n", [1, 2, 5, 19, 31])
def test_few_rows(n):
    x = HOLED[:n].copy()
    x[0] = WHOLE[0]
    imputer = nw.Imputer(members=2).fit(x)
    filled = imputer.transform(NEW_HOLED)
    assert np.isfinite(filled).all()
    assert np.isfinite(np.stack(imputer.sample(NEW_HOLED[:10], 3))).all()


def test_lists_and_objects_are_taken():
    rows = [[1.0, None], [2.0, 4.1], [3.0, 5.9], [4.0, 8.0]] * 10
    filled = nw.Imputer(members=1).fit(rows).transform(rows[:1])
    assert filled[0, 0] == 1.0 and np.isfinite(filled[0, 1])


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.zeros((4, 5, 5)), "inpaint"),
        (np.zeros(4), "Reshape your data"),
        (np.array([[1.0, np.inf]]), "infinity"),
        (np.zeros((0, 3)), "0 rows"),
    ],
)
def test_other_things_are_refused(X, words):
    with pytest.raises(ValueError, match=words):
        nw.Imputer().fit(X)


def test_parameters_are_checked(fitted):
    with pytest.raises(ValueError, match="members=0"):
        nw.Imputer(members=0).fit(HOLED)
    with pytest.raises(ValueError, match="members=True"):
        nw.Imputer(members=True).fit(HOLED)
    with pytest.raises(ValueError, match="n=0"):
        fitted.sample(NEW_HOLED, 0)
    with pytest.raises(ValueError, match="3 features"):
        fitted.transform(NEW_HOLED[:, :3])
    with pytest.raises(TypeError, match="an autoencoder was expected"):
        nw.Imputer(ae="deep").fit(HOLED)


# Models of one's own


def test_a_fitted_model_is_used_as_it_is():
    ae = nw.Autoencoder(3, input=Table(), corruption=nw.corruptions.Masking(0.3), max_epochs=30).fit(HOLED)
    imputer = nw.Imputer(ae).fit(HOLED)
    assert imputer.ae_ is ae
    unfitted = nw.Imputer(clone(ae)).fit(HOLED)
    assert unfitted.ae_ is not ae
    assert np.array_equal(unfitted.transform(NEW_HOLED), imputer.transform(NEW_HOLED))


def test_a_model_that_knows_no_gaps_is_iterated_to_its_fixed_point():
    """Of a linear model: the fill is where encoding and decoding changes nothing."""
    ae = nw.recipes.linear(2, scale="standard", max_epochs=60).fit(WHOLE)
    filled = nw.Imputer(ae).fit(WHOLE).transform(NEW_HOLED)
    again = ae.reconstruct(filled)
    few = GAPS & (GAPS.sum(1) < 3)[:, None]  # more gaps than a plane determines take their time
    assert np.quantile(np.abs(again - filled)[few], 0.95) < 0.01
    assert np.square(filled - NEW)[GAPS].mean() < 0.8 * np.square(NEW)[GAPS].mean()


@pytest.mark.parametrize(("recipe", "seed"), [("sparse", 5), ("variational", 4)])
def test_a_model_whose_answers_run_away_still_fills(recipe, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 8)) + 0.5 * rng.normal(size=(300, 8))
    holed = np.where(rng.random(x.shape) < 0.2, np.nan, x)
    imputer = nw.Imputer(getattr(nw.recipes, recipe)(2, max_epochs=2).fit(x)).fit(x)
    filled, several = imputer.transform(holed), np.stack(imputer.sample(holed, 3))
    assert np.isfinite(filled).all() and np.isfinite(several).all()
    assert max(np.abs(filled).max(), np.abs(several).max()) < 4 * np.abs(x).max()
    far = np.where(np.isnan(holed), np.nan, 1e30)  # nothing the model says of this is a number
    assert np.isfinite(imputer.transform(far)).all() and np.isfinite(imputer.sample(far, 2)).all()


def test_more_members_than_rows_are_as_many_as_there_are_rows():
    _, holed = drawn(20, 0)
    assert len(nw.Imputer(members=30).fit(holed).models_) <= 20


def test_images_with_holes_of_a_fitted_model(tmp_path):
    images = RNG.random((60, 1, 8)).repeat(8, 1)
    ae = nw.recipes.linear(8, input="images", max_epochs=60).fit(images)
    holed = images[:5].copy()
    holed[:, 2:5, 3:6] = np.nan
    imputer = nw.Imputer(ae).fit(images)
    filled = imputer.transform(holed)
    assert np.array_equal(np.load(imputer.transform(holed, out=tmp_path / "f.npy")), filled)
    assert np.abs(filled - images[:5]).max() < 0.3
    assert np.array_equal(filled[:, :2], images[:5, :2])


def test_windows_of_series_are_refused():
    series = [RNG.normal(size=60), RNG.normal(size=80)]
    ae = nw.Autoencoder(2, input=nw.inputs.Signals(16), max_epochs=1)
    for model in (ae, clone(ae).fit(series)):
        with pytest.raises(ValueError, match="cuts series into windows"):
            nw.Imputer(model).fit(series)


def test_a_model_of_images_is_not_fitted_on_holes():
    images = np.where(RNG.random((20, 8, 8)) < 0.1, np.nan, 0.5)
    with pytest.raises(ValueError, match=r"nw\.tasks\.inpaint"):
        nw.Imputer(nw.recipes.linear(2, max_epochs=1)).fit(images)


# scikit-learn


@pytest.mark.slow
def test_scikit_learns_own_checks():
    results = check_estimator(nw.Imputer(members=1), on_fail=None, on_skip=None)
    assert [r["check_name"] for r in results if r["status"] == "skipped"] == ["check_array_api_input"]
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")]
    assert not failed
    assert not any(r["expected_to_fail"] for r in results)
    assert Counter(r["status"] for r in results)["passed"] > 40


def test_it_stands_in_a_pipeline_and_names_its_columns():
    _, holed = mixed()
    numbers = holed[["size", "weight"]]
    pipe = make_pipeline(nw.Imputer(members=1), StandardScaler()).set_output(transform="pandas")
    answer = pipe.fit_transform(numbers)
    assert list(answer.columns) == ["size", "weight"] and not answer.isna().any().any()
    assert list(pipe[0].get_feature_names_out()) == ["size", "weight"]


def test_saved_and_loaded(fitted, tmp_path):
    fitted.save(tmp_path / "imputer.safetensors")
    back = nw.load(tmp_path / "imputer.safetensors")
    assert isinstance(back, nw.Imputer) and back.ae is None and back.members == 2
    assert np.array_equal(back.transform(NEW_HOLED), fitted.transform(NEW_HOLED))
    for a, b in zip(back.sample(NEW_HOLED, 2), fitted.sample(NEW_HOLED, 2), strict=True):
        assert np.array_equal(a, b)


def test_the_same_seed_gives_the_same_bits():
    first, second = (nw.Imputer(members=1, random_state=3).fit(HOLED[:100]) for _ in range(2))
    assert np.array_equal(first.transform(NEW_HOLED), second.transform(NEW_HOLED))
    assert not np.array_equal(first.sample(NEW_HOLED, 1, 4)[0], first.sample(NEW_HOLED, 1, 5)[0])


def test_files_in_and_out(tmp_path):
    _, holed = mixed()
    path, out = tmp_path / "holed.csv", tmp_path / "filled.csv"
    holed.drop(columns="heavy").to_csv(path, index=False)
    imputer = nw.Imputer(members=1).fit(path)
    assert imputer.transform(path, out=out) == out
    filled = pd.read_csv(out)
    assert not filled.isna().any().any() and list(filled.columns) == [c for c in holed if c != "heavy"]
