"""``rustorch.testing``: assertions that say what differs, and random tensors for tests."""

from __future__ import annotations

import cmath
from collections.abc import Mapping, Sequence
from numbers import Number

import numpy as np

from rustorch import dtypes
from rustorch.eager import ops as T
from rustorch.eager.convert import tensor
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.layouts import strided
from rustorch.limits import finfo

# dtype: (rtol, atol); other dtypes are compared exactly
TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}
_OF_NUMBERS = {int: dtypes.int64, float: dtypes.float64, complex: dtypes.complex128}


def assert_close(
    actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False,
    check_device=True, check_dtype=True, check_layout=True, check_stride=False, msg=None,
) -> None:  # fmt: skip
    """Assert that ``|actual - expected| <= atol + rtol * |expected|`` everywhere.

    Args:
        actual, expected: tensors, arrays, numbers, ``None``, or sequences and mappings of such.
        rtol, atol: both or none; none: by the coarser dtype, as ``TOLERANCES``; integers and bools are equal or not.
        equal_nan: are NaNs equal? msg: the message, or a function from the generated one to it.

    Raises:
        AssertionError: values, shapes or the facts that are checked differ. TypeError: objects that cannot be compared.
        ValueError: only one of rtol and atol.

    Source: PyTorch's ``torch.testing.assert_close``.

    Example:
        >>> import rustorch
        >>> rustorch.testing.assert_close(rustorch.tensor([1.0]), rustorch.tensor([1.0 + 1e-7]))
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    facts = ["shape"] + ["device"] * check_device + ["dtype"] * check_dtype + ["layout"] * check_layout
    compare = _Comparison(rtol, atol, equal_nan, allow_subclasses, [*facts, *["stride"] * check_stride])
    try:
        compare.any(actual, expected, ())
    except _Differs as found:
        text = str(found)
        raise AssertionError(msg(text) if callable(msg) else msg or text) from None


class _Differs(Exception):
    """What differs, and at which item."""

    def __init__(self, text: str, path: tuple):
        where = "".join(f"[{key!r}]" for key in path)
        super().__init__(f"{text}\n\nThe failure occurred for item {where}" if path else text)


class _Comparison:
    """One call of ``assert_close``: its options, and a method for each kind of object."""

    def __init__(self, rtol, atol, equal_nan, allow_subclasses, facts):
        self.tolerances = None if rtol is None else (rtol, atol)
        self.equal_nan, self.allow_subclasses, self.facts = equal_nan, allow_subclasses, facts

    def any(self, actual, expected, path) -> None:
        if actual is None or expected is None:
            if actual is not expected:
                raise _Differs(f"None mismatch: {actual} is not {expected}", path)
        elif _both(actual, expected, Tensor) and (self.allow_subclasses or type(actual) is type(expected)):
            self.tensors(actual, expected, path)
        elif _both(actual, expected, np.ndarray):
            self.tensors(tensor(actual), tensor(expected), path)
        elif _both(actual, expected, (bool, np.bool_)):
            if actual != expected:
                raise _Differs(f"Booleans mismatch: {actual} is not {expected}", path)
        elif _both(actual, expected, Number):
            self.numbers(actual, expected, path)
        elif _both(actual, expected, Sequence) and not isinstance(actual, str):
            if len(actual) != len(expected):
                raise _Differs(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path)
            for i, pair in enumerate(zip(actual, expected)):
                self.any(*pair, (*path, i))
        elif _both(actual, expected, Mapping):
            self.mappings(actual, expected, path)
        else:
            raise TypeError(
                f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
            )

    def mappings(self, actual, expected, path) -> None:
        missing, more = sorted(set(expected) - set(actual)), sorted(set(actual) - set(expected))
        if missing or more:
            raise _Differs(
                f"The keys of the mappings do not match:\nMissing keys in the actual mapping: {missing}\n"
                f"Additional keys in the actual mapping: {more}",
                path,
            )
        for key in expected:
            self.any(actual[key], expected[key], (*path, key))

    def numbers(self, actual, expected, path) -> None:
        if type(actual) is not type(expected) and "dtype" in self.facts:
            raise _Differs(f"The (d)types do not match: {type(actual)} != {type(expected)}.", path)
        dtype = max(_OF_NUMBERS[_kind(actual)], _OF_NUMBERS[_kind(expected)], key=lambda d: d.itemsize)
        self.scalars(actual, expected, self._tolerances(dtype, dtype), path)

    def scalars(self, actual, expected, tolerances, path) -> None:
        rtol, atol = tolerances
        off = abs(actual - expected)
        nan = cmath.isnan(actual) and cmath.isnan(expected) and self.equal_nan
        if actual == expected or nan or (cmath.isfinite(expected) and off <= atol + rtol * abs(expected)):
            return
        share = off / abs(expected) if expected else float("inf")
        raise _Differs(
            f"{_headline('Scalars', tolerances)}Expected {expected} but got {actual}.\n"
            f"Absolute difference: {off}{_allowed(atol, tolerances)}\n"
            f"Relative difference: {share}{_allowed(rtol, tolerances)}",
            path,
        )

    def tensors(self, actual, expected, path) -> None:
        for fact in self.facts:
            values = [x.stride() if fact == "stride" else getattr(x, fact) for x in (actual, expected)]
            if values[0] != values[1]:
                name = "stride()" if fact == "stride" else fact
                raise _Differs(f"The values for attribute '{name}' do not match: {values[0]} != {values[1]}.", path)
        tolerances = self._tolerances(actual.dtype, expected.dtype)
        common = dtypes.promote_types(actual.dtype, expected.dtype)
        a, b = (_host(x, common) for x in (actual, expected))
        if not a.shape:
            return self.scalars(a.item(), b.item(), tolerances, path)
        rtol, atol = tolerances
        with np.errstate(all="ignore"):
            off = np.abs(a - b)
            close = (a == b) | (np.isfinite(b) & (off <= atol + rtol * np.abs(b)))
            if self.equal_nan:
                close |= np.isnan(a) & np.isnan(b)
            if close.all():
                return None
            # The quotient in the precision that the tensors have; of integers, in single precision.
            exact = off.dtype if common.is_complex else common.numpy if common.is_floating_point else np.float32
            share = off.astype(exact) / np.abs(b).astype(exact)
        off, share = (np.where(close, 0, x) for x in (off, share))
        wrong = int(close.size - close.sum())
        raise _Differs(
            f"{_headline('Tensor-likes', tolerances)}"
            f"Mismatched elements: {wrong} / {close.size} ({wrong / close.size:.1%})\n"
            f"Greatest absolute difference: {_largest(off)}{_allowed(atol, tolerances)}\n"
            f"Greatest relative difference: {_largest(share)}{_allowed(rtol, tolerances)}",
            path,
        )

    def _tolerances(self, *found) -> tuple:
        if self.tolerances is not None:
            return self.tolerances
        given = [TOLERANCES.get(d, (0, 0)) for d in found]
        return max(r for r, _ in given), max(a for _, a in given)


def _both(actual, expected, kind) -> bool:
    return isinstance(actual, kind) and isinstance(expected, kind)


def _kind(x) -> type:
    return next(kind for kind in (int, float, complex) if isinstance(x, (kind, *_NUMPY[kind])))


_NUMPY = {int: (np.integer,), float: (np.floating,), complex: (np.complexfloating,)}


def _host(x: Tensor, dtype) -> np.ndarray:
    """The values in a dtype that NumPy computes in: bools are counted, short floats are single."""
    x = x.detach().to_dense() if x.layout is not strided and hasattr(x, "to_dense") else x.detach()
    if dtype is dtypes.bool_ or not (dtype.is_floating_point or dtype.is_complex):
        dtype = dtypes.int64
    elif dtype.itemsize < 4:
        dtype = dtypes.float32
    return x.to(dtype).numpy(force=True)


def _headline(what: str, tolerances) -> str:
    return f"{what} are not {'close' if any(tolerances) else 'equal'}!\n\n"


def _allowed(tolerance, tolerances) -> str:
    return f" (up to {tolerance} allowed)" if any(tolerances) else ""


def _largest(values) -> str:
    at = np.unravel_index(int(np.argmax(values)), values.shape)
    return f"{np.asarray(values[at]).item()} at index {tuple(int(i) for i in at)}"


def make_tensor(
    *shape, dtype, device="cpu", low=None, high=None, requires_grad=False, noncontiguous=False,
    exclude_zero=False, memory_format=None,
) -> Tensor:  # fmt: skip
    """A tensor of ``shape`` with numbers drawn evenly from [low, high).

    Args:
        low, high: default -9 and 9 for floats and signed integers, 0 and 9 for bytes, 0 and 2 for bools.
        noncontiguous: every second element of a larger tensor. exclude_zero: the smallest number instead of 0.

    Raises:
        ValueError: an empty interval, or noncontiguous with a memory format. RuntimeError: requires_grad of integers.

    Source: PyTorch's ``torch.testing.make_tensor``.

    Example:
        >>> import rustorch
        >>> rustorch.testing.make_tensor(2, 3, dtype=rustorch.float32).shape
        torch.Size([2, 3])
    """
    shape = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    floats = dtype.is_floating_point or dtype.is_complex
    least, most = (0, 2) if dtype is dtypes.bool_ else (0, 10) if dtype is dtypes.uint8 else (-9, 9 if floats else 10)
    low, high = least if low is None else low, most if high is None else high
    if low >= high:
        raise ValueError(f"make_tensor: `low` must be less than `high`. Received: low={low}, high={high}")
    if noncontiguous and memory_format is not None:
        raise ValueError(f"make_tensor: noncontiguous goes with no memory format. Received: {memory_format}")
    if requires_grad and not floats:
        raise RustorchRuntimeError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    drawn = (*shape[:-1], 2 * shape[-1]) if noncontiguous and shape else shape
    if dtype.is_complex:
        parts = dtypes.float32 if dtype.itemsize == 8 else dtypes.float64
        out = T.complex(*[T.empty(drawn, dtype=parts, device=device).uniform_(low, high) for _ in range(2)])
    elif floats:
        out = T.empty(drawn, dtype=dtype, device=device).uniform_(low, high)
    else:
        out = T.randint(int(low), int(high), drawn, device=device).to(dtype)
    if noncontiguous and shape:
        out = out[..., ::2]
    if exclude_zero:
        least = 1 if not floats else finfo(dtype).tiny
        out = T.where(out == 0, T.full_like(out, least), out)
    if memory_format is not None:
        out = out.clone(memory_format=memory_format)
    return out.detach().requires_grad_() if requires_grad else out
