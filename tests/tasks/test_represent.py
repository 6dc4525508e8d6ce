"""Features of layers, importance of inputs, picked columns, clusters: known answers."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch import nn

import narrows as nw
from narrows.backbones import MLP, Concrete, Conv2d, Modules
from narrows.tasks import cluster, encode, importance, selected

# Layers


@pytest.fixture(scope="module")
def deep(digits):
    return nw.Autoencoder(3, backbone=MLP((12, 7), dropout=0.2), max_epochs=1).fit(digits)


def test_a_layer_is_what_the_network_computes_there(deep, digits):
    with torch.inference_mode():
        x = deep.fitted_.affine.forward(digits, torch.float32)
        first, second = (deep.net_.encoder.layers[:stop](x).numpy() for stop in (4, 7))
    for layer, expected in ((0, first), (1, second), (-1, second), (-2, first)):
        got = deep.transform(digits, layer=layer)
        assert got.shape == expected.shape and np.allclose(got, expected, atol=1e-5)


def test_the_code_is_the_bottlenecks_layer_to_the_last_bit(deep, digits):
    assert np.array_equal(deep.transform(digits, layer="bottleneck"), deep.transform(digits))
    assert np.array_equal(encode(deep.fitted_, digits.astype(np.float32)), deep.transform(digits))


def test_features_do_not_depend_on_their_company(deep, digits):
    whole = deep.transform(digits, layer=0)
    assert np.array_equal(deep.transform(digits[7:8], layer=0), whole[7:8])


def test_layers_of_convolutions_are_flat(images):
    ae = nw.Autoencoder(3, backbone=Conv2d((4, 5)), max_epochs=1).fit(images)
    assert [ae.transform(images, layer=i).shape[1] for i in (0, 1)] == [4 * 4 * 4, 5 * 2 * 2]


def test_of_networks_that_emit_codes_the_last_layer_is_the_code(plane):
    encoder = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))
    ae = nw.Autoencoder(2, backbone=Modules(encoder, nn.Linear(2, 6)), max_epochs=1).fit(plane)
    assert ae.transform(plane, layer=-1).shape == (120, 5) and ae.transform(plane, layer=-1).min() >= 0


def test_features_are_an_array_whatever_codes_are(deep, digits, tmp_path):
    deep.set_output(transform="pandas")
    try:
        assert isinstance(deep.transform(digits), pd.DataFrame)
        assert type(deep.transform(digits, layer=0)) is np.ndarray
        path = deep.transform(digits, out=tmp_path / "features.npy", layer=0)
        assert np.array_equal(np.load(path), deep.transform(digits, layer=0))
    finally:
        deep.set_output(transform="default")


@pytest.mark.parametrize("layer", [2, -3, 1.5, True, "hidden"], ids=repr)
def test_layers_that_are_not_there_are_refused(deep, digits, layer, refused):
    with refused(f"layer={layer!r}"):
        deep.transform(digits, layer=layer)


def test_models_without_layers_are_refused_them(plane, refused):
    series = np.random.default_rng(0).normal(size=(40, 8, 2))
    recurrent = nw.Autoencoder(2, backbone="recurrent", max_epochs=1).fit(series)
    with refused("Recurrent"):
        recurrent.transform(series, layer=0)
    with refused("no hidden layer"):
        nw.recipes.linear(2, max_epochs=1).fit(plane).transform(plane, layer=0)


# Importance


def test_importance_to_a_linear_code_is_its_weights_in_standard_deviations(plane):
    ae = nw.recipes.linear(2, max_epochs=2).fit(plane)
    weight = ae.net_.bottleneck.project.linear.weight.detach().numpy()
    x = ae.fitted_.affine.forward(plane, torch.float64).numpy()
    expected = np.abs(weight) * x.std(0) / ae.transform(plane).std(0)[:, None]
    got = importance(ae, plane, per_latent=True)
    assert got.shape == (2, 6) and np.allclose(got, expected, rtol=1e-4)
    assert np.allclose(importance(ae, plane), expected.mean(0), rtol=1e-4)


def test_importance_does_not_depend_on_units(plane):
    ae = nw.recipes.linear(2, scale="standard", max_epochs=2).fit(plane)
    again = nw.recipes.linear(2, scale="standard", max_epochs=2).fit(plane * 1000)
    assert np.allclose(importance(ae, plane), importance(again, plane * 1000), rtol=1e-3)


def test_what_says_nothing_has_no_importance():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "b": rng.choice(["x", "y"], 200), "same": ["z"] * 200})
    ae = nw.Autoencoder(2, max_epochs=20).fit(frame)
    a, b, same = importance(ae, frame)
    assert a > 0.1 and b > 0.1 and same == 0


def test_importance_of_a_category_is_that_of_a_number_with_its_indicator():
    """A code that is the indicator of a category that half of the rows have: half of the swaps change it."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"number": rng.normal(size=400), "kind": rng.permutation(["x", "y"] * 200)})
    ae = nw.Autoencoder(1, backbone=MLP(()), max_epochs=1).fit(frame)
    linear = ae.net_.bottleneck.project.linear
    with torch.no_grad():  # inputs: the number, its flag, two indicators
        linear.weight.copy_(torch.tensor([[0.0, 0.0, 1.0, 0.0]]))
    number, kind = importance(ae, frame)
    assert number == 0 and kind == pytest.approx(0.5 / 0.5 * np.sqrt(np.pi) / 2, rel=0.15)


