"""Tables with categories, names and times, and what detectors and imputers make of them."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.preprocessing import OrdinalEncoder

import narrows as nw
from narrows.backbones import MLP
from narrows.estimators import streams
from narrows.inputs import Table
from narrows.inputs.columns import surprise
from narrows.tasks.explain import centre_row


def people(n=300, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return pd.DataFrame(
        {
            "name": [f"p{i}" for i in range(n)],
            "age": np.round(40 + 10 * z),
            "size": 100 * z + 5 * rng.normal(size=n),
            "kind": np.where(z > 0, "x", "y"),
            "place": rng.choice(list("abc"), n),
            "born": pd.Timestamp("1980-01-01") - pd.to_timedelta(np.round(3000 * z), unit="D"),
        }
    )


def quick(**choices):
    return nw.Autoencoder(2, backbone=MLP((16,)), max_epochs=5, random_state=0, **choices)


TABLE = people().drop(columns="name")
NEW = people(50, 1).drop(columns="name")


# Detector


@pytest.fixture(scope="module")
def detector():
    return nw.AnomalyDetector(quick(), scores="residual").fit(TABLE)


def test_a_category_that_is_new_is_odd_and_the_reason(detector):
    odd = NEW.assign(place="z")
    with pytest.warns(UserWarning, match="not seen in training") as told:
        scores = detector.score_samples(odd)
    assert len(told) == 1
    with pytest.warns(UserWarning, match="not seen"):
        reasons = detector.explain(odd)
    np.testing.assert_allclose(reasons.sum(1), -scores, atol=1e-5)
    assert (reasons.argmax(1) == list(NEW.columns).index("place")).mean() > 0.9
    with pytest.warns(UserWarning, match="not seen"):
        assert (detector.predict(odd) == -1).all()
    # What is added is how rare it is; all else is as odd as beside the most frequent category.
    place = detector.ae_.fitted_.schema.columns[3]
    usual = place.levels[int(centre_row(detector.ae_.fitted_)[3])]
    np.testing.assert_allclose(detector.score_samples(NEW.assign(place=usual)) - scores, place.news)
    assert place.news > 5
    assert np.array_equal(detector.explain(NEW).shape, (50, 5))


def test_a_category_beyond_those_that_are_kept_is_a_gap_in_any_row():
    rng = np.random.default_rng(0)
    kinds = [f"c{i}" for i in rng.geometric(0.3, 300)]
    frame = pd.DataFrame({"a": rng.normal(size=300), "kind": kinds, "place": rng.choice(["x", "y"], 300)})
    table = nw.inputs.Table(max_levels=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the many kinds, and of what is new
        detector = nw.AnomalyDetector(quick(), scores="residual", input=table).fit(frame)
        place = detector.ae_.fitted_.schema.columns[2]
        common = place.levels[int(centre_row(detector.ae_.fitted_)[2])]
        both = detector.score_samples(frame[:5].assign(kind="other", place="new"))
        gap = detector.score_samples(frame[:5].assign(kind=None, place=common))
    np.testing.assert_allclose(both, gap - place.news)


def test_rows_in_files_are_as_odd(detector, tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "ENTRIES", 1)  # pieces of 64 rows
    odd = pd.concat([NEW, NEW, NEW.assign(place="z")], ignore_index=True)
    odd.to_parquet(tmp_path / "odd.parquet")
    lazy = nw.sources.Parquet(tmp_path / "odd.parquet")
    for verb in (detector.score_samples, detector.explain, detector.p_values):
        with pytest.warns(UserWarning, match="not seen") as told:
            found = verb(lazy)
        assert len(told) == 1
        with pytest.warns(UserWarning, match="not seen"):
            np.testing.assert_allclose(found, verb(odd), rtol=1e-5, atol=1e-6)
    many = people(1500).drop(columns="name")
    fitted = nw.AnomalyDetector(quick(), scores="residual").fit(_written(many, tmp_path))
    place = fitted.ae_.fitted_.schema.columns[3]
    assert place.levels == ("a", "b", "c") and place.news == pytest.approx(np.log(1500 * 0.7 + 1), abs=0.05)


def _written(frame, folder):
    frame.to_parquet(folder / "table.parquet")
    return nw.sources.Parquet(folder / "table.parquet")


def test_calibration_rows_may_be_new_too():
    """The schema knows what is trained on alone, so that p-values of rows with rare categories are exact."""
    rng = np.random.default_rng(0)
    kinds = [f"c{i}" for i in (rng.pareto(0.9, 1200) * 10).astype(int).clip(0, 4000)]
    frame = pd.DataFrame({"a": rng.normal(size=1200), "kind": kinds})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # many kinds, some new
        detector = nw.AnomalyDetector(quick(), scores="residual").fit(frame[:200])
        p = detector.p_values(frame[200:])
    known = detector.ae_.fitted_.schema.columns[1].levels
    assert len(known) < frame[:200]["kind"].nunique()
    new = ~frame[200:]["kind"].isin(known)
    assert 0.1 < new.mean() < 0.9 and p[new].mean() < p[~new].mean()
    assert (p <= 0.2).mean() < 0.3
    assert detector.ae_.fitted_.schema.columns[1].news < surprise([200])


def test_of_a_fit_nothing_is_said_of_calibration_rows():
    frame = TABLE.assign(place=[f"{i % 200}" for i in range(300)])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*not seen")
        warnings.filterwarnings("ignore", ".*different values")
        nw.AnomalyDetector(quick(), contamination=0.1, scores="residual").fit(frame)


def test_saved_detectors_know_what_is_new(detector, tmp_path):
    detector.save(tmp_path / "d.safetensors")
    loaded = nw.load(tmp_path / "d.safetensors")
    with pytest.warns(UserWarning, match="not seen"):
        assert np.array_equal(loaded.explain(NEW.assign(place="z")), detector.explain(NEW.assign(place="z")))


def test_a_detector_leaves_names_out(tmp_path):
    X = people()
    detector = nw.AnomalyDetector(input=Table(drop=["name"]), scores="neighbours")
    detector.set_params(ae=quick()).fit(X)  # which does not say how it reads rows
    assert detector.n_features_in_ == 5 and "name" not in detector.feature_names_in_
    assert np.array_equal(detector.score_samples(X), detector.score_samples(X.drop(columns="name")))
    assert detector.explain(X[:3]).shape == (3, 5)
    detector.save(tmp_path / "d.safetensors")
    loaded = nw.load(tmp_path / "d.safetensors")
    assert loaded.input == Table(drop=["name"])
    assert np.array_equal(loaded.score_samples(X), detector.score_samples(X))


# Imputer


def holed(frame, seed=0):
    rng = np.random.default_rng(seed)
    columns = [name for name in frame.columns if name != "name"]
    return frame.assign(**{n: frame[n].mask(rng.random(len(frame)) < 0.15) for n in columns})


HOLED = holed(people())


@pytest.fixture(scope="module")
def imputer():
    return nw.Imputer(input=Table(drop=["name"]), members=1).fit(HOLED)


def test_what_is_filled_in_is_as_whole_as_what_was_seen(imputer):
    for filled in (imputer.transform(HOLED), *imputer.sample(HOLED, 2)):
        assert (filled["age"] % 1 == 0).all() and filled["age"].dtype == float
        assert (filled["born"] == filled["born"].dt.normalize()).all()
        assert (filled["size"][HOLED["size"].isna()] % 1 != 0).any()
        assert filled["name"].equals(HOLED["name"]) and not filled.isna().any().any()
        assert list(filled.columns) == list(HOLED.columns)
    short = HOLED.drop(columns="name")
    pd.testing.assert_frame_equal(imputer.transform(short), imputer.transform(HOLED).drop(columns="name"))


def test_an_array_of_whole_numbers_is_of_floats():
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(80, 3)) * 5)
    X[rng.random(X.shape) < 0.2] = np.nan
    filled = nw.Imputer(quick()).fit(X).transform(X)
    assert (filled[np.isnan(X)] % 1 != 0).any()


MAKERS = {"pandas": lambda f: f, "polars": pl.from_pandas, "pyarrow": lambda f: pa.Table.from_pandas(f)}


@pytest.mark.parametrize("library", MAKERS)
def test_intervals_of_frames_are_frames(imputer, library):
    X = MAKERS[library](HOLED)
    several = imputer.intervals(X)
    assert len(several) == 4 and all(type(part) is type(X) for part in several)
    rows, filled, low, high = (p if library == "pandas" else _pandas(p) for p in several)
    pd.testing.assert_frame_equal(filled, _pandas(imputer.transform(X)))
    for name in ("age", "size", "born"):
        gaps = rows[name].isna()
        assert gaps.any() and (low[name].notna() == gaps).all() and (high[name].notna() == gaps).all()
        assert (low[name][gaps] <= high[name][gaps]).all()
        assert (filled[name][~gaps] == HOLED[name][~gaps]).all()
    assert low["kind"].isna().all() and high["place"].isna().all()
    assert np.issubdtype(low["born"].dtype, np.datetime64)
    true = people()["born"]
    gaps = HOLED["born"].isna()
    assert ((low["born"] <= true) & (true <= high["born"]))[gaps].mean() > 0.7


def _pandas(frame):
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


def test_intervals_of_arrays_are_numbers():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((100, 3)) < 0.2, np.nan, rng.normal(size=(100, 3)))
    imputer = nw.Imputer(quick()).fit(X)
    rows, filled, low, high = imputer.intervals(X)
    assert np.array_equal(rows, X, equal_nan=True) and np.array_equal(filled, imputer.transform(X))
    assert np.array_equal(np.isnan(X), ~np.isnan(low)) and (low <= high)[np.isnan(X)].all()


def test_certainty_is_the_probability_of_what_was_filled_in(imputer):
    found = imputer.certainty(HOLED)
    names = list(imputer.feature_names_in_)
    assert found.shape == (300, 5)
    gaps = HOLED[names].isna().to_numpy()
    assert (found[~gaps] == 1).all()
    kind, place, age = (names.index(n) for n in ("kind", "place", "age"))
    assert np.isnan(found[gaps[:, age], age]).all()
    for j in (kind, place):
        assert ((found[gaps[:, j], j] > 0) & (found[gaps[:, j], j] <= 1)).all()
    # The kind follows from the other columns, the place from nothing.
    assert found[gaps[:, kind], kind].mean() > found[gaps[:, place], place].mean() + 0.2
    right = (imputer.transform(HOLED)["kind"] == people()["kind"])[gaps[:, kind]].mean()
    assert found[gaps[:, kind], kind].mean() == pytest.approx(right, abs=0.15)
    with pytest.warns(UserWarning, match="not seen"):
        there = imputer.certainty(HOLED.assign(kind="z"))
    assert (there[:, kind] == 1).all()


def test_scikit_learn_names_what_is_learned_from(imputer):
    framed = clone(imputer).set_params(ae=quick()).set_output(transform="pandas").fit(HOLED)
    answer = framed.transform(HOLED)
    assert list(answer.columns) == list(framed.get_feature_names_out()) == list(HOLED.columns[1:])


@pytest.mark.parametrize("drop", [(), ("name",)])
def test_rows_in_files_are_filled(drop, tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "ENTRIES", 1)
    frame = HOLED if drop else HOLED.drop(columns="name")
    imputer = nw.Imputer(quick(), input=Table(drop=drop)).fit(frame)
    lazy, out = _written(frame, tmp_path), tmp_path / "filled.parquet"
    expected = imputer.transform(frame)
    pd.testing.assert_frame_equal(_pandas(imputer.transform(lazy)), expected, check_dtype=False)
    imputer.transform(lazy, out=out)
    pd.testing.assert_frame_equal(pd.read_parquet(out), expected, check_dtype=False)


def test_arrays_in_files_are_filled(tmp_path, monkeypatch):
    from narrows.sources import found

    monkeypatch.setattr(found, "LARGE", 1)
    rng = np.random.default_rng(0)
    X = np.where(rng.random((200, 3)) < 0.2, np.nan, rng.normal(size=(200, 3)))
    np.save(tmp_path / "x.npy", X)
    imputer = nw.Imputer(quick()).fit(X)
    np.testing.assert_allclose(imputer.transform(str(tmp_path / "x.npy")), imputer.transform(X), atol=1e-6)


def test_inputs_that_are_no_tables_are_refused():
    with pytest.raises(ValueError, match="input='vectors' is no table"):
        nw.Imputer(input="vectors").fit(HOLED)
    assert nw.Imputer(input="table").get_params()["input"] == "table"


# Evaluation


def test_times_do_not_drown_other_columns():
    ae = quick().fit(TABLE)
    figures, answer = ae.evaluate(TABLE), ae.reconstruct(TABLE)
    error = np.square(answer[["age", "size"]] - TABLE[["age", "size"]])
    assert figures["mse"] == pytest.approx(error.to_numpy().mean(), rel=1e-4)
    assert figures["nmse"] == pytest.approx(1 - figures["r2"]) and figures["pca_nmse"] < 1
    codes = OrdinalEncoder().fit_transform(TABLE[["kind"]])
    assert "nmse" not in quick().fit(codes).evaluate(codes), "one column has one unit"
    seconds = TABLE[["born"]]
    assert quick().fit(seconds).evaluate(seconds)["mse"] > 1e6, "there is nothing else"
