"""Running a recorded step again, in memory that is laid out once.

A recording names every intermediate tensor, when it is made and when it is last read.  So each gets
a fixed place before the first run, places are used again as soon as they are free, views and
constants are worked out once, and what is left is a list of calls into the very kernels that
autograd called: the same numbers without graph, modules, allocations and page faults.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from narrows.engine.record import Call, Operation, tensors

# Operations that only depend on what a tensor looks like, not on what it holds.
_FRESH = (
    "ones_like",
    "zeros_like",
    "full_like",
    "empty_like",
    "new_zeros",
    "new_ones",
    "new_full",
    "new_empty",
)
_RANDOM = torch.Tag.nondeterministic_seeded


class Program:
    """A recorded step, ready to run.

    ``inputs`` are where the step read its batch: fill them, call the program, and read ``outputs``,
    which the next call overwrites.
    """

    def __init__(self, calls: list[Call], inputs: Iterable[Tensor], outputs: Iterable[Tensor]):
        self.inputs, wanted = list(inputs), list(outputs)
        calls = _needed(calls, wanted)
        layout = _Layout(calls, self.inputs, wanted)
        for i, call in enumerate(calls):
            layout.place(i, call)
        self._steps = tuple(layout.steps)
        self.outputs = [layout.where(t) for t in wanted]

    def __call__(self) -> None:
        """Run; under ``torch.inference_mode`` or ``no_grad``."""
        for step in self._steps:
            step()


def _needed(calls: list[Call], wanted: list[Tensor]) -> list[Call]:
    """The calls without those that nothing handed out depends on."""
    used = set(map(id, wanted))
    kept = []
    for call in reversed(calls):
        lasting = call.op._schema.is_mutable or _RANDOM in call.op.tags
        if lasting or any(id(t) in used for t in tensors(call.out)):
            kept.append(call)
            if not _is_fresh(call):
                used.update(map(id, tensors([call.args, list(call.kwargs.values())])))
    return kept[::-1]


class _Layout:
    """Where each recorded tensor lives when the program runs."""

    def __init__(self, calls: list[Call], inputs: list[Tensor], wanted: list[Tensor]):
        self.steps: list[Any] = []
        self.places: dict[int, Tensor] = {id(t): t for t in inputs}
        self.constant: set[int] = set()
        self.root: dict[int, int] = {}  # of a view: the tensor whose memory it shows
        self.free: dict[tuple[torch.dtype, int], list[Tensor]] = {}
        self.memory: dict[int, Tensor] = {}  # of a root: the flat place that was given to it
        self.written: set[int] = set()  # roots that some call writes into
        self.idle: set[int] = set()  # calls whose result is what they were given
        self._find_roots(calls)
        for call in calls:
            self.written.update(self._root(t) for t in _mutated(call))
        asked = set(map(id, wanted))
        made = {id(t) for call in calls for t in tensors(call.out)}
        for call in calls:
            # Its result can be its operand, if nobody writes into either, and if what is handed out
            # is not a weight, which the optimiser will write into.
            if not _is_identity(call) or {self._root(call.out), self._root(call.args[0])} & self.written:
                continue
            if id(call.args[0]) in made or id(call.out) not in asked:
                self.idle.add(id(call))
        self._find_roots(calls)
        self.destined = self._find_destinations(calls, made)
        self.seen = set(self.root.values())  # roots that have views
        self.last: dict[int, int] = {}
        for i, call in enumerate(calls):
            for t in tensors([call.args, list(call.kwargs.values()), call.out]):
                self.last[self._root(t)] = i
        for t in (*inputs, *wanted):
            self.last[self._root(t)] = len(calls)
        self.expiring: dict[int, list[int]] = {}
        for root, i in self.last.items():
            self.expiring.setdefault(i, []).append(root)

    def _find_roots(self, calls: list[Call]) -> None:
        made: set[int] = set()
        for call in calls:
            for t in tensors(call.out):
                if id(t) not in made and (id(call) in self.idle or _is_view(call.op)):
                    self.root[id(t)] = self._root(tensors(call.args)[0])
                made.add(id(t))

    def _find_destinations(self, calls: list[Call], made: set[int]) -> dict[int, Tensor]:
        """Results that are copied, whole, to a place that lasts: they can be computed there."""
        result = {id(t): t for call in calls for t in tensors(call.out)}
        found: dict[int, Tensor] = {}
        for call in calls:
            if call.op != torch.ops.aten.copy_.default:
                continue
            place, t = call.args[:2]
            root = result.get(self._root(t))
            if root is None or self._root(place) in made or place.dtype != t.dtype:
                continue
            if id(root) in self.written:  # what is written later must not show in the copy
                continue
            whole = t.is_contiguous() and _extent(root) == t.numel() == root.numel()
            if whole and place.is_contiguous():
                found.setdefault(id(root), place.detach())
        return found

    def _root(self, t: Tensor) -> int:
        return self.root.get(id(t), id(t))

    def where(self, t: Tensor) -> Tensor:
        """The place of a recorded tensor; one that no call made (a weight, a buffer) is its own."""
        return self.places.get(id(t), t)

    def place(self, i: int, call: Call) -> None:
        """Give the call's result a place, and add what has to happen at run time, if anything."""
        args, kwargs = _mapped(call.args, self.where), _mapped(call.kwargs, self.where)
        given = tensors([call.args, list(call.kwargs.values())])
        results = tensors(call.out)
        fresh = _is_fresh(call)
        fixed = all(id(t) in self.constant for t in given)
        random = _RANDOM in call.op.tags
        if id(call) in self.idle:
            self._name(results, [args[0]])
        elif _is_view(call.op):
            self._name(results, tensors(call.op(*args, **kwargs)))
            if fixed:
                self.constant.update(map(id, results))
        elif _mutated(call):
            for t in results:  # an in-place operation returns what it wrote into
                self.places.setdefault(id(t), self.where(_mutated(call)[0]))
            idle = call.op == torch.ops.aten.copy_.default and _same_memory(*args[:2])
            self.steps += [] if idle else [partial(call.op, *args, **kwargs)]
        elif (fresh or fixed) and not random and not any(self._root(t) in self.written for t in results):
            self._name(results, [t.detach() for t in results])  # the same every time
            self.constant.update(map(id, results))
        else:
            self._computed(i, call, args, kwargs, results)
        for root in self.expiring.get(i, ()):
            if root in self.memory:
                flat = self.memory.pop(root)
                self.free.setdefault((flat.dtype, flat.numel()), []).append(flat)

    def _name(self, results: list[Tensor], places: list[Tensor]) -> None:
        for t, place in zip(results, places, strict=True):
            self.places[id(t)] = place

    def _computed(self, i: int, call: Call, args: tuple, kwargs: dict, results: list[Tensor]) -> None:
        """A call that has to run: into places of ours where its kernel can, else where it likes."""
        name, into = call.op.overloadpacket.__name__, _into(call.op)
        if call.op == torch.ops.aten.relu.default:  # its own kernel makes its own place
            into, args = _into(torch.ops.aten.clamp_min.default), (*args, 0)
        if name.startswith(("empty", "new_empty")):
            self._name(results, [self._memory(i, t, []) for t in results])
        elif name in ("clone", "_to_copy"):
            (place,) = places = [self._memory(i, t, []) for t in results]
            self._name(results, places)
            self.steps.append(partial(place.copy_, args[0]))
        elif into is not None and len(results) == len(into[1]):
            pointwise = torch.Tag.pointwise in call.op.tags
            places = [self._memory(i, t, tensors(call.args) if pointwise else []) for t in results]
            self._name(results, places)
            self.steps.append(partial(into[0], *args, **kwargs, **dict(zip(into[1], places, strict=True))))
        elif any(id(t) in self.seen or id(t) in self.destined for t in results):
            # Views look into the place, or it lasts: it has to stay where it is.
            places = [self._memory(i, t, []) for t in results]
            self._name(results, places)
            self.steps.append(partial(_copied, call.op, args, kwargs, places))
        else:
            places = [torch.empty(0, dtype=t.dtype, device=t.device) for t in results]
            self._name(results, places)
            self.steps.append(partial(_taken, call.op, args, kwargs, places))

    def _memory(self, i: int, t: Tensor, operands: list[Tensor]) -> Tensor:
        """A place for t: over an operand that is read here for the last time, over something else
        that is no longer needed, or new."""
        if id(t) in self.destined:
            return self.destined[id(t)].as_strided(t.shape, t.stride())
        flat = None
        for operand in operands:
            root = self._root(operand)
            mine = [o for o in operands if self._root(o) == root]
            if (
                self.last[root] == i
                and root in self.memory
                and all(_same_layout(o, t) for o in mine)
                and _extent(t) == self.memory[root].numel()
            ):
                flat = self.memory.pop(root)
                break
        if flat is None:
            spare = self.free.get((t.dtype, _extent(t)))
            flat = spare.pop() if spare else torch.empty(_extent(t), dtype=t.dtype, device=t.device)
        self.memory[id(t)] = flat
        return flat.as_strided(t.shape, t.stride())


