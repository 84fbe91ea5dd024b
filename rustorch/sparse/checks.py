"""What the parts of a sparse tensor must satisfy: sizes always, values of indices where checks are switched on."""

from __future__ import annotations

import threading

import numpy as np

from rustorch.eager.dynamic import host
from rustorch.eager.modes import _Mode
from rustorch.errors import check


class _State(threading.local):
    enabled = False


_state = _State()


class check_sparse_tensor_invariants(_Mode):
    """Whether constructors look at the indices: a context, a decorator, ``enable()`` and ``disable()``.

    Args:
        enable: on or off inside the context.

    Example:
        >>> import rustorch
        >>> with rustorch.sparse.check_sparse_tensor_invariants():
        ...     rustorch.sparse_coo_tensor([[5]], [1.0], (2,))
        Traceback (most recent call last):
        ...
        rustorch.errors.RustorchRuntimeError: size is inconsistent with indices: for dim 0, size is 2 but found index 5
    """

    def __init__(self, enable: bool = True):
        self.state, self.before = enable, []

    def clone(self):
        return type(self)(self.state)

    def __enter__(self):
        self.before.append(_state.enabled)
        _state.enabled = self.state

    def __exit__(self, *exc):
        _state.enabled = self.before.pop()

    @staticmethod
    def is_enabled() -> bool:
        """Do constructors look at indices in this thread?"""
        return _state.enabled

    @staticmethod
    def enable() -> None:
        """Look at indices from now on."""
        _state.enabled = True

    @staticmethod
    def disable() -> None:
        """Do not look at indices from now on."""
        _state.enabled = False


def wanted(flag) -> bool:
    """A constructor's ``check_invariants`` argument."""
    return _state.enabled if flag is None else flag


def check_coo(indices, sizes) -> None:
    """Every index is inside its dimension.

    Raises:
        RuntimeError: a negative index, or one too large.
    """
    for d, (row, n) in enumerate(zip(host(indices), sizes)):
        if row.size:
            check(row.min() >= 0, f"found negative index {row.min()} for dim {d}")
            check(
                row.max() < n,
                f"size is inconsistent with indices: for dim {d}, size is {n} but found index {row.max()}",
            )


def check_compressed(ends, plain, n: int, ends_name: str, plain_name: str) -> None:
    """Pointers grow from 0 to nnz by at most a row; indices are inside, sorted and distinct in each row.

    Raises:
        RuntimeError: the invariant that does not hold, as PyTorch words it.
    """
    side, count = ("row", "ncols") if ends_name.startswith("crow") else ("col", "nrows")
    ends, plain = host(ends), host(plain)
    nnz = plain.shape[-1]
    check((ends[..., 0] == 0).all(), f"`{ends_name}[..., 0] == 0` is not satisfied.")
    check((ends[..., -1] == nnz).all(), f"`{ends_name}[..., -1] == nnz` is not satisfied.")
    steps = np.diff(ends, axis=-1)
    check(
        ((steps >= 0) & (steps <= n)).all(),
        f"`0 <= {ends_name}[..., 1:] - {ends_name}[..., :-1] <= {count}` is not satisfied.",
    )
    check(((plain >= 0) & (plain < n)).all(), f"`0 <= {plain_name} < {count}` is not satisfied.")
    rows = [np.repeat(np.arange(s.size), s) for s in steps.reshape(-1, steps.shape[-1])]
    for major, minor in zip(rows, plain.reshape(-1, nnz)):
        key = major * n + minor
        check(
            (key[:-1] < key[1:]).all(),
            f"`{plain_name}[..., {ends_name}[..., i - 1]:{ends_name}[..., i]] for all i = 1, ..., n{side}s are sorted "
            "and distinct along the last dimension values` is not satisfied.",
        )
