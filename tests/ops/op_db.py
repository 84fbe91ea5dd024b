"""PyTorch's op database: its entries with rustorch's function for each, their samples, and how results are compared."""

from itertools import islice

import numpy as np
import torch
from derivative_calls import RANDOM, SPELLED, few, pool_samples
from derivative_oracle import lookup, to_rustorch
from torch.testing._internal.common_device_type import toleranceOverride
from torch.testing._internal.common_methods_invocations import op_db

import rustorch

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "int64": torch.int64,
    "bool": torch.bool,
    "complex64": torch.complex64,
}
MORE_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "int32": torch.int32, "uint8": torch.uint8}

# What the database calls by another name than its own: rustorch's function.
NAMES = {
    "__getitem__": lambda x, i: x[i],
    "__radd__": lambda x, y: y + x,
    "__rand__": lambda x, y: y & x,
    "__rdiv__": lambda x, y: y / x,
    "__rmatmul__": lambda x, y: y @ x,
    "__rmod__": lambda x, y: y % x,
    "__rmul__": lambda x, y: y * x,
    "__ror__": lambda x, y: y | x,
    "__rpow__": lambda x, y: y**x,
    "__rsub__": lambda x, y: y - x,
    "__rxor__": lambda x, y: y ^ x,
    "linalg.lstsq-grad_oriented": lambda a, b, driver=None: rustorch.linalg.lstsq(a, b, driver=driver)[:2],
    "normal-in_place": lambda x, *args, **kwargs: x.clone().normal_(*args, **kwargs),
    "polygamma": lambda x, n, **kwargs: rustorch.polygamma(n, x, **kwargs),
    "special.polygamma": lambda x, n, **kwargs: rustorch.special.polygamma(n, x, **kwargs),
    "where": lambda x, condition, other, **kwargs: rustorch.where(condition, x, other, **kwargs),
}
IN_PLACE_ONLY = {"cauchy", "exponential", "geometric", "log_normal", "uniform"}
FILLED_BY_CHANCE = {
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
    "resize_",
    "resize_as_",
}
ONLY_SHAPES = RANDOM | FILLED_BY_CHANCE | {"bernoulli", "pca_lowrank", "svd_lowrank"}


# Sums of products with cancellation, and recurrences: the error is relative to the largest number, also PyTorch's.
NORMWISE = tuple(
    "cdist fft. special.hermite nn.functional.multi_head_attention_forward nn.functional.linear_cross_entropy __rpow__".split()
)

# Which of equal elements they find is not defined; thousands of 16-bit numbers have equal ones among them.
TIES = {"kthvalue", "topk"}
TIES_OF_FEW_VALUES = {"sort", "mode"}  # of 16-bit numbers and small integers


class Entry:
    """One entry of the database and rustorch's function for it."""

    def __init__(self, info):
        self.info, self.name = info, info.name
        self.id = f"{info.name}-{info.variant_test_name}" if info.variant_test_name else info.name
        self.ours = self._find()
        self.tolerances = _tolerances(info)

    def _find(self):
        named = NAMES.get(self.id) or NAMES.get(self.name)
        if named is not None:
            return named
        spelled = SPELLED.get(self.id.replace("-", " ")) or SPELLED.get(self.name)
        if spelled is not None and self.name not in ("linalg.lstsq", "zero_"):
            return spelled(rustorch)
        if self.name in IN_PLACE_ONLY:
            return lambda x, *args, **kwargs: getattr(x.clone(), self.name + "_")(*args, **kwargs)
        return lookup(self.name.removeprefix("torch."))

    def samples(self, dtype, limit=None):
        """Its samples of one dtype: all, or a few that differ most."""
        torch.manual_seed(0)
        found = [self._settled(s) for s in islice(self.info.sample_inputs("cpu", dtype, requires_grad=False), 300)]
        return found if limit is None else few(found, limit)

    def _settled(self, sample):
        """The sample without dropout, and with fractional pooling's windows: both would be drawn."""
        if "dropout_p" in sample.kwargs:
            sample.kwargs = {**sample.kwargs, "dropout_p": 0.0}
        if self.name == "nn.functional.multi_head_attention_forward":
            sample.args = (*sample.args[:9], 0.0, *sample.args[10:])
        if self.name.startswith("nn.functional.fractional_max_pool"):
            drawn = pool_samples(sample.input, 2 if self.name.endswith("2d") else 3)
            sample.kwargs = {"_random_samples": drawn, **sample.kwargs}
        return sample

    def exact(self, sample):
        """PyTorch's result in double precision, where its own in single precision is the less exact one."""
        args, kwargs = _wide([sample.input, *sample.args]), _wide(sample.kwargs)
        result, refused = attempt(self.info.op, *args, **kwargs)
        return None if refused is not None else result

    def supports(self, dtype) -> bool:
        """Has PyTorch this op for the dtype, on the CPU?"""
        return dtype in self.info.dtypes

    @property
    def dtype(self):
        """The dtype of samples for its in-place and ``out=`` forms."""
        return next((d for d in (torch.float32, torch.int64, torch.bool) if self.supports(d)), torch.complex64)


