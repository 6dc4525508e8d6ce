"""The search finds what it should, says when PCA or the rows do not suffice, and survives what goes wrong."""

import numpy as np
import pandas as pd
import pytest
import torch

import narrows as nw
from narrows.baseline import principal
from narrows.report import DARK, figure_png
from narrows.tuning import held, search
from narrows.tuning.rounds import Bench, Trial
from narrows.tuning.space import candidates, checked, sizes
from narrows.tuning.tuned import preferred

SMALL = nw.backbones.MLP(hidden=(16,))


def model(latent_dim="auto", **keywords):
    return nw.Autoencoder(latent_dim, **({"backbone": SMALL, "max_epochs": 20} | keywords))


def low_rank(rows, noise=0.1, seed=0, features=8):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 2)) @ rng.normal(size=(2, features)) + noise * rng.normal(
        size=(rows, features)
    )


def circle(rows, seed=0):
    """One latent, and no plane that holds it."""
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, rows)
    return np.stack([f(k * angle) for k in (1, 2) for f in (np.cos, np.sin)], 1)


@pytest.fixture(scope="module")
def found():
    return nw.tune(low_rank(300), model(), trials=12, random_state=1)


# What it answers ------------------------------------------------------------------------------------


def test_pca_is_enough_for_a_plane(found):
    assert found.verdict.startswith("PCA is enough"), found.verdict


def test_pca_is_not_enough_for_a_curve():
    found = nw.tune(
        circle(1200),
        model(max_epochs=60),
        trials=4,
        space={"latent_dim": [2], "learning_rate": [1e-2, 3e-3], "backbone__hidden": [(32, 32)]},
    )
    assert "less error than PCA" in found.verdict, found.verdict
    (point,) = found.curve
    assert point["mse"] < 0.5 * point["pca_mse"]


def test_too_few_rows_are_said_to_be(digits):
    assert "too few" in nw.tune(low_rank(30), model(2), trials=2).verdict
    wide = model(16, backbone=nw.backbones.MLP((256,)), max_epochs=80, patience=None)
    verdict = nw.tune(digits[:130], wide, trials=1).verdict
    assert "too few" in verdict and "times that on rows trained on" in verdict, verdict


def test_it_finds_the_best_of_what_it_tries(found):
    usable = [line["score"] for line in found.trials_]
    assert found.score_ == max(usable)
    assert found.score_ == max(point["score"] for point in found.curve)
    sizes = [point["latent_dim"] for point in found.curve]
    assert sizes == sorted(set(sizes)) and found.best_.latent_dim_ in sizes
    scores = {line["learning_rate"] for line in found.trials_}
    assert len(scores) > 1


def test_a_rate_that_is_far_too_low_loses():
    found = nw.tune(low_rank(200), model(2), space={"learning_rate": [1e-7, 1e-2, 1e-6]}, trials=3)
    assert found.parameters_["learning_rate"] == 1e-2


def test_the_best_model_is_the_one_that_was_judged(found):
    X = low_rank(300)
    rows = held.split(X, 1).held
    assert found.best_.score(rows) == pytest.approx(found.score_, rel=1e-5)
    assert found.best_.n_features_in_ == 8
    assert found.best_.get_params()["latent_dim"] == found.parameters_["latent_dim"]
    assert found.best_.get_params()["backbone__hidden"] == found.parameters_["backbone__hidden"]


def test_the_curve_has_pca_of_the_same_size(found):
    X = low_rank(300)
    parts, affine = held.split(X, 1), found.best_.fitted_.affine
    scaled = affine.forward(parts.train, torch.float32).numpy()
    for point in found.curve:
        plane = principal(scaled, point["latent_dim"], 0)
        back = plane.reconstruct(affine.forward(parts.held, torch.float64).numpy())
        error = np.square(affine.inverse(torch.from_numpy(back)) - parts.held).mean()
        assert point["pca_mse"] == pytest.approx(error, rel=1e-4)


def test_one_seed_one_result():
    X, how = low_rank(120), {"trials": 5, "random_state": 3}
    a, b = (nw.tune(X, model(max_epochs=6), **how) for _ in range(2))
    assert a.parameters_ == b.parameters_ and a.score_ == b.score_
    assert (a.best_.transform(X) == b.best_.transform(X)).all()
    assert [line["score"] for line in a.trials_] == [line["score"] for line in b.trials_]