def test_models_that_are_not_fitted_are_refused(plane, refused):
    for verb in (importance, cluster):
        with refused("Autoencoder", verb.__name__):
            verb(nw.Autoencoder(), plane)
    with refused("Autoencoder", "selected"):
        selected(nw.Autoencoder())
    with refused("one row"):
        importance(nw.recipes.linear(2, max_epochs=1).fit(plane), plane[:1])


# Picked columns


def informative(rows=300):
    """Columns 1 and 4 make all others but for a little noise."""
    rng = np.random.default_rng(0)
    causes = rng.normal(size=(rows, 2))
    X = causes @ rng.normal(size=(2, 6)) + rng.normal(size=(rows, 6)) * 0.5
    X[:, [1, 4]] = causes
    return X


def test_concrete_picks_columns_and_hands_them_through():
    X = informative()
    ae = nw.recipes.concrete(k=2, hidden=(), max_epochs=40).fit(X)
    picked = selected(ae)
    assert sorted(picked.tolist()) == [1, 4]
    scaled = ae.fitted_.affine.forward(X, torch.float32).numpy()
    assert np.array_equal(ae.transform(X), scaled[:, picked].astype(np.float64))
    assert ae.get_feature_names_out().tolist() == [f"x{i}" for i in picked]
    assert np.allclose(importance(ae, X, per_latent=True)[0], np.arange(6) == picked[0], atol=1e-3)


def test_concrete_names_columns_of_frames_also_from_a_file(tmp_path):
    frame = pd.DataFrame(informative(60), columns=list("abcdef"))
    ae = nw.recipes.concrete(3, max_epochs=2).fit(frame)
    ae.save(tmp_path / "m.safetensors")
    loaded = nw.load(tmp_path / "m.safetensors")
    names = ae.get_feature_names_out()
    assert set(names) <= set("abcdef") and np.array_equal(names, loaded.get_feature_names_out())
    assert list(frame.columns[selected(loaded)]) == list(names)


def test_concrete_cools_down_as_far_as_it_says():
    ae = nw.Autoencoder(2, backbone=Concrete((), start=5.0, end=0.5), max_epochs=3, patience=None)
    encoder = ae.fit(informative(60)).net_.encoder
    assert float(encoder.temperature) == pytest.approx(0.5) and encoder.settled
    encoder.on_step(None, 40, 100)
    assert float(encoder.temperature) == pytest.approx(np.sqrt(5.0 * 0.5)) and not encoder.settled


def test_concrete_mixes_by_its_noise_in_training_alone():
    ae = nw.recipes.concrete(2, max_epochs=1).fit(informative(60))
    encoder, x = ae.net_.encoder, torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(encoder(x), x[:, encoder.selected()])
    encoder.gen = torch.Generator().manual_seed(1)
    encoder.temperature.fill_(1e6)  # so hot that all columns count alike
    assert torch.allclose(encoder(x), x.mean(1, keepdim=True).expand(-1, 2), atol=1e-4)
    encoder.gen = None


@pytest.mark.parametrize(
    "wrong", [{"start": 0.1, "end": 1.0}, {"end": 0.0}, {"anneal": 0.0}, {"anneal": 1.5}, {"hidden": (0,)}], ids=repr
)  # fmt: skip
def test_wrong_parameters_of_concrete_are_refused(wrong, refused):
    with refused(*(str(value) for value in wrong.values())):
        Concrete(**wrong)


def test_what_has_no_columns_to_pick_is_refused(plane, refused):
    with refused("without gaps"):
        nw.recipes.concrete(1, max_epochs=1).fit(pd.DataFrame({"a": ["x", "y"] * 10, "b": range(20)}))
    with refused("MLP"):
        selected(nw.recipes.linear(2, max_epochs=1).fit(plane))


# Clusters


@pytest.fixture(scope="module")
def groups():
    """Three groups of 60, 40 and 20 rows in 8 columns, far apart; and which is which."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [60, 40, 20])
    centres = rng.normal(size=(3, 8)) * 5
    return centres[truth] + rng.normal(size=(120, 8)) * 0.3, truth


def test_clusters_are_found_and_counted(groups):
    X, truth = groups
    ae = nw.recipes.linear(2, max_epochs=20).fit(X)
    assert np.array_equal(cluster(ae, X), truth), "as many as there are, the largest first"
    assert np.array_equal(cluster(ae, X, 3), truth)
    assert np.bincount(cluster(ae, X, 1)).tolist() == [120]
    assert len(np.unique(cluster(ae, X, 5))) == 5


def test_one_cloud_is_one_cluster(plane):
    assert set(cluster(nw.recipes.linear(2, max_epochs=20).fit(plane), plane)) == {0}


def test_clusters_are_the_same_every_time_and_in_any_order(groups):
    X, truth = groups
    ae = nw.recipes.linear(2, max_epochs=20).fit(X)
    order = np.random.default_rng(1).permutation(len(X))
    assert adjusted_rand_score(cluster(ae, X[order]), truth[order]) == 1
    assert np.array_equal(cluster(ae, X, 4), cluster(ae, X, 4))


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "some", 121], ids=repr)
def test_wrong_numbers_of_clusters_are_refused(groups, n, refused):
    ae = nw.recipes.linear(2, max_epochs=1).fit(groups[0])
    with refused(f"n_clusters={n!r}"):
        cluster(ae, groups[0], n)
