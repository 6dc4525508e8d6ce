"""New rows: by densities fitted to codes, of labels, between rows and around them."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from sklearn.base import clone

import narrows as nw
from narrows import artifact, tasks
from narrows.fitted import Labelled, Mixture
from narrows.numerics import generator
from narrows.tasks.density import density, mixture
from narrows.tasks.generate import draw_codes, spreads
from narrows.tasks.labels import classes_of, numbers_of

N = 400


@pytest.fixture(scope="module")
def clusters():
    """Rows of three clusters in the plane, in 6 numbers, and which they are of."""
    rng = np.random.default_rng(0)
    which = rng.integers(0, 3, N)
    plane = np.array([[0, 0], [6, 0], [0, 6]])[which] + 0.3 * rng.normal(size=(N, 2))
    return plane @ rng.normal(size=(2, 6)) + 0.01 * rng.normal(size=(N, 6)), which


@pytest.fixture(scope="module")
def models(clusters):
    common = {"latent_dim": 2, "max_epochs": 15, "conditional": True}
    X, y = clusters
    return {
        "plain": nw.Autoencoder(**common).fit(X, y),
        "variational": nw.recipes.variational(hidden=(32,), **common).fit(X, y),
        "wide": nw.recipes.topk(k=3, **common | {"latent_dim": 70}).fit(X, y),
    }


every = pytest.mark.parametrize("kind", ["plain", "variational", "wide"])


def answers(ae):
    return {
        "by itself": ae.sample(7, random_state=3),
        "fitted": ae.sample(7, prior="fitted", random_state=3),
        "of a label": ae.sample(7, labels=2, random_state=3),
        "of each": ae.sample(labels=[2, 0, 0, 1], random_state=3),
    }


def same(a, b):
    return all(np.array_equal(b[name], rows) for name, rows in a.items())


# Mixtures


def test_a_mixture_draws_what_it_says():
    weights, means = torch.tensor([0.25, 0.75]), torch.tensor([[0.0, 0.0], [5.0, 1.0]])
    factors = torch.tensor([[[1.0, 0.0], [0.5, 2.0]], [[0.1, 0.0], [0.0, 0.1]]])
    z = Mixture(weights, means, factors).draw(40_000, generator(0))
    first = z[:, 0] < 3.5
    assert float(first.float().mean()) == pytest.approx(0.25, abs=0.01)
    assert torch.allclose(torch.cov(z[first].T), factors[0] @ factors[0].T, atol=0.15)
    assert torch.allclose(z[~first].mean(0), means[1], atol=0.01)


def test_a_mixture_is_found_again(models):
    """Two far Gaussians: most of twenty components lie in the one that has most rows."""
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(size=(3000, 2)), rng.normal(size=(1000, 2)) * [0.1, 0.2] + 8])
    found = mixture(codes.astype(np.float32), models["plain"].fitted_)
    near = found.means[:, 0] < 5
    assert float(found.weights[near].sum()) == pytest.approx(0.75, abs=1e-3)
    z = found.draw(20_000, generator(0))
    assert torch.allclose(z[z[:, 0] > 5].std(0), torch.tensor([0.1, 0.2]), rtol=0.1)
    assert torch.allclose(z[z[:, 0] < 5].std(0), torch.ones(2), rtol=0.05)


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_few_codes_are_one_gaussian(models, rows):
    codes = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    codes[:, 1] = 4  # always the same
    found = mixture(codes, models["plain"].fitted_)
    assert len(found.weights) == 1 and torch.allclose(found.means[0], torch.from_numpy(codes.mean(0)))
    z = found.draw(5000, generator(0))
    assert torch.allclose(z[:, 1], torch.tensor(4.0), atol=1e-5)
    assert float(z[:, 0].std()) == pytest.approx(float(codes[:, 0].std()), rel=0.1, abs=1e-6)


def test_codes_that_are_all_alike_are_drawn_again(models):
    codes = np.full((300, 2), 3, np.float32)
    assert torch.equal(mixture(codes, models["plain"].fitted_).draw(4, generator(0)), torch.full((4, 2), 3.0))


# Samples


def test_samples_of_a_plain_model_keep_to_the_clusters(models, clusters):
    """One Gaussian would put most of them between."""
    X, _ = clusters
    new = models["plain"].sample(500)
    off = np.linalg.norm(new[:, None] - X, axis=2).min(1)
    assert np.quantile(off, 0.9) < 0.1 * np.linalg.norm(X - X.mean(0), axis=1).mean()


def test_the_fitted_prior_keeps_to_drawn_codes_of_a_variational_model(models, clusters):
    fitted = models["variational"].fitted_
    z, codes = draw_codes(fitted, 4000, 0, "fitted"), fitted.codes.some
    assert codes.shape == (360, 2), "of the rows that were trained on"
    assert np.allclose(z.mean(0), codes.mean(0), atol=0.1) and np.allclose(
        np.cov(z.T), np.cov(codes.T), atol=0.1
    )
    means = tasks.encode(fitted, clusters[0])
    assert codes.std(0).min() > means.std(0).min(), "a draw is wider than the means"
    assert not np.array_equal(z[:5], draw_codes(fitted, 5, 0))


def test_what_is_not_asked_for_is_not_made(clusters):
    ae = nw.Autoencoder(2, max_epochs=1, conditional=True).fit(*clusters)
    assert not ae.fitted_.densities
    ae.sample(labels=1)
    assert set(ae.fitted_.densities) == {1}
    ae.sample()
    assert set(ae.fitted_.densities) == {1, None}


@every
def test_the_seed_decides_and_files_and_copies_keep_it(models, kind, tmp_path):
    ae = clone(models[kind])
    ae.fitted_ = models[kind].fitted_
    before = pickle.loads(pickle.dumps(ae))
    wanted = answers(ae)
    assert same(wanted, answers(before)) and same(wanted, answers(ae))
    assert not np.array_equal(wanted["fitted"], ae.sample(7, prior="fitted"))
    before.save(tmp_path / "m.safetensors")
    again = nw.load(tmp_path / "m.safetensors")
    assert same(wanted, answers(again))
    assert again.classes_.tolist() == [0, 1, 2] and again.get_params()["conditional"] is True
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


@every
def test_files_hold_densities_and_no_codes(models, kind, tmp_path):
    models[kind].save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "np") as file:
        names = {name for name in file.keys() if not name.startswith(("net.", "pca.", "scale."))}  # noqa: SIM118
    labels = {f"density{i}.{k}" for i in range(3) for k in ("weights", "means", "factors")}
    whole = set() if kind == "wide" else {f"density.{k}" for k in ("weights", "means", "factors")}
    assert names == {"codes.mean", "codes.factor"} | labels | whole


def test_wide_codes_are_drawn_from_one_gaussian_and_stay_possible(models):
    fitted = models["wide"].fitted_
    assert fitted.codes.some is None and len(density(fitted).weights) == 1
    assert ((draw_codes(fitted, 20, 0) != 0).sum(1) <= 3).all()


def rewritten(path, change, drop):
    """A model file with its description and its tensors changed, sealed again."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys() if not drop(name)}  # noqa: SIM118
        document = json.loads(file.metadata()["narrows"])
    del document["checksum"]
    change(document)
    metadata = {"narrows": artifact.sealed(json.dumps(document), tensors)}
    path.write_bytes(safetensors.torch.save(tensors, metadata))
    return nw.load(path)