def test_frames_keep_their_names():
    frame = pd.DataFrame(low_rank(80), columns=list("abcdefgh"))
    frame["kind"] = np.where(frame.a > 0, "x", "y")
    found = nw.tune(frame, model(max_epochs=3), trials=2)
    assert list(found.best_.feature_names_in_) == [*"abcdefgh", "kind"]
    assert found.best_.reconstruct(frame).columns.tolist() == frame.columns.tolist()


def test_recipes_by_name_by_function_and_as_they_are():
    X, space = low_rank(60), {"latent_dim": [2], "learning_rate": [1e-2]}

    def plain():
        return nw.recipes.linear(max_epochs=2)

    for recipe in ("linear", plain, plain()):
        assert nw.tune(X, recipe, space=space, trials=1).best_.latent_dim_ == 2
    assert nw.tune(X, model(3, max_epochs=2), trials=1).best_.latent_dim_ == 3
    assert nw.tune(X, model(3, max_epochs=2), latent_dim=[1, 2], trials=2).best_.latent_dim_ in (1, 2)


def test_numbers_may_be_numpys():
    X, base = low_rank(60), model(max_epochs=2)
    assert nw.tune(X, base, latent_dim=np.int64(2), trials=np.int64(1)).best_.latent_dim_ == 2
    for listed in (np.array([2, 3]), range(2, 4), (2, np.int32(3))):
        assert {p["latent_dim"] for p in nw.tune(X, base, latent_dim=listed, trials=2).curve} == {2, 3}
    assert checked(
        {"learning_rate": (np.float64(1e-3), np.float32(1e-2)), "latent_dim": (np.int64(2), 5)}, base
    )["latent_dim"] == (2, 5)


def test_auto_means_the_sizes_that_are_the_default():
    X, how = low_rank(100), {"trials": 8}
    default = nw.tune(X, model(max_epochs=2), **how)
    for recipe, space in ((model(max_epochs=2), None), (model(5, max_epochs=2), {"learning_rate": [1e-2]})):
        found = nw.tune(X, recipe, latent_dim="auto", space=space, **how)
        assert [p["latent_dim"] for p in found.curve] == [p["latent_dim"] for p in default.curve]


def test_what_is_tried_by_itself():
    def tried(recipe):
        ae = recipe()
        spec = nw.estimators._fitting.order_of(ae, low_rank(50)).spec
        return nw.tuning.axes(ae, spec, 8, own_size=False)

    assert tried(nw.recipes.deep) == {
        "latent_dim": [1, 2, 4, 8],
        "backbone__hidden": [(128, 64), (512, 256)],
        "learning_rate": ["auto", 3e-3, 1e-3],
    }
    assert tried(nw.recipes.denoising)["corruption__std"] == [0.25, 0.5, 1.0]
    assert tried(nw.recipes.denoising)["latent_dim"] == [64, 128, 256]
    assert tried(nw.recipes.beta_variational)["bottleneck__beta"] == [2.0, 4.0, 8.0]
    assert tried(nw.recipes.sparse)["penalties__0__weight"] == pytest.approx([0.1 / 3, 0.1, 0.3])


# How candidates are compared ---------------------------------------------------------------------------


def test_noise_is_judged_by_the_noise_of_the_recipe():
    """Without noise the identity restores best; under noise a model trained without any loses."""
    X = low_rank(400, noise=0.01, features=6)
    base = model(
        6, corruption=nw.corruptions.Gaussian(1.0), max_epochs=40, likelihood=nw.likelihoods.Normal()
    )
    found = nw.tune(X, base, space={"corruption__std": [0.01, 1.0]}, trials=2)
    assert found.parameters_["corruption__std"] == 1.0
    assert found.curve[0]["pca_mse"] == pytest.approx(
        1.0 * np.mean(X.std(0) ** 2), rel=0.3
    )  # all of the noise


def figures(scores):
    scores = np.asarray(scores, dtype=float)
    return held.Figures(scores, -scores, -scores, 0.0, 0.0)


