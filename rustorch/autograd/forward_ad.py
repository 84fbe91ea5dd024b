"""Forward-mode AD on tensors: a dual tensor carries a tangent, and what is computed from it does too.

Recording is lazy, so a dual tensor is only a marked node. ``unpack_dual`` walks back from a tensor to the
marked nodes and pushes their tangents forward, as ``func.jvp`` does; while a level is active, the nodes in
between keep their inputs (``lowering.plan.KEPT``).
"""

from __future__ import annotations

from collections import namedtuple
from weakref import WeakKeyDictionary, WeakSet

from rustorch.autograd.transforms.push import tangents
from rustorch.autograd.transforms.region import same
from rustorch.autograd.transforms.reverse import lead_outside
from rustorch.eager.modes import _Mode, enable_grad
from rustorch.eager.nodes import renamed
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, share
from rustorch.errors import RustorchRuntimeError
from rustorch.graph import NO_TAPE, ON_TAPE, Node
from rustorch.graph.node import ensure_meta, next_seq
from rustorch.lowering.ops.structural import DUAL, PRIMAL
from rustorch.lowering.plan import KEPT

__all__ = ["UnpackedDualTensor", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual", "dual_level"]

UnpackedDualTensor = namedtuple("UnpackedDualTensor", ["primal", "tangent"])
UnpackedDualTensor.__doc__ = "What ``unpack_dual`` gives: ``primal`` and ``tangent``, which is ``None`` for no tangent."


class _Level:
    """The dual tensors of one level and the tangents known so far."""

    def __init__(self):
        self.start = next_seq()
        self.given: WeakKeyDictionary[Node, Tensor] = WeakKeyDictionary()
        self.tangents: WeakKeyDictionary[Node, Node] = WeakKeyDictionary()
        self.kept: WeakSet = WeakSet()
        self.off: list[list] = []  # stretches of the recording in which nothing moves
        KEPT.append(self.kept)

    def still(self, node: Node) -> bool:
        """Does the node not pass tangents on?"""
        return node.sig.op is PRIMAL or any(a <= node.seq < (b or node.seq + 1) for a, b in self.off)

    def moves(self, node: Node) -> bool:
        """Does the node depend on a dual tensor?"""
        seen, stack = set(), [node]
        while stack:
            n = stack.pop()
            if n in self.tangents:
                return True
            if n not in seen and n.seq > self.start and not self.still(n):
                seen.add(n)
                stack.extend(n.inputs)
        return False

    def tangent(self, node: Node) -> Node | None:
        """The node's tangent; None for zero."""
        found = self.tangents.get(node)
        if found is None and self.moves(node):
            with enable_grad():
                (found,) = tangents([node], self.tangents, self.still)
            if found is not None:
                if found.tape and found not in lead_outside([found], set()):
                    found = same(found, NO_TAPE)
                self.tangents[node] = found
                self.kept.add(node)
        return found

    def close(self) -> None:
        """Let computed nodes go."""
        KEPT.remove(self.kept)
        for node in self.kept:
            if node.value is not None and node.tape != ON_TAPE:
                node.inputs = ()


def enter_dual_level() -> int:
    """Start a level of forward-mode AD; its number, 0.

    Raises:
        RuntimeError: there is one already.
    """
    if local.level is not None:
        raise RustorchRuntimeError("Nested forward mode AD is not supported at the moment")
    local.level = _Level()
    return 0


def exit_dual_level(*, level=None) -> None:
    """End the level: its dual tensors become ordinary ones.

    Raises:
        RuntimeError: no level was entered, or ``level`` is not the last.
    """
    if level is None:
        level = -1 if local.level is None else 0
    if level < 0:
        raise RustorchRuntimeError("Dual level must be a positive number.")
    if local.level is None or level != 0:
        raise RustorchRuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    local.level.close()
    local.level = None


def make_dual(tensor: Tensor, tangent: Tensor, *, level=None) -> Tensor:
    """A tensor that shares ``tensor``'s data and carries ``tangent``; both get gradients from what follows.

    Args:
        tensor: floating or complex; ``tangent``: the same shape.

    Raises:
        RuntimeError: no level was entered, another shape, or ``tensor`` carries a tangent already.
        ValueError: integers.

    Example:
        >>> import rustorch
        >>> from rustorch.autograd import forward_ad
        >>> with forward_ad.dual_level():
        ...     x = forward_ad.make_dual(rustorch.tensor(3.0), rustorch.tensor(1.0))
        ...     forward_ad.unpack_dual(x * x).tangent
        tensor(6.)
    """
    current = local.level
    if current is None and (level is None or level < 0):
        raise RustorchRuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {t.dtype}")
    if current is None or level not in (None, 0):
        raise RustorchRuntimeError("Invalid level given to _make_dual")
    if tensor.shape != tangent.shape:
        raise RustorchRuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    node = node_of(tensor)
    if current.moves(node):
        raise RustorchRuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not "
            "supported."
        )
    out = _reading(tensor, DUAL)
    current.given[out._node] = tangent
    current.tangents[out._node] = node_of(tangent)
    current.kept.add(out._node)
    return out