def test_files_of_earlier_versions_still_answer(models, tmp_path, refused, clusters):
    def change(document):
        for key in ("labels", "labelled"):
            del document[key]
        del document["params"]["conditional"]

    models["plain"].save(tmp_path / "plain.safetensors")
    plain = rewritten(tmp_path / "plain.safetensors", change, lambda name: name.startswith("density"))
    z = plain.fitted_.codes.mean + torch.randn(3, 2, generator=generator(5)) @ plain.fitted_.codes.factor.T
    assert np.allclose(plain.sample(3, random_state=5), plain.inverse_transform(z.numpy()), atol=1e-5)
    assert not hasattr(plain, "classes_") and not plain.conditional

    def older(document):
        change(document)
        document["coded"] = None

    path = tmp_path / "variational.safetensors"
    models["variational"].save(path)
    old = rewritten(path, older, lambda name: name.startswith(("density", "codes")))
    assert np.array_equal(old.sample(3), models["variational"].sample(3))
    assert np.array_equal(spreads(old.fitted_), [1, 1])
    with refused("prior='fitted'"):
        old.sample(3, prior="fitted")
    assert old.partial_fit(clusters[0]).sample(3, prior="fitted").shape == (3, 6)


def test_a_forged_density_is_refused(models, tmp_path):
    path = tmp_path / "m.safetensors"
    models["plain"].save(path)
    with pytest.raises(ValueError, match="damaged"):
        rewritten(path, lambda document: None, lambda name: name == "density1.means")