def test_small_is_the_smallest_code_within_reach():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=100)
    levels = {1: -10.0, 2: -2.0, 4: -1.0, 8: -0.9}
    trials = [Trial({}, 1, latent_dim=k, figures=figures(level + noise)) for k, level in levels.items()]
    assert preferred(trials, "best").latent_dim == 8
    assert preferred(trials, "small").latent_dim == 4  # gives up 0.1 of 9.1, a size less 1.1
    noisy = [Trial({}, 1, latent_dim=k, figures=figures(rng.normal(size=50))) for k in (1, 2, 4)]
    assert preferred(noisy, "small").latent_dim == 1  # within one standard error


def test_rows_held_out_are_a_tenth_to_a_fifth():
    for n, share in ((50, 0.2), (1500, 200 / 1500), (5000, 0.1)):
        parts = held.split(np.arange(n, dtype=float)[:, None], 0)
        assert len(parts.held) == int(n * share) and len(parts.train) + len(parts.held) == n
        assert not set(parts.held.ravel()) & set(parts.train.ravel())


def test_of_many_rows_some_are_compared_and_all_fitted(monkeypatch):
    monkeypatch.setattr(held, "MOST", 100)
    X = low_rank(300)
    found = nw.tune(X, model(2, max_epochs=3), space={"learning_rate": [1e-2]}, trials=1)
    assert found.best_.fitted_.training["rows"] == 270
    assert found.trials_[0]["epochs"] <= 3


def test_rows_on_disk(tmp_path):
    X = low_rank(200).astype(np.float32)
    np.save(tmp_path / "rows.npy", X)
    found = nw.tune(tmp_path / "rows.npy", model(2, max_epochs=3), trials=1)
    assert found.best_.transform(X).shape == (200, 2)


# What is tried -------------------------------------------------------------------------------------------


def test_sizes_end_where_pca_has_nearly_everything():
    assert sizes(1) == [1] and sizes(10) == [1, 2, 4, 10] and max(sizes(1000)) == 64


def test_candidates_take_sizes_in_turn():
    space = {"latent_dim": [2, 4, 8], "learning_rate": [1e-3, 3e-3]}
    points = candidates(space, 100, 0)
    assert len(points) == 6 and {p["latent_dim"] for p in points[:3]} == {2, 4, 8}
    assert candidates(space, 4, 0) == points[:4]
    assert candidates(space, 100, 1) != points
    assert [p["latent_dim"] for p in candidates(space, 3, 0, near=7)] == [8, 4, 2]


def test_ranges_are_spread_evenly():
    points = candidates({"learning_rate": (1e-4, 1e-2), "latent_dim": (2, 5)}, 40, 0)
    rates = np.sort([p["learning_rate"] for p in points])
    assert len(points) == 40
    assert (np.abs(np.log10(rates) + 4 - 2 * (np.arange(40) + 0.5) / 40) <= 1 / 40 + 1e-9).all()
    assert {p["latent_dim"] for p in points} == {2, 3, 4, 5}


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"speed": [1]}, "'speed'"),
        ({"learning_rate": 1e-3}, "list"),
        ({"max_epochs": [3]}, "'max_epochs'"),
        ({"learning_rate": []}, "list"),
        ({"learning_rate": (1e-2, 1e-3)}, "(low, high)"),
        ({"backbone__hidden": (1, 2, 3)}, "(low, high)"),
    ],
)
def test_spaces_that_cannot_be(space, words, refused):
    with refused(words):
        checked(space, model())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"budget": 0}, "budget=0"),
        ({"budget": "60s"}, "seconds"),
        ({"trials": 0}, "trials=0"),
        ({"trials": 2.0}, "trials=2.0"),
        ({"latent_dim": "large"}, "latent_dim='large'"),
        ({"latent_dim": [2, "auto"]}, "latent_dim=[2, 'auto']"),
        ({"latent_dim": 0}, "latent_dim=0"),
        ({"latent_dim": 2.5}, "latent_dim=2.5"),
        ({"latent_dim": []}, "latent_dim=[]"),
        ({"latent_dim": True}, "latent_dim=True"),
        ({"prefer": "large"}, "'small'"),
        ({"search": "grid"}, "'halving'"),
        ({"recipe": "dep"}, "'dep'"),
        ({"recipe": 3}, "int"),
        ({"X": np.zeros((4, 2))}, "4 rows"),
    ],
)
def test_wrong_arguments(arguments, words, refused):
    with refused(words):
        nw.tune(**({"X": low_rank(20), "recipe": model()} | arguments))


