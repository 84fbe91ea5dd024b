"""``Tensor``: a mutable handle on a storage whose node says how to compute the value.

The class is bare here; `rustorch.eager.methods` and the op table hang its methods on it.
"""

from __future__ import annotations


class Tensor:
    """A multi-dimensional array that records what is done to it.

    Reading a value (``item``, ``numpy``, ``print``, ``bool``) computes it, together with
    everything else that is pending, as one XLA program.

    Example:
        >>> import rustorch
        >>> x = rustorch.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    # Set on every tensor: `_storage`, `_node` (this alias's reading of it), `_epoch` (when).
    _parent = None  # the tensor that this one is a view of
    _view = None  # how: (op, template, numbers)
    _leaf = False  # a leaf that requires grad
    _grad = None
    _backward_hooks = None
    __array_priority__ = 1000  # NumPy leaves binary operators to us
