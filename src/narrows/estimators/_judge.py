"""The epoch whose recommendations to held-out users were best: what the likelihood likes best is another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from narrows.tasks.ranking import ndcg
from narrows.tasks.recommend import best_of, blocks
from narrows.tasks.splitting import Folded

K = 100  # of the ranking that is judged
SURE = 2.0  # standard errors


@dataclass(eq=False)
class Judge:
    """A callback that judges a network after every epoch, and before the first, by NDCG@100 for held-out users, and
    gives it the weights of the best in the end.

    ``start``   whether the network is of use before it is trained.  Then a later epoch must be better than that by
                two standard errors of the difference: the best of many epochs is the best by luck, too.
    ``curves``  NDCG of the held-out users, (n,) each, before the first epoch and after every one.
    """

    fold: Folded
    start: bool
    curves: list[np.ndarray] = field(default_factory=list)
    best: int = -1
    turned: int = 0
    kept: dict[str, torch.Tensor] = field(default_factory=dict)

    def on_fit_start(self, state: Any) -> None:
        self.curves, self.best, self.turned, self.kept = [], -1, 0, {}
        self._look(state.net)

    def on_epoch_end(self, state: Any) -> None:
        self._look(state.net)
        patience, done = state.settings.patience, len(self.curves) - 1
        if not all(getattr(module, "settled", True) for module in state.net.modules()):
            self.turned = done  # a warm-up is on
        # A network beside a closed form first spoils it, and gains later, if at all.
        least = state.settings.max_epochs // 2 if self.start else self.turned
        if patience is not None and done - max(self.best, least) >= patience:
            state.stop = True

    def on_fit_end(self, state: Any) -> None:
        state.net.load_state_dict(self.kept)
        state.kept = self.best

    def _look(self, net: Any) -> None:
        found = ranked(net, self.fold)
        self.curves.append(found)
        first = len(self.curves) == 1
        if self.best <= 0 and not first:
            apart = found - self.curves[0]
            sure = np.nanmean(apart) > SURE * np.nanstd(apart) / np.sqrt(
                max(1, np.count_nonzero(~np.isnan(apart)))
            )
            better = sure if self.start else np.nanmean(apart) > 0
        else:
            better = first or np.nanmean(found) > np.nanmean(self.curves[self.best])
        if better:
            self.best = len(self.curves) - 1
            self.kept = copied(net, self.kept)


def copied(net: Any, known: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A copy of a network's tensors; those that are as they are ``known`` are not copied again, for a linear map among
    items is large and stays what it is."""
    found = {}
    for name, t in net.state_dict().items():
        same = name in known and torch.equal(known[name], t)
        found[name] = known[name] if same else t.clone()
    return found


@dataclass(eq=False)
class Until:
    """A callback that ends training after so many epochs, or before the first, and keeps the weights of that moment."""

    epoch: int

    def on_fit_start(self, state: Any) -> None:
        self.done, state.stop = 0, self.epoch == 0
        self.kept = copied(state.net, {})

    def on_epoch_end(self, state: Any) -> None:
        self.done += 1
        if self.done == self.epoch:
            self.kept = copied(state.net, self.kept)
        state.stop = state.stop or self.done >= self.epoch

    def on_fit_end(self, state: Any) -> None:
        state.net.load_state_dict(self.kept)
        state.kept = min(self.epoch, self.done)


@torch.inference_mode()
def ranked(net: Any, fold: Folded) -> np.ndarray:
    """NDCG@100 (n,) of held-out users."""
    like, before = next(net.parameters()), net.training
    net.eval()
    found = []
    for start, stop in blocks(fold.seen.shape[0], fold.seen.shape[1]):
        seen = fold.seen[start:stop]
        x = torch.from_numpy(seen.toarray()).to(like)
        scores = net(x).out.float().cpu().numpy()
        scores[seen.nonzero()] = -np.inf
        found.append(
            ndcg(best_of(scores, min(K, scores.shape[1])), fold.held[start:stop], min(K, scores.shape[1]))
        )
    net.train(before)
    return np.concatenate(found)