def _tolerances(info) -> dict:
    """The widest tolerances that PyTorch's own tests give the op, by dtype; none where the usual ones do."""
    found = {}
    for decorator in info.decorators:
        for given in getattr(decorator, "decorators", [decorator]):
            for dtype, t in given.d.items() if isinstance(given, toleranceOverride) else ():
                before = found.get(dtype, {"atol": 0.0, "rtol": 0.0})
                found[dtype] = {"atol": max(before["atol"], t.atol), "rtol": max(before["rtol"], t.rtol)}
    return found


ENTRIES = [Entry(info) for info in op_db]


def convert(x):
    """PyTorch's arguments as rustorch's."""
    if isinstance(x, torch.Tensor) and x.layout is torch.sparse_csr:
        return rustorch.sparse_csr_tensor(
            to_rustorch(x.crow_indices()), to_rustorch(x.col_indices()), to_rustorch(x.values()), tuple(x.shape)
        )
    if isinstance(x, torch.Tensor) and x.layout is torch.sparse_coo:
        return rustorch.sparse_coo_tensor(to_rustorch(x._indices()), to_rustorch(x._values()), tuple(x.shape))
    if isinstance(x, torch.Tensor):
        return to_rustorch(x) if x.dtype is not torch.bfloat16 else to_rustorch(x.float()).to(rustorch.bfloat16)
    if isinstance(x, torch.Size):
        return tuple(x)
    if type(x) in (tuple, list):
        return type(x)(map(convert, x))
    if isinstance(x, dict):
        return {k: convert(v) for k, v in x.items()}
    if isinstance(x, slice):
        return slice(convert(x.start), convert(x.stop), convert(x.step))
    if isinstance(x, torch.dtype | torch.memory_format | torch.layout):
        return getattr(rustorch, str(x).split(".")[1], str(x))
    if isinstance(x, torch.device):
        return rustorch.device(str(x))
    if isinstance(x, torch.Generator):
        return rustorch.Generator()
    if isinstance(x, torch.nn.PairwiseDistance):
        return rustorch.nn.PairwiseDistance(x.norm, x.eps, x.keepdim)
    name = getattr(x, "__name__", "?")
    if callable(x) and getattr(torch.nn.functional, name, None) is x:
        return getattr(rustorch.nn.functional, name)
    return x


def clone(x):
    """PyTorch's arguments with tensors of their own."""
    if isinstance(x, torch.Tensor):
        return x.clone()
    if type(x) in (tuple, list):
        return type(x)(map(clone, x))
    if isinstance(x, dict):
        return {k: clone(v) for k, v in x.items()}
    return x


_WIDE = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


def _wide(x):
    """PyTorch's arguments in double precision."""
    if isinstance(x, torch.Tensor):
        return x.to(_WIDE[x.dtype]) if x.dtype in _WIDE else x.clone()
    if isinstance(x, torch.dtype):
        return _WIDE.get(x, x)
    if type(x) in (tuple, list):
        return type(x)(map(_wide, x))
    return {k: _wide(v) for k, v in x.items()} if isinstance(x, dict) else x


def narrowed(exact, like):
    """A result in double precision in the dtypes of ``like``; None if it has not its form."""
    pairs = list(zip(flat(exact), flat(like)))
    same = len(flat(exact)) == len(flat(like)) and all(
        isinstance(e, torch.Tensor) == isinstance(t, torch.Tensor) for e, t in pairs
    )
    return [e.to(t.dtype) if isinstance(t, torch.Tensor) else t for e, t in pairs] if same else None


def flat(out) -> list:
    """Tensors and plain values of a result, in order."""
    if isinstance(out, (tuple, list)):
        return [t for x in out for t in flat(x)]
    return [out]


def attempt(fn, *args, **kwargs):
    """``(result, None)`` or ``(None, error)``."""
    try:
        return fn(*args, **kwargs), None
    except Exception as error:
        return None, error


