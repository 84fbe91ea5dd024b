"""``State``: the Python state that a function can read, as records that can be compared later.

From the function and its arguments the walk follows closures, the globals and attributes that the executed code
names, containers, modules and optimizers, down to tensors and plain values.
"""

from __future__ import annotations

import enum
import functools
import types
from collections import deque

import jax
import numpy as np

from rustorch.amp.grad_scaler import GradScaler
from rustorch.devices import Device
from rustorch.dtypes import DType
from rustorch.eager.foreign import PARTS
from rustorch.eager.generator import Generator
from rustorch.eager.tensor import Tensor
from rustorch.jit.watch import TRUSTED, USER, kind_of
from rustorch.nn.modules._hooks import GLOBAL
from rustorch.nn.modules.module import Module
from rustorch.optim.lr_scheduler import LRScheduler
from rustorch.optim.optimizer import Optimizer

MISSING = type("Missing", (), {"__repr__": lambda self: "<missing>"})()
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), DType, Device, slice, range, np.generic)
_ARRAY_LIMIT = 1 << 20  # bytes of a NumPy array that are worth comparing at each call


class Record:
    """What one holder (a dict, a list, a closure's cell, a tensor's gradient) held; ``kind`` says how to read it."""

    __slots__ = ("kind", "holder", "keys", "values", "name")

    def __init__(self, kind: str, holder, keys, name: str):
        self.kind, self.holder, self.keys, self.name = kind, holder, keys, name
        self.values = self.read()

    def read(self) -> list:
        """What it holds now."""
        return _READ[self.kind](self.holder, self.keys)

    def get(self, i: int):
        """What one place holds now."""
        return _GET[self.kind](self.holder, self.keys, i)

    def stale(self, skip=()) -> str | None:
        """What differs now, in words; None if nothing does."""
        if self.kind == "dict" and not _same_keys(self.holder, self.keys):
            return f"the keys of {self.name}"
        now = self.read()
        if len(now) != len(self.values):
            return f"the length of {self.name} ({len(self.values)} then, {len(now)} now)"
        for i, (a, b) in enumerate(zip(now, self.values)):
            if a is not b and i not in skip and not same_plain(a, b):
                return f"{self.named(i)} ({show(b)} then, {show(a)} now)"
        return None

    def named(self, i: int) -> str:
        """A readable name of one place."""
        if self.kind == "list":
            return f"{self.name}[{i}]"
        if self.kind == "dict":
            return f"{self.name}[{self.keys[i]!r}]" if isinstance(self.keys[i], (str, int)) else f"{self.name}[...]"
        if self.kind in ("names", "object", "function"):
            return f"{self.name}.{self.keys[i]}" if self.name else self.keys[i]
        return self.name

    def put(self, i: int, value) -> None:
        """Make a place hold something else."""
        if self.kind == "list":
            self.holder[i] = value
        elif self.kind in ("dict", "names"):
            self.holder[self.keys[i]] = value
        elif self.kind == "object":
            setattr(self.holder, self.keys[i], value)
        elif self.kind == "cell":
            self.holder.cell_contents = value
        elif self.kind == "grad":
            self.holder._grad = value
        else:
            raise TypeError(f"a {self.kind} cannot be written")


def parts_of(t) -> list:
    """The tensors that a sparse tensor consists of, and what else it is."""
    parts, rest = PARTS[type(t)][0](t)
    return [*parts, rest]


def _cell(cell, keys):
    try:
        return [cell.cell_contents]
    except ValueError:
        return [MISSING]


_READ = {
    "dict": lambda holder, keys: list(holder.values()),
    "names": lambda holder, keys: [holder.get(k, MISSING) for k in keys],
    "object": lambda holder, keys: [getattr(holder, k, MISSING) for k in keys],
    "function": lambda holder, keys: [holder.__code__, holder.__defaults__],
    "list": lambda holder, keys: list(holder),
    "set": lambda holder, keys: [frozenset(holder)],
    "cell": _cell,
    "grad": lambda holder, keys: [holder._grad],
    "parts": lambda holder, keys: parts_of(holder),
    "array": lambda holder, keys: [(holder.shape, holder.dtype.str, holder.tobytes())],
}

_GET = {
    "dict": lambda holder, keys, i: holder.get(keys[i], MISSING),
    "names": lambda holder, keys, i: holder.get(keys[i], MISSING),
    "object": lambda holder, keys, i: getattr(holder, keys[i], MISSING),
    "list": lambda holder, keys, i: holder[i] if i < len(holder) else MISSING,
    "cell": lambda holder, keys, i: _cell(holder, keys)[0],
    "grad": lambda holder, keys, i: holder._grad,
    "parts": lambda holder, keys, i: parts_of(holder)[i],
}


