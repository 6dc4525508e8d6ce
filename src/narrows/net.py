"""The network that the five choices make: encode, decode, one forward pass, its terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from narrows.contracts import Code, Pass, Shapes, Source
from narrows.likelihoods.mixed import typed
from narrows.numerics import Dropout
from narrows.spec import Spec

START_ROWS = 4096  # at most, that a decoder's first biases are taken from


class Net(nn.Module):
    """corruption → embed → encoder → bottleneck → decoder → likelihood, and the penalties.

    Rows are (batch, \\*shapes.row) in scaled units.  ``gen`` is the only source of randomness:
    without it nothing is corrupted, sampled or dropped.
    """

    def __init__(self, spec: Spec, shapes: Shapes):
        super().__init__()
        embed = spec.input.build(shapes)
        gaps = shapes.missing or getattr(spec.corruption, "hides", False)  # among targets
        likelihood = typed(spec.likelihood, shapes).build(shapes.but(missing=gaps))
        code_shape = getattr(spec.bottleneck, "code_shape", lambda dim: (dim,))
        shapes = shapes.but(
            input=getattr(embed, "shape", shapes.row),
            channels=likelihood.channels,
            code=code_shape(shapes.latent_dim),
        )
        if spec.backbone.side == "input":
            shapes = shapes.but(side=shapes.input)
        self.side = spec.backbone.side
        self.corruption = None if spec.corruption is None else spec.corruption.build(shapes)
        self.embed = embed
        self.encoder, self.decoder = spec.backbone.build(shapes)
        shapes = shapes.but(hidden=self.encoder.hidden, encoded=getattr(self.encoder, "encoded", False))
        self.bottleneck = spec.bottleneck.build(shapes)
        self.likelihood = likelihood
        self.penalties = nn.ModuleList(part.build(shapes) for part in spec.penalties)
        self.penalty_names = tuple(type(part).__name__.lower() for part in spec.penalties)
        self.shapes = shapes
        self.call_hook("tie", self)
        self._dropouts = tuple(m for m in self.modules() if isinstance(m, Dropout))

    @property
    def encoder_is_identity(self) -> bool:
        """Whether the bottleneck stands on the input itself."""
        return getattr(self.encoder, "is_identity", False) and isinstance(self.embed, nn.Identity)

    def hooks(self, name: str) -> Iterator[Callable]:
        """The methods of that name of the modules that have one."""
        for module in self.modules():
            if module is not self and callable(getattr(module, name, None)):
                yield getattr(module, name)

    def call_hook(self, name: str, *args: object) -> None:
        for hook in self.hooks(name):
            hook(*args)

    @torch.no_grad()
    def prepare(self, rows: Source, gen: torch.Generator) -> None:
        """Before the first step: the decoder starts at the mean row, and parts look at the data.

        Otherwise a sigmoid starts every feature at 0.5, and rows of mostly small values spend the
        whole fit on the way down.
        """
        if hasattr(self.decoder, "start") and hasattr(self.likelihood, "start"):
            self.decoder.start(self.likelihood.start(rows.head(START_ROWS)))
        self.call_hook("prepare", self, rows, gen)

    def encode(self, x: Tensor, gen: torch.Generator | None = None) -> Code:
        """The code of (possibly corrupted) rows, for others than the decoder."""
        code = getattr(self.bottleneck, "encode", self.bottleneck)
        return code(self.encoder(self.embed(x)), gen)

    def decode(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        """The likelihood's parameters for codes (batch, \\*code)."""
        narrowed = getattr(self.bottleneck, "decodable", None)
        return self.decoder(z if narrowed is None else narrowed(z), side)

    def forward(
        self,
        x: Tensor,
        gen: torch.Generator | None = None,
        *,
        x_in: Tensor | None = None,
        side: Tensor | None = None,
        dropout: torch.Generator | None = None,
    ) -> Pass:
        """One pass.  ``x_in``: an encoder input of the caller's own; else x, corrupted if ``gen``."""
        if x_in is None:
            x_in, x = (x, x) if gen is None or self.corruption is None else self._corrupted(x, gen)
        try:
            for layer in self._dropouts:
                layer.gen = dropout
            embedded = self.embed(x_in)
            if self.side == "input":
                side = embedded
            asked = ()
            if getattr(self.bottleneck, "asks_row", False):
                asked = (embedded if x_in is x else self.embed(x),)
            code = self.bottleneck(self.encoder(embedded), gen, *asked)
            out = self.decoder(code.z, side)
        finally:  # an interrupt must not leave dropout switched on
            for layer in self._dropouts:
                layer.gen = None
        return Pass(x=x, x_in=x_in, code=code, out=out, side=side, gen=gen)

    def _corrupted(self, x: Tensor, gen: torch.Generator) -> tuple[Tensor, Tensor]:
        """What the encoder is given for x, and what it is asked for."""
        targeted = getattr(self.corruption, "targeted", None)
        if targeted is not None:
            return targeted(x, gen)
        x_in = self.corruption(x, gen)
        return x_in, x_in if getattr(self.corruption, "retargets", False) else x

    def row_nll(self, out: Tensor, x: Tensor) -> Tensor:
        """The likelihood's nll summed over each row, (batch,): by its own short cut, if it has one."""
        short = getattr(self.likelihood, "row_nll", None)
        return self.likelihood.nll(out, x).flatten(1).sum(1) if short is None else short(out, x)

    def terms(self, p: Pass) -> dict[str, Tensor]:
        """What training minimises the sum of: 0-d terms, summed over features, averaged over rows."""
        terms = {"nll": self.row_nll(p.out, p.x).mean(0)}
        for name, value in p.code.loss.items():
            terms[name] = value.mean(0) if value.ndim else value
        for name, penalty in zip(self.penalty_names, self.penalties, strict=True):
            terms[name] = terms.get(name, 0.0) + penalty(self, p).mean()
        return terms