# What goes wrong --------------------------------------------------------------------------------------


def test_a_candidate_that_fails_loses():
    """A layer without units is an error of one candidate, not of the search."""
    found = nw.tune(low_rank(60), model(2, max_epochs=3), space={"backbone__hidden": [(8,), (0,)]}, trials=2)
    assert found.parameters_["backbone__hidden"] == (8,)
    (failed,) = [line for line in found.trials_ if line["error"]]
    assert failed["backbone__hidden"] == (0,) and np.isnan(failed["mse"])


def test_where_all_fail_the_reason_is_told(refused):
    with refused("hidden=(0,)"):
        nw.tune(low_rank(60), model(2), space={"backbone__hidden": [(0,)]}, trials=2)


def test_a_diverging_candidate_loses():
    found = nw.tune(low_rank(80), model(2, max_epochs=4), space={"learning_rate": [1e20, 1e-2]}, trials=2)
    assert found.parameters_["learning_rate"] == 1e-2


def test_an_interrupt_keeps_the_best_so_far(monkeypatch):
    plain, calls = Bench.run, []

    def run(self, *arguments):
        calls.append(len(calls))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(Bench, "run", run)
    X = low_rank(100)
    found = nw.tune(X, model(), trials=8)
    assert found.interrupted_ and found.best_.transform(X).shape[1] == found.best_.latent_dim_
    assert "Interrupted" in repr(found)
    calls[:] = [0]
    with pytest.raises(KeyboardInterrupt):  # nothing to keep yet
        nw.tune(X, model(), trials=8)