def test_rows_that_come_later_are_drawn_too(models, clusters, tmp_path):
    X, y = clusters
    models["plain"].save(tmp_path / "m.safetensors")
    ae = nw.load(tmp_path / "m.safetensors")
    ae.partial_fit(X[y == 0] + 1, np.full((y == 0).sum(), 7))
    labelled, codes = ae.fitted_.labelled, ae.fitted_.codes
    assert ae.classes_.tolist() == [0, 1, 2, 7]
    assert labelled.rows == (*np.bincount(y).tolist(), (y == 0).sum())
    assert len(codes.some) == codes.rows == 360 + (y == 0).sum()
    assert ae.sample(labels=[7, 0]).shape == (2, 6)
    ae.partial_fit(X[y == 0], y[y == 0])
    assert ae.fitted_.labelled.rows[0] == 2 * (y == 0).sum()


# Labels


@every
def test_rows_of_a_label_are_like_rows_of_it(models, clusters, kind):
    X, y = clusters
    labels = np.arange(90) % 3
    rows = models[kind].sample(labels=labels)
    nearest = y[np.linalg.norm(rows[:, None] - X, axis=2).argmin(1)]
    assert (nearest == labels).mean() > (0.8 if kind == "wide" else 0.95)
    assert np.array_equal(models[kind].sample(5, labels=1), models[kind].sample(labels=[1] * 5))


def test_labels_change_nothing_else(clusters):
    """y is ignored, and the network of a conditional model never sees it."""
    X, y = clusters
    plain, given, conditional = (
        nw.Autoencoder(2, max_epochs=2, conditional=c).fit(X, labels)
        for c, labels in ((False, None), (False, y), (True, y))
    )
    for other in (given, conditional):
        assert np.array_equal(plain.transform(X), other.transform(X))
        assert np.array_equal(plain.sample(3), other.sample(3))
    assert plain.fitted_.labelled is given.fitted_.labelled is None
    assert not hasattr(given, "classes_") and conditional.classes_.tolist() == [0, 1, 2]


def test_models_fitted_side_by_side_learn_labels(clusters):
    X, y = clusters
    members = [nw.Autoencoder(2, max_epochs=1, conditional=c, random_state=c) for c in (True, False)]
    first, second = nw.fit_many(members, X, y)
    assert first.sample(labels=2).shape == (1, 6) and not hasattr(second, "classes_")


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        ([2, 1, 2], (1, 2)),
        ([True, False, True], (0, 1)),
        ([3.0, 1.0, 3.0], (1, 3)),
        (["b", "a", "b"], ("a", "b")),
        (pd.Series(["b", "a", "b"], dtype="category"), ("a", "b")),
        (np.array([[2], [1], [2]], np.uint8), (1, 2)),
    ],
)
def test_labels_are_whole_numbers_or_strings(y, classes):
    found, which = classes_of(y, 3)
    assert found == classes and which.tolist() == [1, 0, 1]
    assert {type(c) for c in found} <= {int, str}


@pytest.mark.parametrize(
    ("y", "given"),
    [
        ([1, 2], "(2,)"),
        (np.zeros((3, 2)), "(3, 2)"),
        ([0.5, 1.0, 2.0], "float"),
        ([1.0, np.nan, 2.0], "float"),
        (["a", None, "b"], "NoneType"),
        (["a", 1, b"c"], "bytes"),
        (np.arange(1000), "1000 different"),
    ],
)
def test_other_labels_are_refused(refused, y, given):
    with refused(given):
        classes_of(np.array(y, dtype=object) if isinstance(y, list) else y, max(3, len(y)))


def test_rare_labels_of_rows_on_demand_are_read():
    class Few:
        """One row in a thousand is of label 1."""

        shape, dtype, block = (20_000, 3), np.dtype(np.float32), 1

        def __len__(self):
            return 20_000

        def __getitem__(self, which):
            return np.full((which.stop - which.start, 3), which.start, np.float32)

    ae = nw.Autoencoder(1, max_epochs=1, validation_fraction=0).fit(
        np.random.default_rng(0).normal(size=(20, 3))
    )
    y = np.zeros(20_000, int)
    y[777] = 1
    found = tasks.labelled(ae.fitted_, Few(), y)
    assert found.rows == (19_999, 1) and len(found.codes[1]) == 1 and 500 < len(found.codes[0]) <= 2000


