"""What a ``Function`` keeps for its derivatives, and how it looks as a step of the backward pass."""

from __future__ import annotations

import warnings

from rustorch.autograd.grad_fn import GradFn, owner
from rustorch.eager.recorder import refuse_inference, wrap
from rustorch.eager.state import local
from rustorch.eager.storage import INFERENCE
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import GraphFreedError, RustorchRuntimeError

FREED_MESSAGE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)


class FunctionCtx:
    """What ``forward`` leaves for ``backward``; any attribute may be set."""

    def __init__(self):
        self._to_save = ()
        self._to_save_forward = ()
        self._reads = None  # of every saved tensor, a function that gives it; None before `forward` ended
        self._reads_forward = ()
        self._forward_mode = False
        self._dirty = ()
        self._non_differentiable = ()
        self._materialize = True
        self._freed = False
        self._outputs = ()  # of every output, its place among the tensors; None if it is none
        self.needs_input_grad = ()

    def save_for_backward(self, *tensors):
        """Keep tensors (or ``None``) for ``backward``, as ``saved_tensors``."""
        self._to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors (or ``None``) for ``jvp``, as ``saved_tensors``.

        Raises:
            AssertionError: something else than a tensor.
        """
        for t in tensors:
            if not (isinstance(t, Tensor) or t is None):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes "
                    "on ctx."
                )
        self._to_save_forward = tensors

    @property
    def saved_tensors(self):
        """The tensors kept; an error once the graph was freed."""
        if self._freed:
            raise GraphFreedError(FREED_MESSAGE)
        reads = self._reads_forward if self._forward_mode and self._reads_forward else self._reads
        return tuple([read() for read in reads or ()])

    def mark_dirty(self, *args):
        """Say which inputs ``forward`` changed in place."""
        self._dirty = args

    def mark_non_differentiable(self, *args):
        """Say which outputs have no gradient."""
        self._non_differentiable = args

    def mark_shared_storage(self, *pairs):
        """Nothing: aliases are found without help."""
        warnings.warn(
            "mark_shared_storage is deprecated. Tensors with shared storages are automatically tracked.",
            FutureWarning,
            stacklevel=2,
        )

    def set_materialize_grads(self, value: bool):
        """Give ``backward`` ``None`` instead of zeros for outputs nobody used."""
        self._materialize = value

    def _check(self) -> None:
        for i, t in enumerate(self._to_save):
            if not (isinstance(t, Tensor) or t is None):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}"
                )
        for what, marked in (
            ("mark_dirty can only accept variables, but argument ", self._dirty),
            ("mark_non_differentiable only accepts variable arguments, but got ", self._non_differentiable),
        ):
            for t in marked:
                if not isinstance(t, Tensor):
                    raise RustorchRuntimeError(f"{what}{type(t).__name__}")

    def _kept_elsewhere(self, value_of) -> None:
        """Read saved values that are not leaves by ``value_of(node)`` from now on."""
        for read in self._reads or ():
            if isinstance(read, _Reader) and read.leaf is None:
                read.elsewhere = value_of

    def _keep(self, outputs, wrapped) -> None:
        """Fix what was saved: results carry their new place on the tape, for second derivatives."""
        swap = {id(o): w for o, w in zip(outputs, wrapped)}
        refuse_inference(local.refusing and any(t is not None and t._storage in INFERENCE for t in self._to_save))
        hooks = local.packing
        self._reads = [_reader(swap.get(id(t), t), hooks) for t in self._to_save]
        self._reads_forward = [_reader(swap.get(id(t), t), None) for t in self._to_save_forward]
        self._to_save = self._to_save_forward = self._dirty = self._non_differentiable = ()


class _Reader:
    """Gives a saved tensor as it was, whatever is written to it later."""

    def __init__(self, t: Tensor):
        self.node = node_of(t)
        self.leaf = t if t._leaf else None
        self.elsewhere = None  # where to look for the value instead

    def __call__(self) -> Tensor:
        if self.elsewhere is not None:
            return wrap(self.elsewhere(self.node))
        return self.leaf if self.leaf is not None and node_of(self.leaf) is self.node else wrap(self.node)


def _reader(t: Tensor | None, hooks):
    """A function that gives the tensor back."""
    if t is None:
        return _nothing
    return _Reader(t) if hooks is None else hooks.pack_tensor(t)


def _nothing() -> None:
    return None


class BackwardCFunction(GradFn):
    """The step of a ``Function``: also has what ``forward`` left in its context."""

    __slots__ = ()

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(owner(self.node).meta.custom[1], name)