def same_plain(a, b) -> bool:
    """Are these equal plain values (of one type; nan is itself)?"""
    if type(a) is not type(b):
        return False
    if isinstance(a, (float, complex)):
        return repr(a) == repr(b)
    if isinstance(a, (frozenset, tuple)) and not isinstance(a, Tensor):
        try:
            return a == b and (isinstance(a, frozenset) or all(x is y or same_plain(x, y) for x, y in zip(a, b)))
        except Exception:
            return False
    if isinstance(a, types.MethodType):
        return a.__self__ is b.__self__ and a.__func__ is b.__func__
    return isinstance(a, PLAIN) and bool(a == b)


def show(x) -> str:
    """A short form for messages."""
    text = f"a {type(x).__name__}" if isinstance(x, Tensor) or not isinstance(x, PLAIN) else repr(x)
    return text if len(text) < 60 else text[:57] + "..."


class State:
    """All records below some roots. ``tensors`` are found tensors with the record and position that hold each."""

    def __init__(self, roots, codes: dict, dynamic: bool):
        self.records: list[Record] = []
        self.tensors: dict[int, tuple[Tensor, Record | None, int]] = {}
        self.opaque: str | None = None  # something whose reads cannot be guarded
        self.generators: list[Generator] = []
        self._seen: dict[int, object] = {}
        self._queue: deque = deque()
        self.names = _names_in(codes)
        self._dynamic = dynamic
        for name, root in roots:
            self._enter(root, None, 0, name)
        self._enter(GLOBAL.__dict__, None, 0, "global module hooks")
        for code, namespace in codes.items():
            found = [n for n in _all_names(code) if n in namespace]
            if found:
                record = self._record("names", namespace, tuple(dict.fromkeys(found)), "")
                self._below(record)
        self._drain()

    def reaches(self, x) -> bool:
        """Was this object found?"""
        return id(x) in self._seen

    def adopt(self, later: State) -> bool:
        """Add what a later walk found besides, if that is plain state only: tensors would have had to be seen before."""
        if any(key not in self.tensors for key in later.tensors):
            return False
        mine = {(r.kind, id(r.holder), r.keys) for r in self.records}
        self.records.extend(r for r in later.records if (r.kind, id(r.holder), r.keys) not in mine)
        self.names, self.opaque = later.names, self.opaque or later.opaque
        return True

    def _record(self, kind, holder, keys, name) -> Record:
        record = Record(kind, holder, keys, name)
        self.records.append(record)
        return record

    def _below(self, record: Record) -> None:
        for i, value in enumerate(record.values):
            self._enter(value, record, i, record.named(i))

    def _enter(self, x, record, i, name) -> None:
        if isinstance(x, PLAIN) or x is MISSING:
            return
        if isinstance(x, Tensor):
            if type(x) in PARTS:
                self._enter_parts(x, name)
            elif id(x) not in self.tensors:
                self.tensors[id(x)] = (x, record, i)
                self._queue.append((x, name))
            return
        if id(x) not in self._seen:
            self._seen[id(x)] = x
            self._queue.append((x, name))

    def _enter_parts(self, x, name) -> None:
        """A tensor of tensors is what these are, and what the rest says."""
        if id(x) not in self._seen:
            self._seen[id(x)] = x
            self._below(self._record("parts", x, (), name))

    def _drain(self) -> None:
        while self._queue:
            x, name = self._queue.popleft()
            self._visit(x, name)

    def _visit(self, x, name) -> None:
        if isinstance(x, Tensor):
            if x._leaf or x._grad is not None:
                self._below(self._record("grad", x, (), name + ".grad"))
            own = tuple(n for n in x.__dict__ if n in self.names and not n.startswith("_"))
            if own:
                self._below(self._record("names", x.__dict__, own, name))
            hooks = [h for h in (x._backward_hooks, x.__dict__.get("_post_accumulate_hooks")) if h]
            for h in hooks:
                self._enter(h, None, 0, name + ".hooks")
        elif isinstance(x, (list, deque)):
            self._below(self._record("list", x, (), name))
        elif isinstance(x, tuple):
            for i, item in enumerate(x):
                self._enter(item, None, 0, f"{name}[{i}]")
        elif isinstance(x, dict):
            self._below(self._record("dict", x, tuple(x), name))
            for key in x:
                self._enter(key, None, 0, name)
        elif isinstance(x, (set, frozenset)):
            self._record("set", x, (), name)
        elif isinstance(x, (types.FunctionType, types.MethodType, functools.partial, types.CellType)):
            self._visit_callable(x, name)
        elif isinstance(x, types.ModuleType):
            self._visit_module(x, name)
        elif isinstance(x, type):
            self._visit_class(x, name)
        elif isinstance(x, np.ndarray):
            if x.nbytes > _ARRAY_LIMIT or x.dtype.hasobject:
                self.opaque = self.opaque or f"{name} is a NumPy array of {x.nbytes} bytes: pass it, or a tensor of it"
            else:
                self._record("array", x, (), name)
        elif isinstance(x, Generator):
            self.generators.append(x)
        elif isinstance(x, (jax.Array, enum.Enum, property)):
            return
        else:
            self._visit_object(x, name)

    def _visit_callable(self, x, name) -> None:
        if isinstance(x, types.CellType):
            self._below(self._record("cell", x, (), name))
        elif isinstance(x, types.MethodType):
            self._enter(x.__self__, None, 0, f"{name}.__self__")
            self._enter(x.__func__, None, 0, name)
        elif isinstance(x, functools.partial):
            for part in (x.func, x.args, x.keywords):
                self._enter(part, None, 0, name)
        elif kind_of(x.__code__) is not TRUSTED or x.__closure__:
            for variable, cell in zip(x.__code__.co_freevars, x.__closure__ or ()):
                self._below(self._record("cell", cell, (), variable))
            self._enter(x.__defaults__, None, 0, f"{name}.__defaults__")
            if x.__kwdefaults__:
                self._enter(x.__kwdefaults__, None, 0, f"{name}.__kwdefaults__")
            if kind_of(x.__code__) is USER:
                self._below(self._record("function", x, ("__code__", "__defaults__"), name))

    def _visit_module(self, x, name) -> None:
        top = x.__name__.partition(".")[0]
        if top == "numpy" and ("random" in self.names or ".random" in x.__name__):
            self.opaque = self.opaque or f"{name}.random draws numbers that a program cannot repeat: use rustorch's"
        file = getattr(x, "__file__", None)
        if file is not None and kind_of(compile("", file, "exec")) is USER:
            self._below(self._record("names", vars(x), tuple(n for n in self.names if n in vars(x)), name))

    def _visit_class(self, x, name) -> None:
        for cls in x.__mro__:
            module = cls.__module__
            if module in ("builtins", "abc", "typing", "enum") or module.startswith(("rustorch.", "jax", "numpy")):
                continue
            keys = tuple(k for k in vars(cls) if (self._dynamic or k in self.names) and not k.startswith("__"))
            if keys:
                self._below(self._record("object", cls, keys, cls.__name__))

    def _visit_object(self, x, name) -> None:
        if type(x).__module__.startswith("numpy.random"):
            self.opaque = self.opaque or f"{name} draws numbers that a program cannot repeat: use rustorch's"
            return
        if hasattr(type(x), "__next__"):
            self.opaque = (
                self.opaque or f"{name} is an iterator, which each call would move on: pass its item as an argument"
            )
            return
        attributes = getattr(x, "__dict__", None)
        owner = getattr(x, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            self._enter(owner, None, 0, name)
        self._enter(type(x), None, 0, type(x).__name__)
        self._enter(getattr(x, "__wrapped__", None), None, 0, name)  # a traced function inside a traced function
        if isinstance(attributes, dict):
            if self._dynamic and not isinstance(x, LRScheduler) or isinstance(x, (Module, Optimizer, GradScaler)):
                self._below(self._record("dict", attributes, tuple(attributes), name))
            else:
                keys = tuple(n for n in self.names if n in attributes or _shadows(type(x), n))
                self._below(self._record("names", attributes, keys, name))
        keys = tuple(k for cls in type(x).__mro__ for k in _slots(cls) if self._dynamic or k in self.names)
        if keys:
            self._below(self._record("object", x, keys, name))


def _shadows(cls, name: str) -> bool:
    """Would an instance attribute of this name hide a value of the class?"""
    found = getattr(cls, name, MISSING) if not name.startswith("__") else MISSING
    return found is not MISSING and not callable(found) and not isinstance(found, property)


def _same_keys(holder, keys) -> bool:
    if len(holder) != len(keys):
        return False
    return all(a is b or same_plain(a, b) for a, b in zip(holder, keys))


def _slots(cls) -> tuple:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _all_names(code) -> list[str]:
    """Names that a code object, and those defined inside it, look up in globals or attributes."""
    names = list(code.co_names)
    for c in code.co_consts:
        if isinstance(c, types.CodeType):
            names.extend(_all_names(c))
    return names


def _names_in(codes) -> dict[str, None]:
    names: dict[str, None] = {}
    for code in codes:
        names.update(dict.fromkeys(_all_names(code)))
        names.update(dict.fromkeys(code.co_freevars))
    if "get_last_lr" in names:
        names["_last_lr"] = None
    names["forward"] = None
    return names
