"""Parameters and buffers: the tensors a module owns.

A ``Parameter`` is an ordinary tensor whose *type* tells ``Module.__setattr__`` to register it;
it shares storage with the tensor it was made from. A ``Buffer`` says the same for state that
is saved and moved with the module but not optimised.
"""

from collections import OrderedDict

from rustorch.autograd.modes import no_grad
from rustorch.eager import ops as T
from rustorch.eager.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module lists in ``parameters()``.

    Arguments:
        data: tensor of any shape and dtype whose storage the parameter shares (default: an
            empty float tensor).
        requires_grad: whether autograd tracks it; integer data must pass ``False``.

    Source: PyTorch definition.

    >>> import rustorch as torch
    >>> torch.nn.Parameter(torch.zeros(2)).requires_grad
    True
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = T.empty(0)
        return Tensor._make_subclass(cls, data, requires_grad)

    def __init__(self, data=None, requires_grad=True):
        pass  # everything is done in __new__; this only absorbs the arguments

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        with no_grad():
            copied = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        # No hooks are saved: they are closures of the running program.
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict())


class Buffer(Tensor):
    """A tensor that a module lists in ``buffers()``.

    Arguments:
        data: tensor of any shape and dtype whose storage the buffer shares.
        persistent: whether ``state_dict()`` includes it.

    Source: PyTorch definition.

    >>> import rustorch as torch
    >>> module = torch.nn.Module()
    >>> module.steps = torch.nn.Buffer(torch.zeros(1))
    >>> list(module.state_dict())
    ['steps']
    """

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = T.empty(0)
        buffer = Tensor._make_subclass(cls, data, data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data=None, *, persistent=True):
        pass

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.detach().clone(), persistent=self.persistent)
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol):
        return _rebuild_buffer, (self.data, self.persistent)


class UninitializedTensorMixin:
    """Shared by the placeholders that lazy modules hold until they have seen an input."""

    _message = (
        "Attempted to use an uninitialized parameter in {}. "
        "This error happens when you are using a `LazyModule` or "
        "explicitly manipulating `torch.nn.parameter.{}` "
        "objects. When using LazyModules Call `forward` with a dummy batch "
        "to initialize the parameters before calling torch functions"
    )

    def materialize(self, shape, device=None, dtype=None):
        """Turn this placeholder, in place, into a real tensor of ``shape``."""
        self.data = T.empty(
            tuple(shape),
            device=self.data.device if device is None else device,
            dtype=self.data.dtype if dtype is None else dtype,
        )
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. "
            "This error usually happens in `load_state_dict` when trying to load "
            "an uninitialized parameter into an initialized one. "
            "Call `forward` to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. "
            "Call `forward` to initialize the parameters before calling "
            "`module.share_memory()`."
        )

    def __repr__(self):
        return f"<{type(self).__name__}>"


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet; ``materialize(shape)`` makes it real."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return Tensor._make_subclass(cls, T.empty(0, device=device, dtype=dtype), requires_grad)

    def __init__(self, requires_grad=True, device=None, dtype=None):
        pass

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol):
        return UninitializedParameter, (self.requires_grad, None, self.data.dtype)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet; ``materialize(shape)`` makes it real."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        buffer = Tensor._make_subclass(cls, T.empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        return buffer

    def __init__(self, requires_grad=False, device=None, dtype=None, persistent=True):
        pass


def is_lazy(tensor):
    """Whether ``tensor`` still waits for its shape."""
    return isinstance(tensor, UninitializedTensorMixin)


def _rebuild_parameter(data, requires_grad, backward_hooks):
    return Parameter(data, requires_grad)


def _rebuild_buffer(data, persistent):
    return Buffer(data, persistent=persistent)
