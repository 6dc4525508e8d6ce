"""Rows as few bytes, within an error that the user chooses."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from narrows.baseline import principal
from narrows.coding import Reader, Writer
from narrows.coding.classed import from_arrays, tables_of
from narrows.estimators import streams
from narrows.estimators._coders import Linear, Network, Predicted, Whole, ahead, shortest
from narrows.estimators._content import ANY, Content, restored
from narrows.estimators._fitting import loaded, seed_of
from narrows.estimators._forms import form_of, near
from narrows.estimators._promise import Promise
from narrows.estimators._task import TaskEstimator, unwrapped
from narrows.estimators._thrifty import default, some
from narrows.tasks.symbols import discrete

CHUNK = 1 << 20  # bytes of rows in a chunk, about
LEARNED = 20_000  # rows that tables are made from
STEPS = 24  # halvings in the search for PCA's step
COMPONENTS = 256  # of PCA beside the model, at most
METHODS = {0: "bytes", 1: "model", 2: "PCA"}


class Codec(TaskEstimator):
    """Rows as few bytes, by a model that was trained on rows like them, within an error that you choose.

    Every chunk of rows is stored in the shortest of three ways: symbols of the model, whose probabilities were
    learned; symbols of PCA; or zstd of the bytes themselves.  With a bound, what symbols miss is stored beside
    them, so that every single value keeps to it.

    Parameters
    ----------
    ae : Autoencoder or None
        A model with a discrete code (bottleneck ``Factorised``, ``VQ`` or ``FSQ``).  None is PCA with a network
        beside it, trained for as few bits as the error allows (``Principal``, ``Factorised``).
    max_error : float or None
        No value comes back further from what it was than this, in its own units; NaN and infinite ones come back
        as they were.  In a table columns of numbers only: categories, whole numbers and times come back exactly.
    rel_error : float or None
        The same as a share of the range of each column (of pictures and signals: of all values) in the rows that
        are compressed.
    lossless : bool
        Every bit comes back.  Without any of the three the error is the model's own.
    input : part or None
        What a row of X is, where no ``ae`` says it: ``inputs.Signals(window=64)`` for a long series.
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    tables_ : frequencies of the model's symbols, whole numbers.
    sizes_ : of the last ``compress``: bytes ``raw`` and ``stored``, those of the ``model``, whether it is ``inside``
        what is stored, how many ``chunks`` went which way, and the largest ``error``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = (rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 8))).astype(np.float32)
    >>> codec = Codec(max_error=0.01).fit(X[:1000])
    >>> data = codec.compress(X)
    >>> bool(np.abs(codec.decompress(data) - X).max() <= 0.01), len(data) < X.nbytes / 2
    (True, True)
    """

    def __init__(
        self,
        ae: Any = None,
        max_error: float | None = None,
        rel_error: float | None = None,
        lossless: bool = False,
        *,
        input: Any = None,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.ae = ae
        self.max_error = max_error
        self.rel_error = rel_error
        self.lossless = lossless
        self.input = input
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the model on rows X, and learn how often its symbols occur; ``y`` is ignored."""
        self._check()
        X, given = loaded(X), unwrapped(self.ae)
        model = given
        if model is None:
            model = default(X, self)
        elif not hasattr(given, "fitted_"):
            model = clone(given)
            if model.input is None:
                model.set_params(input=self.input)
        if model is not given:
            model.fit(X)
        discrete(model.fitted_)
        for made in ("_ways", "_model_size", "sizes_"):  # of an earlier fit
            vars(self).pop(made, None)
        self._adopt([model])
        affine, network = model.fitted_.affine, Network.of(model.fitted_)
        rows = near(some(model._rows(X, finite=False), LEARNED), affine)
        found = network.symbols(rows)
        self.tables_ = tables_of(found, getattr(model.fitted_.net.bottleneck, "classes", 1))
        self.linear_, self.linear_tables_ = self._rival(rows, network.guess(found))
        return self

    def _check(self) -> None:
        for name in ("max_error", "rel_error"):
            value = getattr(self, name)
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if value is not None and not (number and 0 <= value < np.inf):
                raise ValueError(f"{name}={value!r} is no bound on an error: pass a number ≥ 0, or None.")
        if sum((self.max_error is not None, self.rel_error is not None, bool(self.lossless))) > 1:
            raise ValueError(
                f"max_error={self.max_error!r}, rel_error={self.rel_error!r} and lossless={self.lossless!r} were given,"
                " but a codec keeps one promise: pass one of them."
            )

    def _rival(self, rows: np.ndarray, guess: np.ndarray) -> tuple[Linear, Any]:
        """PCA whose rounding costs as much error as the model makes, and frequencies of its symbols."""
        fitted = self.ae_.fitted_
        flat = _scaled(rows, fitted.affine)
        few = principal(flat, min(COMPONENTS, flat.shape[1]), seed_of(self.random_state))
        away = np.square(_scaled(guess, fitted.affine) - flat).mean()
        low, high = 1e-4, 1e3  # scaled units
        for _ in range(STEPS):
            step = float(np.sqrt(low * high))
            linear = Linear(fitted.affine, few.mean, few.components, step, fitted.net.shapes.row)
            error = np.square(_scaled(linear.guess(linear.symbols(rows)), fitted.affine) - flat).mean()
            low, high = (low, step) if error > away else (step, high)
        linear = Linear(fitted.affine, few.mean, few.components, low, fitted.net.shapes.row)
        return linear, tables_of(linear.symbols(rows))

    @cached_property
    def _ways(self) -> dict[int, Any]:
        """By the model, by PCA, whole; made when they are first needed."""
        fitted, form = self.ae_.fitted_, form_of(self.ae_.fitted_)
        rivals = ((1, self.tables_, Network.of(fitted)), (2, self.linear_tables_, self.linear_))
        found: dict[int, Any] = {
            number: Predicted(number, tables, form.cut, way.symbols, way.guess, form.joined, form.count)
            for number, tables, way in rivals
        }
        return found | {0: Whole()}

    def compress(
        self, X: Any, out: str | os.PathLike[str] | None = None, *, embed: bool = False
    ) -> bytes | Path:
        """Rows X as bytes, or the path ``out``, an ``.nrw`` file, to which they were written, piece by piece.

        ``embed`` puts the model into the file, which then needs nothing else to be read; else whoever
        decompresses needs this codec (:meth:`save`).
        """
        check_is_fitted(self)
        self._check()
        X = loaded(X)
        content = Content(X, self.ae_.fitted_.schema)
        promise = self._promise(content)
        model = self._bytes() if embed else b""
        header = {
            "dtype": content.dtype.str,
            "shape": list(content.shape[1:]),
            "content": content.kind,
            "decoder": self._decoder(),
            "promise": promise.to_json(),
        }
        target = io.BytesIO() if out is None else out
        ways, size = tuple(self._ways.values()), content.chunk(CHUNK)
        stored, error = dict.fromkeys(METHODS.values(), 0), 0.0
        with threadpool_limits(1, "blas"), Writer(target, header, model) as writer:
            starts = range(0, len(content), size)
            pieces = (content[start : start + size] for start in starts)
            found = ahead(lambda x: shortest(x, promise, ways), pieces, torch.get_num_threads())
            for chunk in streams.bar(found, len(starts), self.verbose):
                writer.append(chunk.rows, chunk.number, chunk.payload, chunk.content)
                stored[METHODS[chunk.number]] += 1
                error = max(error, chunk.error)
        self.sizes_ = {
            "raw": content.nbytes,
            "stored": writer.length,
            "model": self._model_size,
            "inside": bool(model),
            "chunks": stored,
            "error": error,
        }
        return target.getvalue() if out is None else Path(out)

    def decompress(
        self,
        data: bytes | str | os.PathLike[str],
        out: str | os.PathLike[str] | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> Any:
        """The rows that :meth:`compress` was given, or of these ``start`` to ``stop`` − 1; as they were, an array of
        their type or a frame.  ``out`` is written in place of an answer.

        Raises:
            Damaged: a chunk is not what was written; it says which rows are concerned.
            ValueError: this is no such file, or it was compressed by another model.
        """
        check_is_fitted(self)
        with (
            Reader(data if isinstance(data, bytes) else os.fspath(data)) as reader,
            threadpool_limits(1, "blas"),
        ):
            if reader.header.get("decoder") != self._decoder():
                raise ValueError(
                    "The file was compressed by another model than this codec's: load the codec that made it."
                )
            stop = reader.rows if stop is None else stop
            promise = Promise.from_json(reader.header["promise"])
            parts = (self._rows_of(reader, i, promise, start, stop) for i in reader.covering(start, stop))
            return restored(reader, parts, self.ae_.fitted_.schema, stop - start, out)

    def _rows_of(self, reader: Reader, i: int, promise: Promise, start: int, stop: int) -> np.ndarray:
        chunk = reader.chunk(i)
        try:
            way = self._ways[chunk.method]
            values = way.decode(
                chunk.payload, promise, reader.dtype, (chunk.stop - chunk.start, *reader.shape)
            )
        except (ValueError, KeyError) as error:
            raise chunk.damaged(str(error).rstrip(".")) from None
        chunk.check(values.tobytes())
        return values[max(0, start - chunk.start) : stop - chunk.start]

    def _promise(self, content: Content) -> Promise:
        if self.lossless:
            return Promise(lossless=True)
        if self.max_error is None and self.rel_error is None:
            return Promise(content.exact(ANY) if content.kind == "table" else None)
        if self.max_error is not None:
            return Promise(content.exact(np.float64(self.max_error)))
        return Promise(content.exact(self.rel_error * content.spans()))

    def _decoder(self) -> str:
        """What names everything that decoding depends on."""
        seal = hashlib.sha256()
        for way in (self.tables_, self.linear_tables_):
            for name, array in sorted(way.arrays().items()):
                seal.update(name.encode() + np.ascontiguousarray(array).tobytes())
        for name, tensor in sorted(self.ae_.fitted_.net.state_dict().items()):
            seal.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        for array in (self.linear_.mean, self.linear_.components, np.float64(self.linear_.step)):
            seal.update(np.ascontiguousarray(array).tobytes())
        return seal.hexdigest()

    def ratio(self, archives: float = 1) -> float:
        """How many times smaller the rows of the last ``compress`` are, raw / (stored + model / ``archives``), where
        so many archives like it share one model; ``float("inf")`` leaves the model out."""
        sizes = self._told()
        return sizes["raw"] / (self._payload() + sizes["model"] / archives)

    @property
    def break_even_(self) -> float:
        """From how many archives like the last on they take fewer bytes with their model than the rows do; inf
        where they never will."""
        sizes = self._told()
        saved = sizes["raw"] - self._payload()
        return sizes["model"] / saved if saved > 0 else float("inf")

    def _told(self) -> dict[str, Any]:
        if not hasattr(self, "sizes_"):
            raise AttributeError("Nothing was compressed yet: call compress(X) first.")
        return self.sizes_

    def _payload(self) -> int:
        return self.sizes_["stored"] - (self.sizes_["model"] if self.sizes_["inside"] else 0)

    @cached_property
    def _model_size(self) -> int:
        return len(self._bytes())

    def _bytes(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder, "codec.safetensors"))
            return Path(folder, "codec.safetensors").read_bytes()

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        arrays = {f"tables.{name}": array for name, array in self.tables_.arrays().items()}
        arrays |= {f"linear.{name}": array for name, array in self.linear_tables_.arrays().items()}
        arrays |= {"pca.mean": self.linear_.mean, "pca.components": self.linear_.components}
        return {"step": self.linear_.step}, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.tables_, self.linear_tables_ = (
            from_arrays({n.removeprefix(f"{of}."): a for n, a in arrays.items() if n.startswith(f"{of}.")})
            for of in ("tables", "linear")
        )
        fitted = self.ae_.fitted_
        self.linear_ = Linear(
            fitted.affine, arrays["pca.mean"], arrays["pca.components"], state["step"], fitted.net.shapes.row
        )


def _scaled(rows: np.ndarray, affine: Any) -> np.ndarray:
    return ((rows.astype(np.float64) - affine.shift) / affine.scale).reshape(len(rows), -1)


__all__ = ["Codec"]
