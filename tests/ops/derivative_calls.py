"""PyTorch's op database as calls for both libraries, and rows of our own for what it lacks."""

from itertools import islice

import torch
from derivative_oracle import Call, lookup
from torch.testing._internal.common_methods_invocations import op_db


def _pool_grad(lib):
    """The gradient of pooling at its own maxima, with cotangents of one."""

    def call(x, kernel_size=(), stride=(), padding=(0,), dilation=(1,), ceil_mode=False, return_indices=True):
        stride = kernel_size if stride is None else stride
        pooled, at = lib.nn.functional.max_pool2d_with_indices(x, kernel_size, stride, padding, dilation, ceil_mode)
        pair = [tuple(v) if isinstance(v, (tuple, list)) else (v, v) for v in (kernel_size, stride, padding, dilation)]
        return lib.ops.aten.max_pool2d_with_indices_backward(lib.ones_like(pooled), x, *pair, ceil_mode, at)

    return call


# Where the database calls an op otherwise than by its name: the call, for either library.
SPELLED = {
    "T": lambda lib: lambda x: x.T,
    "H": lambda lib: lambda x: x.H,
    "mT": lambda lib: lambda x: x.mT,
    "mH": lambda lib: lambda x: x.mH,
    "einsum": lambda lib: lambda tensors, equation: lib.einsum(equation, tensors),
    "expand": lambda lib: lambda x, shape: x.expand(shape),
    "max_pool2d_with_indices_backward": lambda lib: _pool_grad(lib),
    "linalg.lstsq": lambda lib: lambda a, b, driver=None: lib.linalg.lstsq(a, b, driver=driver)[:2],
    "linalg.pinv singular": lambda lib: lambda a, b: lib.linalg.pinv(a @ b.mT),
    "nn.functional.embedding": lambda lib: lambda w, i, **k: lib.nn.functional.embedding(i, w, **k),
    "nn.functional.embedding_bag": lambda lib: lambda w, i, **k: lib.nn.functional.embedding_bag(i, w, **k),
    "pca_lowrank": lambda lib: lambda a, b, **k: lib.pca_lowrank(a @ b.mT, **k),
    "polygamma": lambda lib: lambda x, n: lib.polygamma(n, x),
    "repeat": lambda lib: lambda x, dims: x.repeat(dims),
    "special.polygamma": lambda lib: lambda x, n: lib.special.polygamma(n, x),
    # Without M, which makes the rank larger than q: then the draws show.
    "svd_lowrank": lambda lib: lambda a, b, M=None, **k: lib.svd_lowrank(a @ b.mT, **k),
    "where": lambda lib: lambda x, condition, other: lib.where(condition, x, other),
    "zero_": lambda lib: lambda x: x.clone().zero_(),
}

# PyTorch's wrapper calls functions of its own, or the sample draws: the same without.
WRAPPED = {"cholesky_inverse": lambda fn, x, upper=False: fn(x.triu() if upper else x.tril(), upper)}


def _unmasked(fn, input, *args, **kwargs):
    """The result of a masked operation with zeros where nothing took part."""
    import rustorch

    lib = torch if isinstance(input, torch.Tensor) else rustorch
    out = fn(input, *args, **kwargs)
    if kwargs.get("mask") is not None:
        return lib.where(lib.masked._output_mask(fn, input, *args, **kwargs), out, lib.zeros((), dtype=out.dtype))
    if kwargs.get("input_mask") is not None:
        both = lib.logical_and(kwargs["input_mask"], kwargs["other_mask"])
        return lib.where(both, out, lib.zeros((), dtype=out.dtype))
    return out


# Draws differ from PyTorch's: only forward against reverse mode.
RANDOM = {
    "bernoulli", "cauchy", "exponential", "geometric", "log_normal", "multinomial", "nn.functional.alpha_dropout",
    "nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d",
    "nn.functional.feature_alpha_dropout", "nn.functional.rrelu", "normal", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "uniform",
}  # fmt: skip


