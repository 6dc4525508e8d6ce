"""The contracts between the rooms: what the five choices hand to each other.

Everything here is plain data or a protocol; nothing computes.  Shapes are written as
``(batch, *row)``: a row is one example, ``row`` its shape as the network sees it, NaN marks a
missing value and categories are integer codes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

__all__ = [
    "Backbone", "Batch", "Bottleneck", "Code", "Likelihood", "Part", "Pass", "Penalty", "Rows", "Schema",
    "Score", "Shapes", "Source",
]  # fmt: skip


@dataclass(frozen=True)
class Code:
    """What every bottleneck returns for a batch.

    ``z``        (batch, \\*code_shape): the code that is decoded.
    ``mean``     same shape: what ``transform``, Contractive and probes use; ``z`` itself when
                 the bottleneck is deterministic.
    ``rate``     (batch,) nats: a true KL divergence or code length; None when codes cost nothing
                 that can be counted.  Weights such as β never enter it.
    ``loss``     weighted terms that training adds, each (batch,) or 0-d; β lives here.
    ``indices``  integer symbols, (batch, \\*index_shape); their presence means that the code can
                 be entropy-coded.
    """

    z: Tensor
    mean: Tensor
    rate: Tensor | None
    loss: dict[str, Tensor]
    indices: Tensor | None = None


@dataclass(frozen=True)
class Pass:
    """One forward pass: the target ``x``, what the encoder saw, the code and the decoder's output.

    ``side`` is the decoder's side input where the backbone declares one; ``gen`` is the source of
    randomness of this pass (None in a deterministic one), for penalties that draw.
    """

    x: Tensor
    x_in: Tensor
    code: Code
    out: Tensor
    side: Tensor | None = None
    gen: torch.Generator | None = None


@dataclass(frozen=True)
class Shapes:
    """The sizes a part is built for; each stage of :func:`narrows.net.build` fills in the next.

    ``row``      shape of one row, (features,) or (channels, height, width).
    ``latent_dim`` numbers in one code.
    ``levels``   per column of a typed table: 0 for a number, else its number of categories;
                 None when every entry is a number.
    ``missing``  whether rows may hold NaN.
    ``bounded``  whether rows are intensities in [0, 1], as pixels are.
    ``input``    shape that the encoder sees, after corruption and embedding.
    ``channels`` decoder outputs per feature: one number, or one per column.
    ``hidden``   shape that the encoder emits; ``encoded`` says that it is the code already.
    ``code``     shape of one code.
    ``side``     shape of the decoder's side input, None without one.
    """

    row: tuple[int, ...]
    latent_dim: int
    levels: tuple[int, ...] | None = None
    missing: bool = False
    bounded: bool = False
    input: tuple[int, ...] = ()
    channels: int | tuple[int, ...] = 1
    hidden: tuple[int, ...] = ()
    encoded: bool = False
    code: tuple[int, ...] = ()
    side: tuple[int, ...] | None = None

    @property
    def features(self) -> int:
        """Entries of one row."""
        return math.prod(self.row)

    @property
    def out(self) -> tuple[int, ...]:
        """Shape of one decoder output: the row's, its first axis widened by ``channels``."""
        if isinstance(self.channels, int):
            return (self.row[0] * self.channels, *self.row[1:])
        return (sum(self.channels),)

    def but(self, **changes: Any) -> Shapes:
        """A copy with some fields replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Batch:
    """Some rows on their way into the network: targets, and an encoder input or side input
    where they differ from what the net would make itself.

    ``reused``: the tensors belong to the source, which writes the next batch over them.
    """

    x: Tensor
    x_in: Tensor | None = None
    side: Tensor | None = None
    reused: bool = False


@runtime_checkable
class Part(Protocol):
    """One of the choices: a frozen dataclass of parameters that builds a module.

    A built module may also carry these hooks, which the loop calls where they exist:

    ``prepare(net, source, gen)``   once, before the first step (data-dependent starts);
    ``on_step(net, step, total)``   after every step (warm-ups);
    ``on_epoch(net, epoch)``        after every epoch (a prior that keeps the old posterior);
    ``absorb(net, source)``         after one pass over more rows (closed forms that add up);
    ``tie(net)``                    once, when the net is assembled (shared weights);
    ``turn(net)``                   before the first step and every epoch: names of the parameters that it trains,
                                    where they take turns; each set of them has an optimiser of its own.

    and an attribute ``settled``, False while a warm-up keeps the objective from its final form.  A corruption
    with ``retargets = True`` makes other rows, not worse ones: what it makes of a row is the target, too.
    One with ``targeted(x, gen)`` says both, what is shown and what is asked for, NaN where it is nothing; its part then
    has ``hides = True``, so that the likelihood expects gaps.
    A bottleneck part may name in ``late`` those of its parameters that training does not depend on.

    Training records a step's operations and replays them, which is faster.  A module of your own is
    run as it reads, unless it says ``replayable = True``: that what it computes depends on its input,
    its tensors and numbers that stay as they are; with ``on_step`` or ``on_epoch``, once it is also
    ``settled``.
    """

    def build(self, shapes: Shapes) -> Any: ...


class Backbone(Protocol):
    """Builds ``(encoder, decoder)``; ``side`` is None, or "input": the decoder also sees
    what the encoder was given.

    ``encoder(x)`` maps (batch, \\*shapes.input) to (batch, \\*encoder.hidden);
    ``decoder(z, side)`` maps (batch, \\*shapes.code) to (batch, \\*shapes.out); it may have
    ``start(level)``, which sets its last biases before training: (row[0],) numbers.

    A part may have ``trained``, False where nothing is left to train after ``prepare``, and ``starts``, True where
    what it begins with is of use: stopping then counts it as an epoch.
    """

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]: ...


class Bottleneck(Protocol):
    """The module that a bottleneck part builds.

    ``forward(h, gen=None)`` codes (batch, \\*hidden); without ``gen`` it is deterministic.
    ``draw(n, gen)`` gives n codes from its prior, where it has one; ``from_indices`` inverts
    ``Code.indices``, where it has them.  The part may offer ``code_shape(latent_dim)``.

    A module with ``asks_row = True`` is given a third argument by a pass that is trained or monitored: the row
    as the encoder would see it if nothing had been done to it.

    ``encode(h, gen)``, if offered, is asked in place of ``forward`` for codes that are features for others,
    which ``Code.mean`` is then; ``decodable(z)``, offered with it, makes of those what the decoder gets.
    """

    def __call__(self, h: Tensor, gen: torch.Generator | None = None) -> Code: ...


class Likelihood(Protocol):
    """The module that a likelihood part builds: p(x | decoder output).

    ``channels``    decoder outputs per feature (also on the part).
    ``continuous``  whether ``nll`` is a density, so that a scaler's Jacobian belongs to it.
    ``unit``        whether it can only explain values in [0, 1] (also on the part).
    ``scaled``      on the part: False if it needs rows in the user's own units, as counts do.
    ``typed``       on the part, if it explains columns of categories too; any other is wrapped, for
                    such rows, in ``Mixed``.
    ``expected(out, x)``, if offered, is the mean given how much there is of x (its total count).
    ``start(rows)``, if offered, says what a decoder should put out at first: numbers for its
    ``start(level)``.
    """

    channels: int | tuple[int, ...]
    continuous: bool
    unit: bool

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        """Negative log-likelihood of each entry, x's shape, nats; 0 where x is missing.

        ``row_nll(out, x)``, if offered, is the same summed over each row, (batch,), only faster.
        """

    def mean(self, out: Tensor) -> Tensor: ...
    def mode(self, out: Tensor) -> Tensor: ...
    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor: ...


class Penalty(Protocol):
    """The module that a penalty part builds: an extra, weighted term of the objective."""

    def __call__(self, net: Any, p: Pass) -> Tensor:
        """(batch,) or a 0-d statistic of the batch; never part of scores."""


class Score(Protocol):
    """How unusual a row is to a fitted model: a frozen dataclass of parameters.

    ``distance``  whether it is a squared distance, the logarithm of which is well behaved; else nats.
    """

    distance: bool

    def learn(self, fitted: Any, rows: Any, seed: int) -> dict[str, Any]:
        """Arrays by name: what it needs to know of usual rows (n, \\*row)."""

    def totals(self, fitted: Any, rows: Any, learned: dict[str, Any]) -> Any:
        """How unusual each row is, (n,) float64."""

    def parts(self, fitted: Any, rows: Any, learned: dict[str, Any]) -> Any:
        """What each feature contributes to that, (n, features); each row sums to its total."""


class Source(Protocol):
    """Where rows come from: anything that can count them and hand out batches."""

    def __len__(self) -> int: ...

    def batches(self, size: int, gen: torch.Generator | None = None) -> Iterator[Batch]:
        """All rows once, ``size`` at a time; shuffled when ``gen`` is given.  A batch is valid until
        the next one is asked for."""

    def steps(self, size: int) -> int:
        """How many batches that is."""

    def head(self, n: int) -> Tensor:
        """Up to n rows from all over the source, fewer if they are wide, for data-dependent starts."""


class Rows(Protocol):
    """Rows (n, \\*row) in the user's units that are read, or made dense, when they are asked for.

    ``shape`` and ``dtype`` are those of an array of them; ``block`` is how many lie together, and
    cost little more to read than one of them.  A NumPy array does for rows in memory.  They may have:

    ``spans``            runs [first, last) that are quickly read from their beginning alone, as row groups;
    ``split(fraction)``  numbers of the rows to train on and of those held out, of rows that overlap;
    ``take(which)``      the rows of these numbers, as they are read themselves;
    ``anywhere``         True: arrays of row numbers are read as quickly as slices, and may be asked for.
    """

    shape: tuple[int, ...]
    dtype: Any
    block: int

    def __len__(self) -> int: ...

    def __getitem__(self, which: slice) -> Any:
        """Rows ``start:stop`` as an array."""


class Schema(Protocol):
    """What an input learned about the user's data: the way to rows and back, as JSON.

    ``shared_scale``  whether entries share one scale (pixels), or those of a "channel" do (samples).
    ``scaled``        False, if it is there, where rows have no other unit (counts).
    """

    row: tuple[int, ...]
    levels: tuple[int, ...] | None
    missing: bool
    shared_scale: bool | str

    def rows(self, X: Any, finite: bool = True) -> Any:
        """The user's data as an array (n, \\*row), or as :class:`Rows`, in the user's units, checked; NaN
        and infinity may be left to the reader, which finds them for less, unless ``finite``."""

    def restore(self, rows: Any, like: Any = None) -> Any:
        """(n, \\*row) back in the user's shape, types and frame library."""

    def to_json(self) -> dict[str, Any]: ...