def _same_memory(a: Tensor, b: Tensor) -> bool:
    return a.data_ptr() == b.data_ptr() and a.is_contiguous() and b.is_contiguous() and a.numel() == b.numel()


def _same_layout(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.stride() == b.stride() and a.dtype == b.dtype


def _extent(t: Tensor) -> int:
    """Elements between the first and the last of t."""
    return 0 if not t.numel() else 1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))


def _mapped(value: Any, where: Any) -> Any:
    if isinstance(value, Tensor):
        return where(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(v, where) for v in value)
    if isinstance(value, dict):
        return {k: _mapped(v, where) for k, v in value.items()}
    return value


def _taken(op: Operation, args: tuple, kwargs: dict, places: list[Tensor]) -> None:
    """Let the places show what the operation returned."""
    for place, got in zip(places, tensors(op(*args, **kwargs)), strict=True):
        place.set_(got)


def _copied(op: Operation, args: tuple, kwargs: dict, places: list[Tensor]) -> None:
    for place, got in zip(places, tensors(op(*args, **kwargs)), strict=True):
        place.copy_(got)


def _mutated(call: Call) -> list[Tensor]:
    """The tensors that a call writes into."""
    schema = call.op._schema
    if not schema.is_mutable:
        return []
    named = dict(zip((a.name for a in schema.arguments), call.args, strict=False)) | call.kwargs
    return [
        t
        for a in schema.arguments
        if a.alias_info is not None and a.alias_info.is_write and a.name in named
        for t in tensors(named[a.name])
    ]