def differ(ours, theirs, only_shapes: bool, tolerances=None, ties=False) -> str | None:
    """What is different between two results; with ``ties``, whole numbers beside them are positions that may differ."""
    a, b = flat(ours), flat(theirs)
    if len(a) != len(b):
        return f"{len(a)} results, not {len(b)}"
    for x, y in zip(a, b):
        if not isinstance(y, torch.Tensor):
            if isinstance(y, torch.Size | torch.dtype):
                x, y = str(x).replace("rustorch", "torch"), str(y)
            if x != y and not (x != x and y != y):
                return f"{x!r}, not {y!r}"
            continue
        if not isinstance(x, rustorch.Tensor):
            return f"a {type(x).__name__}, not a tensor"
        if str(x.dtype).split(".")[1] != str(y.dtype).split(".")[1]:
            return f"dtype {x.dtype}, not {y.dtype}"
        if tuple(x.shape) != tuple(y.shape):
            return f"shape {tuple(x.shape)}, not {tuple(y.shape)}"
        if not (only_shapes or ties and y is not b[0] and y.dtype is torch.int64):
            wrong = _values(x, y, tolerances)
            if wrong:
                return wrong
    return None


def _few(dtype) -> bool:
    """Does a large tensor of this dtype have to hold equal numbers?"""
    return dtype.itemsize <= 2 or not dtype.is_floating_point


def _values(x, y, tolerances=None) -> str | None:
    y = y.detach()
    if y.layout is not torch.strided:
        x, y = x.to_dense(), y.to_dense()
    y = y.resolve_conj().resolve_neg()
    narrow = x.dtype.is_floating_point and x.dtype not in (rustorch.float16, rustorch.float32, rustorch.float64)
    got = torch.from_numpy(np.array((x.float() if narrow else x).detach().numpy())).to(y.dtype)
    for tolerance in ({}, (tolerances or {}).get(y.dtype)):
        if tolerance is not None:
            _, wrong = attempt(torch.testing.assert_close, got, y, equal_nan=True, **tolerance)
            if wrong is None:
                return None
            text = " ".join(str(wrong).split())[:200]
    return text


def compared(entry, s, ours, theirs) -> str | None:
    """What is different, after what the sample does to results, also to PyTorch's result in double precision."""
    only_shapes = entry.name in ONLY_SHAPES
    ties = entry.name in TIES or entry.name in TIES_OF_FEW_VALUES and _few(s.input.dtype)

    def difference(b):
        wrong, error = attempt(
            lambda: differ(
                s.output_process_fn_grad(ours), s.output_process_fn_grad(b), only_shapes, entry.tolerances, ties
            )
        )
        return wrong if error is None else f"{type(error).__name__}: {str(error)[:150]}"

    wrong = difference(theirs)
    if wrong and "not close" in wrong:
        exact = narrowed(entry.exact(s), theirs)
        if exact is not None:
            exact = exact[0] if isinstance(theirs, torch.Tensor) else type(theirs)(exact)
            roundings = 4 if entry.name.startswith(NORMWISE) else 0
            return wrong if difference(exact) and not _near(ours, exact, theirs, roundings) else None
    return wrong


def _near(ours, exact, theirs, roundings) -> bool:
    """Is no element further from the exact result than PyTorch's furthest, or than roundings of the largest number?"""
    for x, e, t in zip(flat(ours), flat(exact), flat(theirs)):
        wide = torch.complex128 if e.is_complex() else torch.float64
        got = torch.from_numpy(np.array((x if x.dtype.is_complex else x.double()).detach().numpy())).to(wide)
        allowed = max(_far(t.to(wide), e.to(wide)), roundings * torch.finfo(e.dtype).eps * _far(e.to(wide), 0))
        if not e.is_floating_point() and not e.is_complex() or not _far(got, e.to(wide)) <= allowed:
            return False
    return True


def _far(x, y) -> float:
    return float((x - y).abs().max()) if x.numel() else 0.0


def show(s) -> str:
    def one(x):
        if isinstance(x, torch.Tensor):
            return f"{str(x.dtype)[6:]}{list(x.shape)}"
        if isinstance(x, (tuple, list)):
            return f"({', '.join(map(one, x))})"
        if isinstance(x, dict):
            return ", ".join(f"{k}={one(v)}" for k, v in x.items())
        return repr(x)[:40]

    return f"({', '.join(map(one, (s.input, *s.args)))}; {one(s.kwargs)})"[:160]
