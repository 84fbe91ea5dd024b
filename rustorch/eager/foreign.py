"""Tensors that are not one array: a sparse tensor is a tensor of tensors.

Recording never asks what kind of tensor it got. A tensor of another kind raises ``NotDense`` when it is asked
for its storage; the public functions of the op table catch that and look for the kind's own rule in ``RULES``.
"""

from __future__ import annotations

import functools

from rustorch.errors import RustorchRuntimeError

# Op name (with a trailing underscore for the in-place form) to a function of the same arguments.
RULES: dict = {}

# Kinds that consist of tensors: type -> (parts and a hashable rest of a tensor, tensor from rest and parts).
PARTS: dict[type, tuple] = {}


class NotDense(RustorchRuntimeError, NotImplementedError):
    """An operation that does not exist for a tensor's layout (a dense tensor's, too)."""

    def __init__(self, tensor, name: str = "as_strided"):
        self.tensor = tensor
        backend = getattr(tensor, "_backend", tensor.device.type.upper())
        super().__init__(
            f"Could not run 'aten::{name}' with arguments from the '{backend}' backend. This could be because "
            "the operator doesn't exist for this backend, or was omitted during the selective/custom build process (if "
            "using custom build)."
        )


def elsewhere(error: NotDense, name: str, args, kwargs):
    """The result of ``name`` by the rule for tensors that are not one array.

    Raises:
        NotImplementedError: there is none.
    """
    rule = getattr(error.tensor, "_rules", RULES).get(name)  # a kind may have rules of its own
    if rule is None:
        raise NotDense(error.tensor, name) from None
    return rule(*args, **kwargs)


def rule(*names):
    """Register a function as the rule of these op names."""

    def register(fn):
        for name in names or (fn.__name__,):
            assert name not in RULES, name
            RULES[name] = fn
        return fn

    return register


def guarded(fn, name: str):
    """A hand-written public function that looks for a rule, too."""

    @functools.wraps(fn)
    def function(*args, **kwargs):
        try:
            if looks and args:
                args[0]._storage  # noqa: B018 - raises; the function itself asks for the shape only
            return fn(*args, **kwargs)
        except NotDense as e:
            return elsewhere(e, name, args, kwargs)

    looks = name.endswith("_like")
    return function
