"""``ValuedTensor``: what tensors without a storage of their own hand through to the dense tensor of their values."""

from __future__ import annotations

from rustorch.eager.foreign import NotDense
from rustorch.eager.tensor import Tensor


class ValuedTensor(Tensor):
    """A tensor made of ``_values_``, which carries dtype, device and gradient; ``_with(values)`` is it with others."""

    _epoch = -1  # never that of a storage: whoever compares asks for the storage, which raises

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    @property
    def _storage(self):
        raise NotDense(self)

    @property
    def dtype(self):
        """Element type."""
        return self._values_.dtype

    @property
    def device(self):
        """Where the values live."""
        return self._values_.device

    @property
    def requires_grad(self) -> bool:
        """Do the values have a gradient path?"""
        return self._values_.requires_grad

    @requires_grad.setter
    def requires_grad(self, flag):
        self._values_.requires_grad_(flag)

    def requires_grad_(self, requires_grad=True):
        """Start or stop accumulating a gradient, which is of this tensor's kind."""
        self._values_.requires_grad_(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """True unless computed from something that requires grad."""
        return self._values_.is_leaf

    @property
    def grad_fn(self):
        """The step that made the values."""
        return self._values_.grad_fn

    @property
    def grad(self):
        """The accumulated gradient, of this tensor's kind; ``None`` before the first backward."""
        g = self._values_.grad
        return None if g is None else self._with(g)

    @grad.setter
    def grad(self, value):
        self._values_.grad = None if value is None else value._values_

    @grad.deleter
    def grad(self):
        self._values_.grad = None

    def detach(self):
        """The same values without gradient path."""
        return self._with(self._values_.detach())

    def cpu(self, memory_format=None):
        """The tensor on the host."""
        return self.to("cpu")

    def cuda(self, device=None, non_blocking=False, memory_format=None):
        """The tensor on a GPU."""
        return self.to("cuda" if device is None else device)
