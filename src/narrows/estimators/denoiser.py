"""Rows without their noise."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from narrows import tasks
from narrows.estimators import streams
from narrows.estimators._denoising import Noise, check_noise, default, turned, with_noise
from narrows.estimators._fitting import described, introduce, loaded, order_of, seed_of
from narrows.estimators._kinds import kind_in, mended, trust_of
from narrows.estimators._levels import estimated, of_thing
from narrows.estimators._loudness import equally_loud, power
from narrows.estimators._pairs import clean_of
from narrows.estimators._reading import input_for, reading
from narrows.estimators._task import TaskEstimator, unwrapped
from narrows.estimators.autoencoder import Autoencoder
from narrows.inputs.lazy import is_lazy
from narrows.inputs.schemas import features_of
from narrows.inputs.tiles import Tiles
from narrows.inputs.windows import Windows
from narrows.sources.places import check_apart
from narrows.spec import resolve
from narrows.training.noisy import fit_noisy


@streams.paths_stay
class Denoiser(OneToOneFeatureMixin, TransformerMixin, TaskEstimator):
    """Takes the noise from pictures and signals, by default of any size, and from tables.

    There are three ways to learn it, of which the data decide:

    ====================================  ==========================================================
    ``Denoiser().fit(X)``                 X is noisy, and all there is.  What kind of noise it is, and
                                          how much, is found out; see below.
    ``Denoiser(noise="blind").fit(X)``    the same, with nothing assumed of the noise but that those of
                                          neighbouring entries, or of columns, are independent.
    ``Denoiser(noise=0.1).fit(X)``        X is clean, and such noise will come; ``noise=(0, 0.2)``:
                                          of any level between, which the network is told.
    ``Denoiser().fit(X, y=clean)``        pairs of noisy rows and what they should be.
    ====================================  ==========================================================

    Under "auto" pictures and signals are searched for noise that is not Gaussian (``noise_kind_``):

    ==============  ================================================================================
    ``"gaussian"``  noise of one level.  Some more is added, and the network learns from pairs of noisy
                    rows (Pang et al. 2021).
    ``"varying"``   the variance of the noise in pictures goes with their brightness, as that of light
                    and of radar does.  The same, with as much noise as there is at each place.
    ``"impulse"``   some entries have one of two values that have nothing to do with what is around them:
                    salt and pepper, dead pixels.  They are hidden from the network, which learns to
                    say what other hidden entries were (Krull et al. 2019).  The rest is smoothed as far
                    as it is noisy, too.
    ==============  ================================================================================

    In rows of columns the noise is taken to be Gaussian; in tables with categories or gaps, whose noise has no
    one level, cells are hidden instead.  Under "blind" a column is answered by what the others say of it alone:
    one that they know less well than its own noise leaves it comes back worse.

    Parameters
    ----------
    ae : Autoencoder or None
        A model of your own.  A fitted one is used as it is, nothing is learned, and ``transform`` is its
        reconstruction; else a clone is fitted.  By default pictures and signals get a residual network
        of convolutions (``backbones.Residual``), rows of columns dense layers.
    noise : "auto", "blind", float, (float, float) or a corruption
        "auto", "blind": X has the noise already.  A standard deviation in the units of X, or the least and the
        largest: Gaussian noise that will come to what is clean in X.  ``"0:10 dB"``: the same as
        signal-to-noise ratios of each sound or series, which are then brought to one power.  A
        corruption (``SaltPepper(0.1)``, also its name), in scaled units: the same for other noise; one that
        changes what is asked for, too, such as ``Shift``, is refused, and so is any noise beside an
        autoencoder that has a corruption of its own.  Not asked where there are clean targets.
    input : part or None
        How X is read.  By default pictures of 64 pixels and more on each side as ``inputs.Patches``,
        sounds and lists of 1-D arrays as ``inputs.Signals``, all else as by ``Autoencoder``.  Patches and
        windows have the size of the smallest thing in a list; one of less than 16 pixels or 64 samples beside
        larger ones is refused.
    max_epochs : int or None
        Passes over the rows; None takes some 4,000 steps for pictures and signals, at most 100 passes for rows
        of columns.
    device : "auto", "cpu", "cuda" …
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    ae_ : the fitted autoencoder.
    noise_level_ : float or None, the standard deviation of the noise that was found in X under "auto"; an
        array, (n_features,), where columns differ in it.  Of noise that varies the average, of impulses that of
        the other noise beside them.
    noise_kind_ : "gaussian", "varying" or "impulse", which was found in X under "auto"; None where nothing was
        looked for.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> clean = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 10))
    >>> noisy = clean + 0.5 * rng.normal(size=clean.shape)
    >>> denoiser = Denoiser(random_state=0).fit(noisy)
    >>> round(denoiser.noise_level_, 1)
    0.5
    >>> bool(np.square(denoiser.transform(noisy) - clean).mean() < 0.5 * np.square(noisy - clean).mean())
    True
    """

    def __init__(
        self,
        ae: Any = None,
        *,
        noise: Any = "auto",
        input: Any = None,
        max_epochs: int | None = None,
        device: str = "auto",
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.ae = ae
        self.noise = noise
        self.input = input
        self.max_epochs = max_epochs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn to denoise rows X.

        ``y``: the same rows clean, in X's shape, the columns of frames by their names.  Labels, which have one
        dimension, one column beside several of X, or whole numbers beside another number of columns, are ignored.
        """
        noise, given, X = Noise.meant(self.noise), unwrapped(self.ae), loaded(X)
        clean = clean_of(X, y)
        level, kind, trust = None, None, None
        if given is not None and hasattr(given, "fitted_"):
            model = given
            schema, rows = given.fitted_.schema, given._rows(X)
            if clean is None and noise.present:
                level = estimated(rows, schema)
        else:
            model, level, kind, trust = self._trained(given, noise, X, clean)
        relative = noise.relative and model is not given and clean is None
        return self._settled(model, level, relative, kind, trust)

    @classmethod
    def around(cls, ae: Autoencoder) -> Self:
        """The denoiser that a fitted autoencoder is by itself: what it reconstructs."""
        return cls(ae)._settled(ae, None)

    def _settled(
        self,
        model: Autoencoder,
        level: float | np.ndarray | None,
        relative: bool = False,
        kind: str | None = None,
        trust: float | None = None,
    ) -> Self:
        check_is_fitted(model)
        self._adopt([model])
        self.noise_level_, self.equally_loud_ = level, relative
        self.noise_kind_, self.trust_ = kind, trust
        return self

    def _trained(
        self, given: Autoencoder | None, noise: Noise, X: Any, clean: Any
    ) -> tuple[Autoencoder, float | np.ndarray | None, str | None, float | None]:
        seed = seed_of(self.random_state)
        own = None if given is None else given.input
        part = resolve("input", self.input if own is None else own) or input_for(X)
        schema = part.learn(X)
        if clean is None:
            check_noise(noise, None if given is None else given.corruption, schema)
        rows = schema.rows(X)
        if noise.relative and clean is None:
            rows = equally_loud(rows)
        level = None
        if clean is None and noise.present and (given is None or given.corruption is None):
            level = None if noise.blind else estimated(rows, schema)
            kind = None if noise.blind else kind_in(rows, schema, level)
            level = level if kind is None else kind.level
            noise = replace(noise, kind=kind)
        more = turned if given is None else lambda rows: rows
        if given is None:
            common = {"random_state": seed, "device": self.device, "verbose": self.verbose}
            wanted = noise if clean is None else Noise()
            model = default(schema, part, len(more(rows)), wanted, self.max_epochs, common)
        else:
            model = clone(given).set_params(input=part)
        order = order_of(model, X)
        noisy, completed = None, None
        if clean is not None:
            noisy, rows = more(rows)[:], more(schema.rows(clean))[:]
        elif given is None or given.corruption is None:
            completed = partial(with_noise, noise=noise, level=level, columns=len(schema.row) == 1)
        model.fitted_ = fit_noisy(
            order.spec,
            schema,
            rows if noisy is not None else more(rows),
            order.settings,
            latent_dim=order.latent_dim,
            scale=order.scale,
            seed=order.seed,
            noisy=noisy,
            completed=completed,
        )
        introduce(model, described(schema, X))
        found = noise.kind
        trust = trust_of(model.fitted_, rows, found.level) if found is not None and found.values else None
        return model, level, None if found is None else found.name, trust

    @streams.names_fit
    def transform(
        self, X: Any, out: str | os.PathLike[str] | None = None, *, level: float | None = None
    ) -> Any:
        """X without its noise, in its shape, units, type and frame library.

        Networks of convolutions, the default for pictures and long signals, take others of any size.  Dense ones,
        the default for rows of columns and for small pictures in thousands with noise of one level, do not.

        ``out`` is a file or folder to write to, as for ``Autoencoder.reconstruct``.  ``level``: the standard
        deviation of the noise in X, for a model that takes it.  Where it is not given, it is the one that ``fit``
        found in its own rows (``noise_level_``), or after ``noise=(low, high)`` an estimate for each picture
        or signal.
        """
        check_is_fitted(self)
        level = self._level(level)
        if out is not None:
            check_apart(out, [X])
        X = loaded(X) if not isinstance(X, np.ndarray) else X
        fitted = self.ae_.fitted_
        schema = reading(fitted, X)
        cleaned = partial(self._cleaned, schema=schema, level=level)
        if isinstance(X, np.ndarray) or (hasattr(X, "columns") and not is_lazy(X)):
            rows = schema.rows(X)
            if schema.row == (schema.features,):
                validate_data(self, features_of(schema, X), reset=False, skip_check_array=True)
            if out is None:
                return cleaned(rows, X)
        reader = self.ae_
        if schema is not fitted.schema:
            reader = copy.copy(reader)
            reader.fitted_ = replace(fitted, schema=schema)
        return streams.answered(reader, cleaned, X, out, schema.names, rebuilds=True)

    def _level(self, level: float | None) -> float | None:
        if level is None:  # the levels of columns are known to the network from its training
            return None if isinstance(self.noise_level_, np.ndarray) else self.noise_level_
        fine = (
            isinstance(level, (int, float, np.number)) and not isinstance(level, bool) and 0 <= level < np.inf
        )
        if not fine:
            raise ValueError(
                f"level={level!r} is not usable: pass a standard deviation ≥ 0 in the units of X, or None."
            )
        if not tasks.told(self.ae_.fitted_):
            raise ValueError(
                f"level={level!r} was given, but this model was fitted for one level of noise: leave it out, or pass a"
                " range such as noise=(0, 0.2) to the fit."
            )
        return float(level)

    def _cleaned(self, rows: Any, like: Any, *, schema: Any, level: float | None) -> Any:
        fitted = self.ae_.fitted_
        whole = isinstance(rows, (Tiles, Windows)) and tasks.boundless(fitted)
        if whole or schema is not fitted.schema:
            answer = self._whole(rows, level)
        else:
            answer = self._beside(rows, lambda rows: tasks.denoise(fitted, rows, level))
        dtype = np.float64 if rows.dtype == np.float64 else np.float32
        return schema.restore(answer.astype(dtype, copy=False), like=like)

    def _whole(self, rows: np.ndarray | Tiles | Windows, level: float | None) -> np.ndarray:
        """Each picture or series by itself and uncut; the answer as rows, which give it back exactly."""
        clean = partial(self._thing, level=level)
        if isinstance(rows, np.ndarray):
            return np.stack([clean(row) for row in rows])
        if isinstance(rows, Tiles):
            photos = [clean(rows.photos[i].transpose(2, 0, 1)) for i in range(len(rows.sizes))]
            photos = [photo.transpose(1, 2, 0) for photo in photos]
            dtype = np.result_type(*photos)
            return Tiles(photos, rows.sizes, rows.shape[1], dtype, rows.size, rows.step)[:]
        series = [self._series(np.asarray(x[:]), level) for x in rows.series]
        return Windows(series, rows.window, rows.step)[:]

    def _series(self, series: np.ndarray, level: float | None) -> np.ndarray:
        """(time, channels) without its noise; as loud as those that were fitted while it is in the network."""
        unit = 1.0
        if self.equally_loud_:
            level = of_thing(series.T) if level is None else level
            unit = power(series, level)
            series, level = series / unit, level / unit
        return unit * self._thing(series.T, level).T

    def _thing(self, thing: np.ndarray, level: float | None) -> np.ndarray:
        """One picture or signal, (channels, …)."""
        fitted = self.ae_.fitted_
        return self._beside(thing[None], lambda x: tasks.denoise_whole(fitted, x[0], level)[None])[0]

    def _beside(self, rows: Any, clean: Callable[[Any], np.ndarray]) -> np.ndarray:
        """What ``clean`` says to rows; where there were impulses it saw what is around them, and beside them it
        is believed as far as there is other noise."""
        if self.trust_ is None:
            return clean(rows)
        seen, found = mended(self.ae_.fitted_, rows := rows[:])
        answer = clean(seen)
        return np.where(found, answer, rows + self.trust_ * (answer - rows))

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        level = self.noise_level_
        level = level.tolist() if isinstance(level, np.ndarray) else level
        found = {"noise_kind": self.noise_kind_, "trust": self.trust_}
        return {"noise_level": level, "equally_loud": self.equally_loud_, **found}, {}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        level, self.equally_loud_ = state["noise_level"], state["equally_loud"]
        self.noise_level_ = np.array(level) if isinstance(level, list) else level
        # Files that were written before kinds of noise were told apart know none.
        self.noise_kind_, self.trust_ = state.get("noise_kind"), state.get("trust")


__all__ = ["Denoiser"]
