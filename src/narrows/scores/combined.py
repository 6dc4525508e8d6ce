"""Several scores of several models as one, on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from narrows.contracts import Rows, Score
from narrows.fitted import Fitted
from narrows.sources.stream import Stream

FEW = 64  # features that are put right one by one
LEAST = 0.01  # of the surprise that is shared by distances all the same, so that no share is left open
NOTHING = 1e-12  # stands for a distance of 0 where its logarithm is taken
Learned = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Combined:
    """``scores`` of every one of the ``members``, put on one scale and averaged.

    A distance is taken the logarithm of.  What usual rows then have of mean and standard deviation makes
    every score a standard one, z; those of the members are averaged, and then those of the scores, and
    the average is made a standard one, t.  The answer is −ln Φ(−t), Φ the normal distribution function:
    about the nats of surprise, −ln p, that a row of so large a t is, and about t²/2 where that is much.

    A single score that is in nats already, of one model, is left as it is.

    ``learned``  what each score of each member has learned, [score][member].
    ``scale``    (scores, members, 2) means and standard deviations of the z's; ``last`` (2,) of t.
    """

    scores: tuple[Score, ...]
    members: tuple[Fitted, ...]
    learned: tuple[tuple[Learned, ...], ...]
    scale: np.ndarray
    last: np.ndarray

    @classmethod
    def of(
        cls,
        scores: Sequence[Score],
        members: Sequence[Fitted],
        known: np.ndarray | Rows,
        usual: np.ndarray | Rows,
        seed: int,
    ) -> Combined:
        """Learn from rows that the members ``know``, and the scale from ``usual`` ones that they were not
        trained on, as new rows will be; then from both."""

        def learn(rows: np.ndarray | Rows) -> tuple[tuple[Learned, ...], ...]:
            return tuple(tuple(s.learn(m, rows, seed) for m in _of(s, members)) for s in scores)

        same = known is usual
        known, usual = _in_memory(known), _in_memory(usual)
        blank = np.tile([0.0, 1.0], (len(scores), len(members), 1))
        found = cls(tuple(scores), tuple(members), learn(known), blank, np.array([0.0, 1.0]))
        if found.plain:
            return found
        raw = found._logarithms(usual)
        for i, several in enumerate(raw):
            for j, values in enumerate(several):
                blank[i, j] = _location(values)
        last = _location(found._average(raw))
        learned = found.learned if same else learn(np.concatenate([known, usual]))
        return cls(found.scores, found.members, learned, blank, last)

    @property
    def plain(self) -> bool:
        """Whether the one score there is is in nats already."""
        return len(self.scores) == 1 == len(_of(self.scores[0], self.members)) and not self.scores[0].distance

    def totals(self, rows: np.ndarray) -> np.ndarray:
        """How unusual each row is, (n,) nats."""
        if self.plain:
            return self.scores[0].totals(self.members[0], rows, self.learned[0][0])
        from scipy.special import log_ndtr

        return -log_ndtr(-self._standard(self._logarithms(rows)))

    def parts(self, rows: np.ndarray) -> np.ndarray:
        """What every feature has to do with it, (n, features) nats; each row sums to its total.

        A score's share is how surprising it is by itself, −ln Φ(−z); a feature's share of a score what it
        contributes to that distance, contributions below 0 left out.  Of up to ``FEW`` features, where one
        of the scores knows neighbours, the shares are instead how much less surprising the row would be
        with the feature as it is in the training row that is nearest in all others: an odd cell also
        makes others look odd, but only putting itself right makes them usual again.
        """
        if self.plain:
            return self.scores[0].parts(self.members[0], rows, self.learned[0][0])
        from scipy.special import log_ndtr

        shares = np.zeros((len(rows), self.members[0].net.shapes.features))
        logs = self._logarithms(rows)
        for i, score in enumerate(self.scores):
            for j, member in enumerate(_of(score, self.members)):
                mean, deviation = self.scale[i, j]
                weight = -log_ndtr(-(logs[i][j] - mean) / deviation)
                own = np.maximum(score.parts(member, rows, self.learned[i][j]), 0.0) + NOTHING
                shares += (weight / own.sum(1))[:, None] * own
        totals = -log_ndtr(-self._standard(logs))
        shares /= shares.sum(1, keepdims=True)
        for score, learned in zip(self.scores, self.learned, strict=True):
            if hasattr(score, "mended") and score.space != "code" and shares.shape[1] <= FEW:
                mended = score.mended(self.members[0], rows, learned[0])
                gains = np.stack([totals - self.totals(mended[:, j]) for j in range(shares.shape[1])], 1)
                shares = np.maximum(gains, 0.0) + LEAST * shares * np.maximum(totals, NOTHING)[:, None]
                shares /= shares.sum(1, keepdims=True)
                break
        return shares * totals[:, None]

    def _logarithms(self, rows: np.ndarray) -> list[list[np.ndarray]]:
        """Every score of every member, [score][member] (n,)."""
        found = []
        for score, learned in zip(self.scores, self.learned, strict=True):
            mine = []
            for member, known in zip(_of(score, self.members), learned, strict=True):
                total = score.totals(member, rows, known)
                mine.append(np.log(np.maximum(total, NOTHING)) if score.distance else total)
            found.append(mine)
        return found

    def _average(self, logs: list[list[np.ndarray]]) -> np.ndarray:
        """The mean over scores of the mean over members of z."""
        means = []
        for i, several in enumerate(logs):
            z = [(v - self.scale[i, j, 0]) / self.scale[i, j, 1] for j, v in enumerate(several)]
            means.append(sum(z) / len(z))
        return sum(means) / len(means)

    def _standard(self, logs: list[list[np.ndarray]]) -> np.ndarray:
        return (self._average(logs) - self.last[0]) / self.last[1]

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learned, by name, for a file."""
        found = {"scale": self.scale, "last": self.last}
        for i, several in enumerate(self.learned):
            for j, learned in enumerate(several):
                found |= {f"score{i}.{j}.{name}": array for name, array in learned.items()}
        return found

    @classmethod
    def from_arrays(
        cls, scores: Sequence[Score], members: Sequence[Fitted], arrays: dict[str, np.ndarray]
    ) -> Combined:
        """The inverse."""
        learned = tuple(
            tuple(
                {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}
                for j in range(len(_of(score, members)))
                for start in [f"score{i}.{j}."]
            )
            for i, score in enumerate(scores)
        )
        return cls(tuple(scores), tuple(members), learned, arrays["scale"], arrays["last"])


def _in_memory(rows: np.ndarray | Rows) -> np.ndarray:
    """An array as it is; of rows that are read on demand as many as may be looked at together, from all over."""
    if isinstance(rows, np.ndarray):
        return rows
    return Stream(rows, lambda part: torch.from_numpy(np.array(part))).head(len(rows)).numpy()


def _of(score: Score, members: Sequence[Fitted]) -> Sequence[Fitted]:
    """The members that a score is taken of: one, where it is the same for all."""
    return members[:1] if getattr(score, "space", None) == "input" else members


def _location(values: np.ndarray) -> np.ndarray:
    """Mean and standard deviation; 1 where nothing varies."""
    deviation = float(values.std())
    return np.array([float(values.mean()), deviation if deviation > 1e-9 else 1.0])