def _reading(t: Tensor, op) -> Tensor:
    """Another alias of ``t``'s data, with the same gradient path but other tangents."""
    node = node_of(t)
    out = share(t)
    out._node = renamed(op, (node,), ON_TAPE if node.tape and local.grad else 0)
    out._epoch = out._storage.epoch
    if node.tape:
        ensure_meta(out._node).name = "ViewBackward0" if op is DUAL else "Identity"
    return out


def unpack_dual(tensor: Tensor, *, level=None) -> UnpackedDualTensor:
    """The parts of a dual tensor as ``(primal, tangent)``; the tangent is ``None`` if it has none.

    Example:
        >>> import rustorch
        >>> rustorch.autograd.forward_ad.unpack_dual(rustorch.ones(1))
        UnpackedDualTensor(primal=tensor([1.]), tangent=None)
    """
    current = local.level
    if current is None and (level is None or level < 0):
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}")
    node = node_of(tensor)
    if level not in (None, 0):
        if current is not None and current.moves(node):
            raise RustorchRuntimeError("Invalid level given to _fw_primal")
        return UnpackedDualTensor(_reading(tensor, PRIMAL), None)
    found = current.given.get(node)
    if found is None and (moved := current.tangent(node)) is not None:
        found = wrap(moved)
    return UnpackedDualTensor(_reading(tensor, PRIMAL), found)


class dual_level(_Mode):
    """A context in which dual tensors can be made; also a decorator.

    Example:
        >>> import rustorch
        >>> from rustorch.autograd import forward_ad
        >>> with forward_ad.dual_level():
        ...     x = forward_ad.make_dual(rustorch.zeros(2), rustorch.ones(2))
        ...     forward_ad.unpack_dual(x.sin())
        UnpackedDualTensor(primal=tensor([0., 0.]), tangent=tensor([1., 1.]))
    """

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exc):
        exit_dual_level()


class _set_fwd_grad_enabled(_Mode):
    """Whether what is recorded passes tangents on, at once and, as a context, until its end."""

    def __init__(self, mode: bool):
        self.mode, self.level = bool(mode), local.level
        self.before = _is_fwd_grad_enabled()
        self._switch(self.mode)

    def _switch(self, on: bool) -> None:
        off = self.level.off if self.level is not None else []
        if self.level is None or on == (not off or off[-1][1] is not None):
            return
        if on:
            off[-1][1] = next_seq()
        else:
            off.append([next_seq(), None])

    def clone(self):
        return type(self)(self.mode)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._switch(self.before)


def _is_fwd_grad_enabled() -> bool:
    """Do tangents pass through what is recorded now?"""
    off = local.level.off if local.level is not None else []
    return not off or off[-1][1] is not None