@pytest.mark.parametrize(
    ("ask", "given"),
    [
        ({"labels": 5}, "5"),
        ({"labels": ["a"]}, "'a'"),
        ({"n": 3, "labels": [0, 1]}, "n=3"),
        ({"n": 0}, "n=0"),
        ({"prior": "vamp"}, "'vamp'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(models, refused, ask, given):
    with refused(given):
        models["plain"].sample(**ask)


def test_labels_have_to_be_given_and_known(refused, clusters):
    X, _ = clusters
    with refused("conditional=True"):
        nw.Autoencoder(2, max_epochs=1, conditional=True).fit(X)
    with refused("labels=1"):
        nw.Autoencoder(2, max_epochs=1).fit(X).sample(labels=1)


def test_what_is_no_number_is_refused(refused, models, clusters):
    X, ae = clusters[0], models["plain"]
    with refused("n=True"):
        ae.sample(True)
    with refused("labels is empty"):
        ae.sample(labels=[])
    for wrong in (float("nan"), "a", -1.0, True):
        with refused("span="):
            ae.traverse(X[:1], span=wrong)
    with refused("dim=True"):
        ae.traverse(X[:1], dim=True)
    with refused("how="):
        ae.interpolate(X[:1], X[1:2], how=["linear"])


def test_a_prior_may_be_given_by_its_name():
    assert nw.bottlenecks.Gaussian(prior="vamp") == nw.bottlenecks.Gaussian(prior=nw.priors.Vamp())
    with pytest.raises(ValueError, match=r"narrows\.priors"):
        nw.bottlenecks.Gaussian(prior="none such")


def test_labels_mean_numbers_of_classes(models):
    fitted = models["plain"].fitted_
    assert numbers_of(fitted, np.int64(2), 2).tolist() == [2, 2]
    assert numbers_of(fitted, np.array([0, 2]), None).tolist() == [0, 2]
    assert isinstance(fitted.labelled, Labelled)


# Between rows and around them


def test_an_arc_keeps_to_the_sphere():
    """A decoder that is the identity, so that rows are codes."""
    net = torch.nn.Linear(2, 2, bias=False)
    torch.nn.init.eye_(net.weight)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    common = {"scale": None, "likelihood": "normal", "validation_fraction": 0, "learning_rate": 1e-30}
    ae = nw.Autoencoder(2, backbone=(net, net), max_epochs=1, precision="float64", **common).fit(X)
    centre = ae.fitted_.codes.mean.numpy()
    a, b = centre + 2 * np.eye(2)
    path = ae.interpolate(a, b, 5, how="spherical") - centre
    angles = np.linspace(0, np.pi / 2, 5)
    assert np.allclose(path, 2 * np.stack([np.cos(angles), np.sin(angles)], 1), atol=1e-6)
    assert np.allclose(
        ae.interpolate(a, a + (a - centre), 3, how="spherical"), ae.interpolate(a, 2 * a - centre, 3)
    )


def test_ways_that_are_not_there_are_refused(models, refused, clusters):
    X, _ = clusters
    with refused("'great'"):
        models["plain"].interpolate(X[0], X[1], how="great")


@every
def test_noise_of_no_size_is_the_reconstruction(models, clusters, kind):
    X, _ = clusters
    ae = models[kind]
    rows = ae.perturb(X[:3], scale=0, n=2)
    assert np.allclose(rows, np.repeat(ae.reconstruct(X[:3]), 2, axis=0), atol=1e-4)


def test_noise_has_the_size_that_was_asked_for(models, clusters):
    X, y = clusters
    ae = models["plain"]
    rows = ae.perturb(X[:1], scale=0.1, n=4000)
    z = ae.transform(rows) - ae.transform(ae.reconstruct(X[:1]))
    codes = ae.transform(X)
    assert np.allclose(z.std(0) / codes.std(0), 0.1, rtol=0.25)
    nearest = np.linalg.norm(ae.perturb(X, 0.05)[:, None] - X, axis=2).argmin(1)
    assert (y[nearest] == y).mean() > 0.97, "labels are kept"
    assert not np.array_equal(ae.perturb(X[:2]), ae.perturb(X[:2], random_state=1))


def test_frames_stay_frames(clusters):
    X, _ = clusters
    frame = pd.DataFrame(X, columns=list("abcdef"))
    ae = nw.Autoencoder(2, max_epochs=1).fit(frame)
    assert (
        list(ae.perturb(frame.head(2), n=3).columns) == list("abcdef")
        and len(ae.perturb(frame.head(2), n=3)) == 6
    )


@pytest.mark.parametrize(
    ("ask", "given"), [({"n": 0}, "n=0"), ({"scale": -1}, "scale=-1"), ({"scale": "a"}, "'a'")]
)
def test_wrong_noise_is_refused(models, refused, clusters, ask, given):
    with refused(given):
        models["plain"].perturb(clusters[0][:2], **ask)
