"""What the network holds between epochs: the mean of recent weights."""

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.engine.average import EVERY, Average

RNG = np.random.default_rng(0)
X = RNG.random((200, 10)).astype(np.float32)


def test_the_mean_of_a_wandering_weight_is_nearer_its_centre():
    gen = torch.Generator().manual_seed(0)
    w = torch.zeros(1, 50)
    average = Average([w])
    for _ in range(2000):
        w.copy_(torch.randn(1, 50, generator=gen))
        average.update()
    average.show()
    assert float(w.square().mean()) < 0.1


@pytest.mark.parametrize("steps", [1, 3, 9])
def test_of_few_steps_the_last_weights_are_kept(steps):
    w = torch.zeros(1, 2)
    average = Average([w])
    for _ in range(steps):
        w.add_(1)
        average.update()
    average.show()
    assert torch.equal(w, torch.full((1, 2), float(steps)))


def test_training_goes_on_from_where_it_was():
    w = torch.zeros(1, 3)
    average = Average([w])
    for i in range(100 * EVERY):
        w.fill_(float(i))
        average.update()
    average.show()
    assert float(w[0, 0]) < 100 * EVERY - 1
    average.resume()
    assert torch.equal(w, torch.full((1, 3), 100.0 * EVERY - 1))


def test_what_somebody_else_writes_into_a_net_is_where_it_goes_on():
    w = torch.arange(6.0).view(2, 3)
    average = Average([w])
    for _ in range(2 * EVERY):
        w.add_(1)
        average.update()
    own = w.clone()
    average.show()
    w[1] = 7.0
    average.resume()
    assert torch.equal(w[1], torch.full((3,), 7.0))
    assert torch.equal(w[0], own[0]), "the other goes on from its own"


def test_a_callback_may_change_the_weights_of_the_net():
    class Fill:
        def on_epoch_end(self, state):
            for p in state.net.parameters():
                p.data.fill_(0.5)

    # At a rate of nearly nothing they stay what they were made.
    how = {"max_epochs": 2, "learning_rate": 1e-12, "validation_fraction": 0}
    for ae in nw.fit_many([nw.recipes.linear(2, callbacks=[Fill()], **how) for _ in range(2)], X):
        assert torch.allclose(ae.net_.bottleneck.project.linear.weight, torch.tensor(0.5))
    ae = nw.recipes.linear(2, callbacks=[Fill()], **how).fit(X)
    assert torch.allclose(ae.net_.bottleneck.project.linear.weight, torch.tensor(0.5))


def test_callbacks_see_what_is_kept():
    class Look:
        def on_epoch_end(self, state):
            self.seen = [p.detach().clone() for p in state.net.parameters()]

    look = Look()
    ae = nw.Autoencoder(2, max_epochs=3, validation_fraction=0, callbacks=[look]).fit(X)
    assert all(torch.equal(a, b) for a, b in zip(look.seen, ae.net_.parameters(), strict=True))
