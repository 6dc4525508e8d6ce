"""Anomalies: found, with guarantees and reasons, whatever the rows are."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import check_estimator

import narrows as nw
from narrows.estimators._apart import apart
from narrows.inputs.lazy import Without
from narrows.sources import found

RNG = np.random.default_rng(0)
MAP = RNG.normal(size=(2, 6))


def plane(n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ MAP + 0.1 * rng.normal(size=(n, 6))


X = plane(400, 1)
NEW = plane(500, 2)
ODD = plane(100, 3) + np.eye(6)[np.arange(100) % 6] * 2


@pytest.fixture(scope="module")
def detector():
    return nw.AnomalyDetector(random_state=0).fit(X)


def quick(**choices):
    return nw.Autoencoder(2, max_epochs=20, random_state=0, **choices)


def test_anomalies_are_found(detector):
    scores = np.concatenate([detector.score_samples(NEW), detector.score_samples(ODD)])
    assert roc_auc_score(np.repeat([1, 0], [500, 100]), scores) > 0.99
    assert set(np.unique(detector.predict(NEW))) == {-1, 1}
    assert (detector.predict(NEW) == -1).mean() < 0.12 and (detector.predict(ODD) == -1).mean() > 0.9
    assert np.array_equal(detector.predict(NEW) == -1, detector.p_values(NEW) <= 0.05)
    assert np.array_equal(detector.decision_function(NEW) >= 0, detector.predict(NEW) == 1)
    assert np.array_equal(detector.score_samples(NEW), detector.score_samples(NEW)), (
        "two calls, the same bits"
    )
    assert np.array_equal(detector.score_samples(NEW)[:7], detector.score_samples(NEW[:7])), (
        "without company too"
    )


def test_the_reasons_add_up_and_name_the_cell(detector):
    reasons = detector.explain(ODD)
    assert reasons.shape == ODD.shape
    np.testing.assert_allclose(reasons.sum(1), -detector.score_samples(ODD), rtol=1e-6)
    assert (reasons.argmax(1) == np.arange(100) % 6).mean() >= 0.95


def test_false_discoveries_are_few(detector):
    both = np.concatenate([NEW, ODD])
    called = detector.predict(both, fdr=0.2) == -1
    assert called[500:].mean() > 0.8 and called[:500].sum() / called.sum() < 0.35
    with pytest.raises(ValueError, match=r"fdr=1.5 is not usable"):
        detector.predict(both, fdr=1.5)


@pytest.mark.parametrize("contamination", [0, 0.0, 0.1, 0.5])
def test_a_number_is_the_share_of_the_training_rows(contamination):
    found = nw.AnomalyDetector(quick(), contamination=contamination).fit_predict(X)
    assert (found == -1).sum() == pytest.approx(contamination * len(X), abs=1)
    assert contamination or not (found == -1).any()


@pytest.mark.parametrize("score", ["auto", "nll", "latent", ("residual", nw.scores.Neighbours(3, "code"))])
def test_a_fitted_model_is_used_as_it_is(score):
    ae = quick().fit(X)
    before = ae.transform(X)
    for given in (ae, FrozenEstimator(ae)):
        detector = nw.AnomalyDetector(given, scores=score).fit(plane(200, 5))
        assert detector.ae_ is ae and np.array_equal(ae.transform(X), before)
        reasons = detector.explain(ODD)
        np.testing.assert_allclose(reasons.sum(1), -detector.score_samples(ODD), rtol=1e-5)
    if score == "nll":
        assert np.array_equal(detector.score_samples(ODD), ae.score_samples(ODD))
    assert not hasattr(clone(nw.AnomalyDetector(ae)).ae, "fitted_")
    with pytest.raises(TypeError, match="ae is a int, but an autoencoder was expected"):
        nw.AnomalyDetector(3).fit(X)


def test_the_calibration_rows_are_nobody_elses(detector):
    parts = apart(np.arange(100.0)[:, None], 0.2, 0)
    sets = [set(np.ravel(part).tolist()) for part in (parts.known, parts.usual, parts.calibration)]
    assert len(set.union(*sets)) == sum(map(len, sets)) == 100
    assert len(detector.calibration_) == 80


@pytest.mark.parametrize("n", [1, 2, 3, 5, 20, 31])
@pytest.mark.filterwarnings("ignore:.*rows to calibrate with cannot")
def test_few_rows_are_enough(n):
    detector = nw.AnomalyDetector(quick()).fit(X[:n])
    assert np.isfinite(detector.score_samples(NEW[:5])).all() and len(detector.p_values(NEW[:5])) == 5
    assert nw.AnomalyDetector(quick(), contamination=0).fit(X[:n]).predict(X[:n]).tolist() == [1] * n


def test_too_few_rows_for_so_small_a_p_value_are_told_of():
    with pytest.warns(UserWarning, match=r"cannot give a p-value of 0.05"):
        detector = nw.AnomalyDetector(quick()).fit(X[:20])
    assert (detector.predict(ODD + 100) == 1).all()


def test_saved_with_threshold_and_calibration(detector, tmp_path):
    for i, one in enumerate(
        (detector, nw.AnomalyDetector(quick().fit(X), contamination=0.1, scores="nll").fit(X))
    ):
        one.save(tmp_path / f"{i}.safetensors")
        loaded = nw.load(tmp_path / f"{i}.safetensors")
        for verb in ("score_samples", "predict", "p_values", "explain"):
            assert np.array_equal(getattr(loaded, verb)(ODD), getattr(one, verb)(ODD)), verb
        assert (loaded.ae is None) == (one.ae is None) and loaded.contamination == one.contamination
    assert np.array_equal(pickle.loads(pickle.dumps(detector)).predict(ODD), detector.predict(ODD))
    parts = (nw.scores.Residual(), nw.scores.Neighbours(3))
    typed = nw.AnomalyDetector(input=nw.inputs.Table(), scores=parts, contamination=0.1).fit(X[:60])
    typed.save(tmp_path / "typed.safetensors")
    assert repr(nw.load(tmp_path / "typed.safetensors")) == repr(typed)
    with pytest.raises(AttributeError, match="not fitted"):
        nw.AnomalyDetector().ae_  # noqa: B018


def test_tables_of_types_and_gaps():
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], 600)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=600) + 5 * (kind == "a"),
            "y": np.where(rng.random(600) < 0.1, np.nan, rng.normal(size=600)),
            "kind": kind,
            "flag": kind == "b",
        }
    )
    detector = nw.AnomalyDetector(random_state=0).fit(frame[:500])
    odd = frame[500:].assign(flag=lambda f: ~f["flag"])
    reasons = detector.explain(odd)
    assert reasons.shape == (100, 4) and (reasons.argmax(1) >= 2).mean() > 0.9
    assert detector.p_values(odd).mean() < 0.2 < detector.p_values(frame[500:]).mean()
    assert list(detector.feature_names_in_) == list(frame.columns)


def test_a_long_series_is_scored_at_each_time():
    t = np.arange(3000) / 10
    series = np.stack([np.sin(t), np.cos(t)], 1) + 0.05 * RNG.normal(size=(3000, 2))
    odd = series.copy()
    odd[1500:1530, 1] += 2
    ae = nw.Autoencoder(3, input=nw.inputs.Signals(window=32), max_epochs=20)
    detector = nw.AnomalyDetector(ae).fit(series)
    scores, reasons = detector.score_samples(odd), detector.explain(odd)
    assert scores.shape == (3000,) and reasons.shape == (3000, 2)
    np.testing.assert_allclose(reasons.sum(1), -scores, rtol=1e-6)
    assert 1490 < scores.argmin() < 1540 and reasons[1515].argmax() == 1
    assert detector.predict(odd)[1515] == -1 and (detector.predict(odd)[:1400] == -1).mean() < 0.15


@pytest.mark.parametrize("n", [3, 25, 100, 300, 1100])
@pytest.mark.filterwarnings("ignore:.*rows to calibrate with cannot")
def test_few_rows_in_files(n, tmp_path):
    np.save(tmp_path / "x.npy", plane(n, 4))
    detector = nw.AnomalyDetector(nw.Autoencoder(2, max_epochs=1)).fit(nw.sources.Npy(tmp_path / "x.npy"))
    assert len(detector.calibration_) == pytest.approx(max(0.2 * n, min(n / 3, 20)), abs=1)


def test_rows_in_files(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.concatenate([X] * 5).astype(np.float32))
    monkeypatch.setattr(found, "LARGE", 0)
    detector = nw.AnomalyDetector(quick()).fit(tmp_path / "x.npy")
    assert (detector.predict(ODD) == -1).mean() > 0.8
    np.save(tmp_path / "odd.npy", ODD.astype(np.float32))
    assert np.array_equal(detector.p_values(tmp_path / "odd.npy"), detector.p_values(ODD.astype(np.float32)))


def test_of_many_rows_in_files_some_are_looked_at(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", plane(3000, 8))
    read = nw.sources.Npy.__getitem__

    def watched(self, which):
        assert which.step is None  # rows on demand know no steps
        return read(self, which)

    monkeypatch.setattr(nw.sources.Npy, "__getitem__", watched)
    monkeypatch.setattr("narrows.sources.memory.HEAD", 6 * 400)
    detector = nw.AnomalyDetector(quick(batch_size=32)).fit(nw.sources.Npy(tmp_path / "x.npy"))
    points = detector.combined_.learned[1][0]["points"]
    assert 400 <= len(points) <= 800 and (detector.predict(ODD) == -1).mean() > 0.8


def test_rows_but_for_some():
    rows = np.arange(20)[:, None]

    class Lazy:
        shape, dtype, block = rows.shape, rows.dtype, 3

        def __len__(self):
            return 20

        def __getitem__(self, which):
            return rows[which]

    left = Without(Lazy(), [(0, 2), (5, 9), (18, 20)])
    wanted = [2, 3, 4, *range(9, 18)]
    assert len(left) == 12 and left[:].ravel().tolist() == wanted
    assert all(left[a:b].ravel().tolist() == wanted[a:b] for a in range(13) for b in range(a, 13))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"contamination": 0.6}, "contamination=0.6 is not usable"),
        ({"contamination": "yes"}, "contamination='yes' is not usable"),
        ({"calibration_fraction": 1.0}, "calibration_fraction=1.0 is not usable"),
        ({"scores": "foo"}, "scores='foo' is not known"),
        ({"scores": ()}, "names no score"),
        ({"trim": 2}, "trim=2 is not usable"),
    ],
)
def test_impossible_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        nw.AnomalyDetector(**arguments).fit(X)


@pytest.mark.filterwarnings("ignore:.*rows to calibrate with cannot")
def test_scikit_learns_own_checks():
    results = check_estimator(nw.AnomalyDetector(nw.Autoencoder(max_epochs=2)), on_fail=None, on_skip=None)
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")]
    assert not failed
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}
    assert not any(r["expected_to_fail"] for r in results)


def test_a_clump_of_anomalies_among_the_rows_does_not_become_usual():
    clump = plane(20, 7) * 0.05 + np.array([3, -3, 3, -3, 3, -3])
    rows, new = np.concatenate([X, clump]), np.concatenate([NEW, clump + 0.02])
    truth = np.repeat([1, 0], [500, 20])
    plain, robust = (
        roc_auc_score(truth, nw.AnomalyDetector(trim=trim, random_state=0).fit(rows).score_samples(new))
        for trim in (0.0, 0.1)
    )
    assert robust > 0.95 and robust > plain


def test_a_list_of_series_gets_a_list_of_answers():
    t = np.arange(900) / 7
    some = [np.sin(t + i)[:, None] + 0.05 * RNG.normal(size=(900, 1)) for i in range(3)]
    ae = nw.Autoencoder(2, input=nw.inputs.Signals(window=16, step=4), max_epochs=5)
    detector = nw.AnomalyDetector(ae).fit(some)
    for verb in ("score_samples", "decision_function", "predict", "p_values", "explain"):
        answers = getattr(detector, verb)(some)
        assert isinstance(answers, list) and [len(a) for a in answers] == [900] * 3, verb
        assert np.array_equal(answers[1], getattr(detector, verb)(some[1])), verb
    assert nw.AnomalyDetector(ae, contamination=0.1).fit(some).offset_ < 0


def test_p_values_of_times_are_about_right():
    small = []
    for seed in range(6):
        series = np.random.default_rng(seed).normal(size=(3000, 1))
        ae = nw.Autoencoder(2, input=nw.inputs.Signals(window=16), max_epochs=2)
        p = nw.AnomalyDetector(ae, scores="nll").fit(series[:2000]).p_values(series[2000:])
        small.append([(p <= 0.1).mean(), (p <= 0.8).mean()])
    assert np.mean(small, 0) == pytest.approx([0.1, 0.8], abs=0.06)


def test_what_is_too_large_for_the_model_is_told(detector):
    far = NEW[:3].copy()
    far[1, 2] = 1e300
    with pytest.raises(ValueError, match=r"1e\+300 at row 1, column 2, which is too large"):
        nw.AnomalyDetector(quick(), scores="nll").fit(X).score_samples(far)


def test_a_loaded_one_is_fitted_anew(tmp_path):
    detector = nw.AnomalyDetector(quick()).fit(X)
    detector.save(tmp_path / "d.safetensors")
    again = nw.load(tmp_path / "d.safetensors").fit(5 * X + 20)
    fresh = nw.AnomalyDetector(quick()).fit(5 * X + 20)
    assert np.array_equal(again.score_samples(5 * NEW + 20), fresh.score_samples(5 * NEW + 20))


def test_parameters_of_the_input_are_reached():
    detector = nw.AnomalyDetector(input="signals").set_params(input__window=32)
    assert detector.input == nw.inputs.Signals(window=32) and detector.get_params()["input__window"] == 32
