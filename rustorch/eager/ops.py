"""Every public function under PyTorch's name: the op table's, the views' and the overloads'.

The module's attributes are the functions of ``torch``; ``nn_functional``, ``linalg``, ``fft`` and
``special`` are namespaces of the same kind. Methods are hung on ``Tensor`` on the way.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import SimpleNamespace

from rustorch.eager import (
    creation,
    dynamic,
    foreach,
    inquiry,
    legacy,
    lobpcg,
    lowrank,
    native,
    overloads,
    overloads_shape,
    random,
    recurrent,
    rehandle,
    removed,
    storages,
    viewcopies,
    viewops,
    windows,
)
from rustorch.eager.foreign import guarded
from rustorch.eager.inplace import inplace_form
from rustorch.eager.publish import OVERLOADS
from rustorch.eager.tensor import Tensor
from rustorch.eager.variants import casting, function_of
from rustorch.lowering import autocast, ops as _definitions
from rustorch.lowering.table import TABLE

for _module in pkgutil.iter_modules(_definitions.__path__):
    importlib.import_module(f"{_definitions.__name__}.{_module.name}")

_COMPOSED = autocast.attach({name: entry.function for name, entry in OVERLOADS.items()})

NAMESPACES: dict[str, dict] = {"torch": {}}
# These register what they define as they are imported.
SOURCES = (
    creation, dynamic, foreach, inquiry, legacy, lobpcg, lowrank, native, overloads, overloads_shape, random, recurrent, rehandle,
    removed, storages, viewcopies, windows,
)  # fmt: skip


def _publish(op) -> None:
    fn = function_of(op)
    names = (op.name, *op.aliases)
    for space in (op.namespace, *op.also):
        if op.function:
            for name in names:
                NAMESPACES.setdefault(space, {})[name] = fn
    if op.method:
        for name in names:
            setattr(Tensor, name, fn)
    if op.inplace:
        change = inplace_form(op)
        for name in names:
            setattr(Tensor, name + "_", change)
            if op.function:
                for space in (op.namespace, *op.also):
                    NAMESPACES.setdefault(space, {})[name + "_"] = change


# Hand-written functions that other kinds of tensors have rules for; each pays a Python call for it.
GUARDED = (
    "pow",
    "norm",
    "equal",
    "allclose",
    "zeros_like",
    "empty_like",
    "ones_like",
    "full_like",
    "rand_like",
    "randn_like",
)


def _publish_overload(name: str, entry) -> None:
    short = name.rpartition(".")[2]
    function = casting(_COMPOSED[name], entry.function) if name in _COMPOSED else entry.function
    if name in GUARDED:
        function = guarded(function, name)
    for space in entry.namespaces:
        NAMESPACES.setdefault(space, {})[short] = function
    if entry.method:
        setattr(Tensor, short, function)


for _op in list(TABLE.values()):
    _publish(_op)
NAMESPACES["torch"].update(viewops.VIEWS)
for _name, _fn in viewops.METHODS.items():
    setattr(Tensor, _name, _fn)
for _name, _property in viewops.PROPERTIES.items():
    setattr(Tensor, _name, _property)
for _name, _entry in OVERLOADS.items():
    _publish_overload(_name, _entry)


def namespace(name: str) -> SimpleNamespace:
    """The functions of one namespace as attributes."""
    return SimpleNamespace(**NAMESPACES.setdefault(name, {}))


globals().update(NAMESPACES["torch"])
nn_functional = namespace("nn.functional")
linalg = namespace("linalg")
fft = namespace("fft")
special = namespace("special")
signal_windows = namespace("signal.windows")
