"""Rows as few bytes, within an error that the user chooses."""

from __future__ import annotations

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

from narrows.coding import Reader, Writer
from narrows.coding.classed import from_arrays, tables_of
from narrows.estimators import _halves, _linear, streams
from narrows.estimators._account import Account
from narrows.estimators._coders import Network, Predicted, Rounded, Whole, ahead, shortest
from narrows.estimators._fitting import loaded, seed_of
from narrows.estimators._forms import form_of, near
from narrows.estimators._promise import Promise
from narrows.estimators._seal import fits, seal
from narrows.estimators._target import check_target
from narrows.estimators._task import TaskEstimator, unwrapped
from narrows.estimators._thrifty import default, some
from narrows.estimators.contents import answer_of, content_of
from narrows.tasks.symbols import discrete

CHUNK = 1 << 20  # bytes of rows in a chunk, about
LEARNED = 20_000  # rows that tables are made from, at most,
ENTRIES = 1 << 26  # of so many numbers together,
LEAST = 1_000  # but for so many
METHODS = {0: "bytes", 1: "model", 2: "PCA", 3: "rounding"}


class Codec(Account, TaskEstimator):
    """Rows as few bytes, by a model that was trained on rows like them, within an error that you choose.

    Every chunk of rows is stored in the shortest of four ways: symbols of the model, whose probabilities were
    learned; symbols of PCA; values rounded to the bound, without any model; or zstd of the bytes themselves.  With a
    bound, what symbols miss is stored beside them, so that every single value keeps to it.

    Parameters
    ----------
    ae : Autoencoder or None
        A model with a discrete code (bottleneck ``Factorised``, ``VQ`` or ``FSQ``).  None is PCA with a network
        beside it, trained for as few bits as the error allows (``Principal``, ``Factorised``).
    max_error : float or None
        No value comes back further from what it was than this, in its own units; NaN and infinite ones come back
        as they were.  In a table that is for columns of numbers: categories, whole numbers and times come back
        exactly, gaps as gaps (null and NaN are one), and infinite numbers are refused.
    rel_error : float or None
        The same as a share of the range of each column (of pictures and signals: of all values) in the rows that
        are compressed.
    lossless : bool
        Every bit comes back.  Without any of the three the error is the model's own.
    input : part or None
        What a row of X is, where no ``ae`` says it: ``inputs.Signals(window=64)`` for a long series.  Sounds, and
        pictures that are large or of several sizes, are cut up without it.
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    tables_ : frequencies of the model's symbols, whole numbers.
    sizes_ : of the last ``compress``: bytes ``raw`` and ``stored``, those of the half of the ``model`` that
        decompresses, whether it is ``inside`` what is stored, how many ``chunks`` went which way, and the largest
        ``error``.

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
        for made in ("_networks", "_model_size", "sizes_", "_half"):  # of an earlier fit
            vars(self).pop(made, None)
        self._adopt([model])
        affine, network = model.fitted_.affine, Network.of(model.fitted_)
        most = min(LEARNED, max(LEAST, ENTRIES // model.fitted_.schema.features))
        rows = near(some(model._rows(X, finite=False), most), affine)
        found = network.symbols(rows)
        self.tables_ = tables_of(found, getattr(model.fitted_.net.bottleneck, "classes", 1))
        self.linear_ = _linear.rival(model.fitted_, rows, network.guess(found), seed_of(self.random_state))
        self.linear_tables_ = tables_of(self.linear_.symbols(rows))
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

    @cached_property
    def _networks(self) -> tuple[Network, Any]:
        """What makes symbols of rows and rows of symbols, by the numbers 1 and 2; made when it is first needed."""
        return Network.of(self.ae_.fitted_), self.linear_

    def _ways(self, unit: float) -> dict[int, Any]:
        """Rounded and whole first, which is quick: what takes more bytes need not be finished; by the model, by PCA.
        ``unit`` is that of a content."""
        form, tables = form_of(self.ae_.fitted_, unit), (self.tables_, self.linear_tables_)
        found: dict[int, Any] = {
            number: Predicted(number, mine, form.cut, way.symbols, way.guess, form.joined, form.count)
            for number, mine, way in zip((1, 2), tables, self._networks, strict=True)
        }
        return {way.number: way for way in (Rounded(), Whole())} | found

    def compress(
        self, X: Any, out: str | os.PathLike[str] | None = None, *, embed: bool = False
    ) -> bytes | Path:
        """Rows X as bytes, or the path ``out``, an ``.nrw`` file, to which they were written, piece by piece.

        X: arrays, frames, SciPy matrices (which come back exactly), series or a list of them, sounds, pictures or
        photographs, in memory or the path of files.  A table may have categories that were not seen in training; the
        index of a frame is not stored.  ``embed`` puts the half of the model that decompresses into the file, which
        then needs nothing else to be read; else whoever decompresses needs this codec (:meth:`save`).
        """
        check_is_fitted(self)
        self._check()
        if self._half:
            raise ValueError(
                "This codec came out of an archive, which holds the half that decompresses: load the one that was saved"
                " by save(path) to compress."
            )
        if out is not None:
            check_target(out, X)
        path, X = X if isinstance(X, (str, os.PathLike)) else None, loaded(X)
        content = content_of(X, self.ae_.fitted_.schema)
        promise = content.promise(self.max_error, self.rel_error, self.lossless)
        model = self._bytes() if embed else b""
        header = content.facts | {
            "dtype": content.dtype.str,
            "shape": list(content.shape[1:]),
            "content": content.kind,
            "ending": content.ending(path),
            "decoder": self._decoder(),
            "promise": promise.to_json(),
        }
        target = io.BytesIO() if out is None else out
        ways, size = tuple(self._ways(content.unit).values()), content.chunk(CHUNK)
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
            "inside": embed,
            "chunks": stored,
            "error": error * content.unit,
        }
        return target.getvalue() if out is None else Path(out)

    def decompress(
        self,
        data: bytes | bytearray | memoryview | str | os.PathLike[str],
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
        with Reader(data) as reader, threadpool_limits(1, "blas"):
            if not fits(reader.header.get("decoder"), *self._decoding()):
                raise ValueError(
                    "The file was compressed by another model than this codec's: load the codec that made it."
                )
            answer = answer_of(reader, self.ae_.fitted_.schema)
            stop = answer.length if stop is None else stop
            first, last = answer.span(start, stop)
            promise, ways = Promise.from_json(reader.header.get("promise")), self._ways(answer.unit)
            chunks = reader.covering(first, last)
            shown = streams.bar(chunks, len(chunks), self.verbose)
            parts = (self._rows_of(reader, i, promise, ways, first, last) for i in shown)
            if out is None:
                return answer.here(parts, start, stop)
            return answer.written(parts, start, stop, out)

    def _rows_of(
        self, reader: Reader, i: int, promise: Promise, ways: dict[int, Any], start: int, stop: int
    ) -> np.ndarray:
        chunk = reader.chunk(i)
        try:
            way = ways[chunk.method]
            values = way.decode(
                chunk.payload, promise, reader.dtype, (chunk.stop - chunk.start, *reader.shape)
            )
        except (ValueError, KeyError) as error:
            raise chunk.damaged(str(error).rstrip(".")) from None
        except MemoryError:
            raise chunk.damaged("what it says it decodes to does not fit into memory") from None
        chunk.check(values.tobytes())
        return values[max(0, start - chunk.start) : stop - chunk.start]

    def _decoder(self) -> str:
        return seal(*self._decoding())

    def _decoding(self) -> tuple[Any, tuple[Any, Any], Any]:
        return self.ae_.fitted_, (self.tables_, self.linear_tables_), self.linear_

    @cached_property
    def _half(self) -> bool:
        """Whether this can only decompress."""
        return False

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.safetensors`` file: the model and what was learned beyond it; ``narrows.load`` reads it."""
        check_is_fitted(self)
        if self._half:
            _halves.save(path, *self._file())
        else:
            super().save(path)

    @cached_property
    def _model_size(self) -> int:
        return len(self._bytes())

    def _bytes(self) -> bytes:
        """The file of the half that decompresses."""
        with tempfile.TemporaryDirectory() as folder:
            _halves.save(Path(folder, "codec.safetensors"), *self._file())
            return Path(folder, "codec.safetensors").read_bytes()

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        arrays = {f"tables.{name}": array for name, array in self.tables_.arrays().items()}
        arrays |= {f"linear.{name}": array for name, array in self.linear_tables_.arrays().items()}
        return {"step": self.linear_.step, "half": self._half}, arrays | _linear.stored(self.linear_)

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.tables_, self.linear_tables_ = (
            from_arrays({n.removeprefix(f"{of}."): a for n, a in arrays.items() if n.startswith(f"{of}.")})
            for of in ("tables", "linear")
        )
        self.linear_ = _linear.restored(self.ae_.fitted_, arrays, state["step"])
        self._half = bool(state.get("half", False))


__all__ = ["Codec"]
