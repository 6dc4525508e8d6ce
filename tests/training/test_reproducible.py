"""Same seed, same bits: twice in one process and in two, whatever else draws random numbers."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw

X = np.random.default_rng(0).uniform(size=(60, 6, 5))


def rows_for(recipe):
    return X if "convolutional" in recipe else X.reshape(60, -1)


def fitted(recipe, **keywords):
    arguments = {"latent_dim": 3, "max_epochs": 2, "random_state": 0} | keywords
    return getattr(nw.recipes, recipe)(**arguments).fit(rows_for(recipe))


def weights(ae):
    return {name: tensor.numpy().copy() for name, tensor in ae.net_.state_dict().items()}


def equal(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("recipe", nw.recipes.__all__)
def test_the_same_seed_gives_the_same_weights(recipe):
    ae = fitted(recipe)
    first = weights(ae)
    torch.rand(7), np.random.rand(7)  # noqa: NPY002 (others may draw as they like)
    assert equal(weights(fitted(recipe)), first)
    assert equal(weights(ae.fit(rows_for(recipe))), first), "fit twice is fit once"
    assert not equal(weights(fitted(recipe, random_state=1)), first)


def test_two_processes_give_the_same_weights():
    script = f"""
import hashlib, json, numpy as np, torch, narrows as nw
torch.set_num_threads({torch.get_num_threads()})
X = np.random.default_rng(0).uniform(size=(60, 6, 5))
found = {{}}
for recipe in nw.recipes.__all__:
    rows = X if "convolutional" in recipe else X.reshape(60, -1)
    ae = getattr(nw.recipes, recipe)(latent_dim=3, max_epochs=2, random_state=0).fit(rows)
    data = b"".join(tensor.numpy().tobytes() for tensor in ae.net_.state_dict().values())
    found[recipe] = hashlib.sha256(data).hexdigest()
print(json.dumps(found))
"""
    first, second = (
        json.loads(
            subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
        )
        for code in (script, "import torch, numpy; torch.rand(9); numpy.random.seed(3)\n" + script)
    )
    assert first == second and set(first) == set(nw.recipes.__all__)
    assert len(set(first.values())) > len(first) // 2


@pytest.mark.parametrize("recipe", nw.recipes.__all__)
def test_global_random_states_are_left_alone(recipe):
    np.random.seed(5)  # noqa: NPY002
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    ae = fitted(recipe)
    if ae.net_.side is None:  # else a decoder wants more than codes
        ae.sample(3)
    ae.score_samples(rows_for(recipe))
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(torch_state, torch.get_rng_state())


def test_a_random_state_moves_on_from_fit_to_fit():
    def two(random_state):
        return [weights(fitted("variational", random_state=random_state)) for _ in range(2)]

    first, second = two(np.random.RandomState(0))
    again = two(np.random.RandomState(0))
    assert not equal(first, second)
    assert equal(first, again[0]) and equal(second, again[1])


def test_no_seed_is_a_new_one_every_time():
    assert not equal(
        weights(fitted("linear", random_state=None)), weights(fitted("linear", random_state=None))
    )


def test_double_precision_is_double_throughout():
    ae = fitted("variational", precision="float64")
    assert {tensor.dtype for tensor in ae.net_.parameters()} == {torch.float64}
    assert ae.transform(rows_for("variational")).dtype == np.float64


# The user's own networks


def pair():
    torch.manual_seed(0)
    encoder = nn.Sequential(
        nn.Linear(30, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
    )
    return encoder, nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 30))


def test_networks_of_the_users_own_are_reproducible_though_they_drop_units():
    flat = X.reshape(60, -1)
    with torch.random.fork_rng():
        networks = pair()
        first = weights(nw.Autoencoder(3, backbone=networks, max_epochs=3).fit(flat))
        torch.rand(5)
        again = weights(nw.Autoencoder(3, backbone=networks, max_epochs=3).fit(flat))
    assert equal(first, again)


def test_networks_of_the_users_own_are_copied():
    flat = X.reshape(60, -1)
    with torch.random.fork_rng():
        networks = pair()
    before = [{k: v.clone() for k, v in network.state_dict().items()} for network in networks]
    ae = nw.Autoencoder(3, backbone=networks, max_epochs=3).fit(flat)
    for network, state in zip(networks, before, strict=True):
        assert network.training and all(p.grad is None for p in network.parameters())
        assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
    assert ae.backbone is networks, "and the parameter is what was passed"
    assert np.array_equal(ae.transform(flat), ae.transform(flat)), "no unit is dropped afterwards"
    assert not any(module.training for module in ae.net_.modules())


def test_networks_of_the_users_own_may_be_frozen_in_part():
    encoder, decoder = nn.Linear(30, 3), nn.Linear(3, 30)
    encoder.requires_grad_(False)
    ae = nw.Autoencoder(3, backbone=(encoder, decoder), max_epochs=3).fit(X.reshape(60, -1))
    assert torch.equal(ae.net_.encoder.module.weight, encoder.weight)
    assert not torch.equal(ae.net_.decoder.module.weight, decoder.weight)