class Entry:
    """One op of the database, with its calls."""

    def __init__(self, info):
        self.info, self.name = info, info.name
        self.id = f"{info.name}-{info.variant_test_name}" if info.variant_test_name else info.name
        # PyTorch has no second derivative of ctc_loss and of losses in chunks, whatever its table says.
        chunked = info.variant_test_name.startswith("chunked")
        self.order = 2 if info.supports_gradgrad and info.name != "nn.functional.ctc_loss" and not chunked else 1
        # Where a place is written twice, PyTorch's modes differ; the variant "grad" has no such samples.
        self.forward = "max_unpool" not in self.id or self.id.endswith("grad")
        # Equal singular values: PyTorch divides by zero, the derivative here is 0.
        self.finite = info.variant_test_name == "subgradients_at_zero"
        # PyTorch's gradient of as_strided_scatter is that of the places which are overwritten.
        self.random = info.name in RANDOM or info.name == "as_strided_scatter"

    @property
    def options(self) -> dict:
        """How to check its calls."""
        return {"order": self.order, "forward": self.forward, "values": not self.random, "finite": self.finite}

    def calls(self, limit=None):
        """Its samples as calls: all, or a few that differ most."""
        torch.manual_seed(0)
        found = list(islice(self.info.sample_inputs("cpu", torch.float64, requires_grad=True), 300))
        return [self._call(s) for s in (found if limit is None else few(found, limit))]

    def _call(self, sample):
        given = SPELLED.get(self.id.replace("-", " ")) or SPELLED.get(self.name)
        spelled = {}
        if given is not None:
            import rustorch

            spelled = {"ours": given(rustorch), "theirs": given(torch)}
        args, kwargs = sample.args, dict(sample.kwargs)
        if self.name.startswith("nn.functional.fractional_max_pool"):
            kwargs.setdefault("_random_samples", pool_samples(sample.input, 2 if self.name.endswith("2d") else 3))
        if "dropout_p" in kwargs:
            kwargs["dropout_p"] = 0.0
        if self.name == "nn.functional.multi_head_attention_forward":
            args = (*args[:9], 0.0, *args[10:])
        return Call(
            self.name, (sample.input, *args), kwargs,
            wrap=_unmasked if self.name.startswith("masked.") else WRAPPED.get(self.name, self.info.gradcheck_wrapper), finish=sample.output_process_fn_grad, **spelled,
        )  # fmt: skip


def pool_samples(image, rank):
    """Where fractional pooling puts its windows, which it would draw."""
    planes = image.shape[:-rank] if image.ndim == rank + 2 else (1, *image.shape[:-rank])
    return torch.rand(*planes, rank, dtype=image.dtype)


def few(samples, limit):
    """At most ``limit`` small samples, preferring those called differently."""
    small = [s for s in samples if 0 < _numel(s) <= 500] or sorted(samples, key=_numel)[:1]
    kinds = {}
    for s in small:
        kinds.setdefault(_kind(s), s)
    distinct = list(kinds.values())
    if len(distinct) <= limit or limit == 1:
        return distinct[:limit]
    return [distinct[round(i * (len(distinct) - 1) / (limit - 1))] for i in range(limit)]


def _tensors(x):
    if isinstance(x, torch.Tensor):
        return [x]
    if isinstance(x, dict):
        return [t for v in x.values() for t in _tensors(v)]
    return [t for v in x for t in _tensors(v)] if isinstance(x, (tuple, list)) else []


def _numel(sample):
    return min((1, *(t.numel() for t in _tensors((sample.input, sample.args, sample.kwargs))))) and max(
        (1, *(t.numel() for t in _tensors((sample.input, sample.args, sample.kwargs))))
    )


def _kind(sample):
    def one(x):
        if isinstance(x, torch.Tensor):
            return (x.ndim, str(x.dtype), x.requires_grad)
        if isinstance(x, (tuple, list)):
            return tuple(map(one, x))
        return repr(x)

    return (one(sample.input), one(sample.args), tuple((k, one(v)) for k, v in sorted(sample.kwargs.items())))


# Samples on storages that they lay out themselves; draws around a number (a row of derivative_rows).
_SKIPPED = {"partial_views", "number_mean"}


def _entries(derived):
    found = []
    for info in op_db:
        if info.variant_test_name in _SKIPPED or info.name == "chalf":  # complex32 is complex64 here
            continue
        if info.name.startswith("sparse.") or info.name == "to_sparse":  # see tests/sparse
            continue
        if lookup(info.name) is not None and info.supports_dtype(torch.float64, "cpu"):
            if bool(info.supports_autograd) == derived:
                found.append(Entry(info))
    return found


ENTRIES = _entries(True)
# In place, which PyTorch refuses for a tensor that requires grad; or creations, which have no input.
_OTHERS = {
    "arange", "empty", "empty_permuted", "empty_strided", "eye", "full", "normal", "ones", "randint", "randn", "resize_",
    "resize_as_", "scalar_tensor", "zeros",
    # Computed on the host: no history here, in PyTorch one that has no derivative.
    "histogram", "histogramdd", "unique", "unique_consecutive",
}  # fmt: skip
UNDERIVED = [e for e in _entries(False) if e.name not in _OTHERS and not e.name.startswith("signal.")]
