"""Columns that are picked are different ones."""

import itertools

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.backbones import Concrete
from narrows.contracts import Shapes
from narrows.numerics import generator, seeded
from narrows.tasks import selected


def encoder_of(logits):
    logits = torch.as_tensor(logits)
    numbers, columns = logits.shape
    shapes = Shapes((columns,), numbers, input=(columns,), code=(numbers,))
    with seeded(0):
        encoder, _ = Concrete().build(shapes)
    encoder.logits.data = logits.float()
    return encoder


def test_of_two_that_want_one_column_the_surer_gets_it():
    chances = torch.tensor([[0.6, 0.3, 0.1], [0.9, 0.05, 0.05]])
    assert encoder_of(chances.log()).selected().tolist() == [1, 0]
    assert encoder_of(chances.flip(0).log()).selected().tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_most_probable_choice_of_different_columns(seed):
    logits = torch.randn(4, 6, generator=generator(seed)) + torch.tensor([3.0, 2, 0, 0, 0, 0])
    chances = logits.log_softmax(1).numpy()
    every = list(itertools.permutations(range(6), 4))
    best = max(every, key=lambda choice: chances[range(4), choice].sum())
    assert encoder_of(logits).selected().tolist() == list(best)


def test_columns_that_differ_anyway_stay_as_they_are():
    logits = torch.eye(3)[[2, 0, 1]]
    encoder = encoder_of(logits)
    assert encoder.selected().tolist() == [2, 0, 1]
    encoder.on_step(None, 100, 100)
    assert torch.equal(encoder.logits, logits)


def test_as_many_as_there_are_columns_are_all_of_them():
    assert sorted(encoder_of(torch.zeros(5, 5)).selected().tolist()) == list(range(5))
    assert set(encoder_of(torch.zeros(7, 5)).selected().tolist()) == set(range(5)), "and some of them twice"


def test_at_the_end_of_cooling_they_part_and_are_as_sure_as_before():
    logits = torch.tensor([[0.0, 9.0, 1.0], [0.0, 8.0, 3.0], [5.0, 0.0, 0.0]])
    encoder = encoder_of(logits)
    encoder.on_step(None, 10, 100)
    assert torch.equal(encoder.logits, logits)
    encoder.on_step(None, 80, 100)
    assert encoder.logits.tolist() == [[0, 9, 1], [0, 3, 8], [5, 0, 0]]
    encoder.logits.data = logits
    encoder.on_step(None, 90, 100)
    assert torch.equal(encoder.logits, logits), "once"


def test_a_model_that_would_pick_a_column_twice_learns_from_another_one():
    """Without parting, two numbers of this one want the same column, and 0.93 is all that it explains."""
    rng = np.random.default_rng(0)
    causes = rng.normal(size=(300, 2))
    X = causes @ rng.normal(size=(2, 6)) + rng.normal(size=(300, 6)) * 0.5
    X[:, [1, 4]] = causes
    ae = nw.recipes.concrete(5, hidden=(32,), max_epochs=60, random_state=1).fit(X)
    assert len(set(selected(ae).tolist())) == len(set(ae.get_feature_names_out())) == 5
    assert torch.equal(ae.net_.encoder.logits.argmax(1), ae.net_.encoder.selected())
    assert ae.evaluate(X)["r2"] > 0.95


def test_a_model_of_all_columns_has_all_of_them(plane):
    ae = nw.recipes.concrete(6, hidden=(), max_epochs=2).fit(plane)
    assert sorted(selected(ae).tolist()) == list(range(6))
