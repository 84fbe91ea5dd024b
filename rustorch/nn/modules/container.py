"""Modules that hold other modules, by position or by name."""

import operator
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import islice

from rustorch.nn.modules.module import Module, _indented


class _ModuleSequence(Module):
    """What ``Sequential`` and ``ModuleList`` share: children named '0', '1', …"""

    def _key(self, index):
        """The name of the child at ``index``, which may be negative."""
        index = operator.index(index)
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"index {index} is out of range")
        return next(islice(self._modules, index % size, None))

    def _renumber(self, modules):
        self._modules = {str(index): module for index, module in enumerate(modules)}

    def __setitem__(self, index, module):
        if isinstance(index, slice):
            for key, value in zip(list(self._modules)[index], module):
                setattr(self, key, value)
        else:
            setattr(self, self._key(index), module)

    def __delitem__(self, index):
        keys = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in keys:
            delattr(self, key)
        self._renumber(list(self._modules.values()))

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __dir__(self):
        return [name for name in super().__dir__() if not name.isdigit()]

    def pop(self, key):
        """Remove and return the module at ``key``."""
        module = self[key]
        del self[key]
        return module

    def append(self, module):
        """Add ``module`` at the end."""
        self.add_module(str(len(self)), module)
        return self


class Container(Module):
    """Named children without a ``forward``, PyTorch's oldest container.

    >>> import rustorch as torch
    >>> torch.nn.Container(act=torch.nn.ReLU())
    Container(
      (act): ReLU()
    )
    """

    def __init__(self, **kwargs):
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


class Sequential(_ModuleSequence):
    """Call the given modules one after the other, each with the previous one's output.

    Arguments: modules, or one ordered dict of named modules. Indexing gives a module, slicing a
    ``Sequential``; ``+``, ``*``, ``append``, ``insert``, ``extend`` and ``pop`` as for a list.

    >>> import rustorch as torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> model(torch.ones(5, 3)).shape, len(model[:2])
    (torch.Size([5, 2]), 2)
    """

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for index, module in enumerate(args):
                self.add_module(str(index), module)

    def forward(self, input):
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def __add__(self, other):
        _require_sequential("add", other)
        joined = Sequential()
        for module in (*self, *other):
            joined.append(module)
        return joined

    def __iadd__(self, other):
        _require_sequential("add", other)
        return self.extend(other)

    def __mul__(self, count):
        _require_positive(count)
        repeated = Sequential()
        for _ in range(count):
            repeated.extend(self)
        return repeated

    __rmul__ = __mul__

    def __imul__(self, count):
        _require_positive(count)
        modules = list(self)
        for _ in range(count - 1):
            self.extend(modules)
        return self

    def insert(self, index, module):
        """Put ``module`` before position ``index``."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        size = len(self)
        if not -size <= index <= size:
            raise IndexError(f"Index out of range: {index}")
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def extend(self, sequential):
        """Add every module of ``sequential`` at the end."""
        for module in list(sequential):
            self.append(module)
        return self


def _require_sequential(verb, other):
    if not isinstance(other, Sequential):
        raise ValueError(f"{verb} operator supports only objects of Sequential class, but {type(other)} is given.")


def _require_positive(count):
    if not isinstance(count, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(Sequential())} and {type(count)}")
    if count <= 0:
        raise ValueError(f"Non-positive multiplication factor {count} for {type(Sequential())}")


class ModuleList(_ModuleSequence):
    """A list of modules, registered so that parameters are found.

    It has no ``forward``: iterate over it or index it in your own.

    >>> import rustorch as torch
    >>> layers = torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(3)])
    >>> len(list(layers.parameters()))
    6
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self += modules

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(list(self._modules.values())[index])
        return self._modules[self._key(index)]

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        joined = ModuleList()
        for module in (*self, *other):
            joined.append(module)
        return joined

    def insert(self, index, module):
        """Put ``module`` before position ``index``."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)

    def extend(self, modules):
        """Add every module of an iterable at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self):
        """Runs of modules that print alike are shown once, with their positions."""
        texts = [repr(module) for module in self]
        if not texts:
            return self._get_name() + "()"
        lines = []
        start = 0
        for index in range(1, len(texts) + 1):
            if index < len(texts) and texts[index] == texts[start]:
                continue
            count = index - start
            if count > 1:
                line = f"({start}-{index - 1}): {count} x {texts[start]}"
            else:
                line = f"({start}): {texts[start]}"
            lines.append(_indented(line))
            start = index
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dict of modules, in insertion order, registered so that parameters are found.

    >>> import rustorch as torch
    >>> choices = torch.nn.ModuleDict({"relu": torch.nn.ReLU(), "tanh": torch.nn.Tanh()})
    >>> choices["relu"](torch.tensor(-1.0)).item()
    0.0
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self):
        """Remove every module."""
        self._modules.clear()

    def pop(self, key):
        """Remove and return the module called ``key``."""
        return self._modules.pop(key)

    def keys(self):
        """The names."""
        return self._modules.keys()

    def items(self):
        """The ``(name, module)`` pairs."""
        return self._modules.items()

    def values(self):
        """The modules."""
        return self._modules.values()

    def update(self, modules):
        """Add the modules of a mapping, or of an iterable of pairs."""
        for key, module in _pairs("ModuleDict", modules):
            self[key] = module


def _pairs(owner, values):
    """The key-value pairs of a mapping or an iterable of pairs, checked."""
    if isinstance(values, Mapping) or hasattr(values, "items"):
        return list(values.items())
    if not isinstance(values, Iterable):
        raise TypeError(
            f"{owner}.update should be called with an iterable of key/value pairs, but got {type(values).__name__}"
        )
    pairs = []
    for index, pair in enumerate(values):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{owner} update sequence element #{index} should be Iterable; is{type(pair).__name__}")
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(f"{owner} update sequence element #{index} has length {len(pair)}; 2 is required")
        pairs.append(pair)
    return pairs