def _is_identity(call: Call) -> bool:
    """Whether the call multiplies by one, as decomposed linear layers and their gradients do."""
    times = call.op in (torch.ops.aten.mul.Tensor, torch.ops.aten.mul.Scalar)
    if not times or isinstance(call.args[1], Tensor) or call.args[1] != 1:
        return False
    return _same_layout(call.out, call.args[0])


def _is_fresh(call: Call) -> bool:
    """Whether the result depends on no tensor's values."""
    given = tensors([call.args, list(call.kwargs.values())])
    return call.op.overloadpacket.__name__ in _FRESH or not given


@cache
def _is_view(op: Any) -> bool:
    """Whether the result shows an argument's memory."""
    if op.overloadpacket.__name__ == "_unsafe_view":  # declared as a copy, to let go of the original
        return True
    return any(r.alias_info is not None and not r.alias_info.is_write for r in op._schema.returns)


@cache
def _into(op: Any) -> tuple[Operation, list[str]] | None:
    """The overload of an operation that writes into given tensors, and the names of those; None if
    there is none with a kernel of its own (the generated ones compute elsewhere and copy)."""
    packet = op.overloadpacket
    wanted = [(a.name, str(a.type)) for a in op._schema.arguments]
    # A number is welcome where a tensor is expected: mul.Scalar computes what mul.Tensor does.
    relaxed = [(name, "Tensor" if kind == "number" and name == "other" else kind) for name, kind in wanted]
    for name in packet.overloads():
        other = getattr(packet, name)
        out = [a.name for a in other._schema.arguments if a.is_out]
        rest = [(a.name, str(a.type)) for a in other._schema.arguments if not a.is_out]
        if out and rest in (wanted, relaxed):
            native = torch._C._dispatch_has_kernel_for_dispatch_key(other.name(), "CPU")
            return (other, out) if native else None
    return None