# What a clock decides -----------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock of its own: a second for each epoch of a fit, the first fit of all as many as ``clock[1]`` more."""
    now = [0.0, 0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    plain = Bench._together

    def together(self, group, epochs):
        trials = plain(self, group, epochs)
        for trial in trials:
            trial.seconds = trial.epochs + (0.0 if self.trials else now[1])
            now[0] += trial.seconds
        return trials

    monkeypatch.setattr(Bench, "_together", together)
    return now


def tried(found):
    """Latent sizes in the order in which they were first tried."""
    return list(dict.fromkeys(line["latent_dim"] for line in found.trials_))


def test_a_budget_ends_the_search(clock):
    found = nw.tune(low_rank(100), model(), 40.0)
    assert clock[0] <= 40.0
    assert "The budget ended before the best was trained to the end: give it more seconds." in found.verdict
    assert found.untried_ == []


def test_a_budget_covers_all_sizes_before_any_has_a_second_turn(clock):
    found = nw.tune(low_rank(100), model(), budget=6.0, latent_dim=[1, 2, 3, 4, 8])
    assert clock[0] <= 6.0
    assert sorted(tried(found)[:5]) == [1, 2, 3, 4, 8] and found.untried_ == []
    first = found.trials_[:5]
    assert len({line["latent_dim"] for line in first}) == 5
    for line in first:  # the model's own numbers, for a short while
        assert (line["learning_rate"], line["backbone__hidden"], line["epochs"]) == ("auto", (16,), 1)


def test_what_a_budget_leaves_goes_to_the_best(clock):
    found = nw.tune(low_rank(100), model(), budget=20.0, latent_dim=[1, 2, 4])
    longest = max(line["epochs"] for line in found.trials_)
    assert longest >= 5 and [line["epochs"] for line in found.trials_].count(longest) == 1


@pytest.mark.parametrize("slow", [0.0, 100.0])
def test_without_time_it_is_the_quick_guess(clock, slow):
    """The planned size nearest to the 2 components that hold 95% of the variance, not the smallest."""
    clock[1] = slow
    found = nw.tune(low_rank(100), model(), budget=0.5, latent_dim=[64, 1, 2, 16])
    assert tried(found) == [2] and found.best_.latent_dim_ == 2
    assert found.untried_ == [64, 1, 16]
    assert "before codes of 64, 1, 16 were tried: give it more seconds" in found.verdict


def test_a_slow_first_fit_says_nothing_of_the_others(clock):
    clock[1] = 30.0
    found = nw.tune(low_rank(100), model(), budget=66.0, latent_dim=[1, 2, 4, 8])
    assert sorted(tried(found)) == [1, 2, 4, 8] and clock[0] <= 66.0


def test_of_many_rows_time_is_left_to_fit_them_all(clock, monkeypatch):
    monkeypatch.setattr(held, "MOST", 100)
    X = low_rank(300)
    found = nw.tune(X, model(2), 400.0, space={"learning_rate": [1e-2]})
    assert found.best_.fitted_.training["rows"] == 270 and "rows only" not in found.verdict
    found = nw.tune(X, model(2), 3.0, space={"learning_rate": [1e-2]})
    assert "It is fitted to 80 of the 300 rows only: the budget left no time for all." in found.verdict


def test_few_trials_begin_with_the_likeliest_size():
    found = nw.tune(low_rank(100), model(max_epochs=2), latent_dim=[1, 2, 4, 16], trials=1)
    assert tried(found) == [2] and found.untried_ == [1, 4, 16]
    assert "The trials ended before codes of 1, 4, 16 were tried: give it more trials." in found.verdict


# Labels ---------------------------------------------------------------------------------------------------


def test_a_conditional_model_learns_its_labels(monkeypatch):
    X, y = low_rank(100), np.arange(100) % 2
    base = model(2, max_epochs=2, conditional=True)
    assert list(nw.tune(X, base, trials=2, y=y).best_.classes_) == [0, 1]
    monkeypatch.setattr(held, "MOST", 50)
    found = nw.tune(X, base, trials=2, y=y)
    assert found.best_.fitted_.training["rows"] == 90
    assert found.best_.sample(3, labels=1).shape == (3, 8)
    assert not hasattr(nw.tune(X, model(2, max_epochs=2), trials=2, y=y).best_, "classes_")


def test_labels_change_nothing_else():
    X, y = low_rank(80), np.arange(80) % 2
    plain, conditional = (
        nw.tune(X, model(2, max_epochs=2, conditional=c), trials=2, y=y) for c in (False, True)
    )
    assert (plain.best_.transform(X) == conditional.best_.transform(X)).all()


def test_a_conditional_model_needs_labels(refused):
    for y, words in ((None, "no y"), (np.zeros(7, dtype=int), "(7,)"), (np.linspace(0, 1, 20), "float")):
        with refused(words):
            nw.tune(low_rank(20), model(conditional=True), trials=1, y=y)
    with refused("'conditional'"):
        checked({"conditional": [True]}, model())


def test_a_fit_to_all_rows_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(held, "MOST", 100)

    def fails(self, X, y=None):
        raise ValueError("No room.")

    monkeypatch.setattr(nw.Autoencoder, "fit", fails)
    found = nw.tune(low_rank(300), model(2, max_epochs=2), space={"learning_rate": [1e-2]}, trials=1)
    assert "It is fitted to 80 of the 300 rows only: the fit to all failed. No room." in found.verdict
    assert found.best_.transform(low_rank(300)).shape == (300, 2)


# What is shown -----------------------------------------------------------------------------------------


def test_it_shows_itself(found, capsys):
    text = repr(found)
    assert "PCA r2" in text and found.verdict in text and "held-out score" in text
    assert figure_png(found.figure(DARK)).startswith(b"\x89PNG")
    assert [line.get_label() for line in found.figure().axes[0].lines][:2] == ["autoencoder", "PCA"]
    nw.tune(low_rank(40), model(2, max_epochs=2), trials=2, verbose=1)
    said = capsys.readouterr().err
    assert "candidate" in said and "too few" in said


def test_optuna_proposes_the_rest():
    pytest.importorskip("optuna")
    space = {"latent_dim": [1, 2, 3], "learning_rate": (1e-4, 1e-2)}
    a, b = (
        nw.tune(low_rank(80), model(max_epochs=24), space=space, trials=9, search="optuna") for _ in range(2)
    )
    assert a.parameters_ == b.parameters_
    first = [line for line in a.trials_ if line["epochs"] == a.trials_[0]["epochs"]]
    assert len(first) >= 9


def test_without_optuna_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ImportError, match=r"install narrows\[tune\], or use search='halving'"):
        nw.tune(low_rank(60), model(max_epochs=2), trials=12, search="optuna")


def test_the_search_is_over_estimators_alone():
    assert nw.tune is search.tune
