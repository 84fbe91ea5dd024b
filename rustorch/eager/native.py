"""PyTorch's lower-level functions: ``native_*`` and their kin, by their own signatures."""

from __future__ import annotations

from rustorch import dtypes
from rustorch.eager.inplace import assign, write_out
from rustorch.eager.publish import overload
from rustorch.eager.random import bernoulli
from rustorch.eager.recorder import apply
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError, check
from rustorch.limits import finfo
from rustorch.lowering.ops import native_norm as ops, norm, resample


def _function(fn=None, **options):
    return overload(fn, method=False, **options)


def _aten(fn=None, **options):
    """A function of ``ops.aten`` alone."""
    return overload(fn, method=False, namespaces=("aten",), **options)


@_function
def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """``layer_norm`` with each row's mean and reciprocal standard deviation."""
    out, mean, rstd = apply(ops.native_layer_norm, (input, tuple(normalized_shape), weight, bias, float(eps)))
    return out, mean.detach(), rstd.detach()


@_function
def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """``group_norm`` of (N, C, ...) with each group's mean and reciprocal standard deviation."""
    return apply(ops.native_group_norm, (input, weight, bias, int(N), int(C), int(HxW), int(group), float(eps)))


def _batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, empty):
    momentum, eps = float(momentum), float(eps)
    out, mean, var = apply(
        norm.native_batch_norm, (input, weight, bias, running_mean, running_var, bool(training), momentum, eps)
    )
    if not training:
        return out, input.new_empty(empty), input.new_empty(empty)
    stats = apply(ops.batch_norm_statistics, (input.detach(), eps))
    for running, new in ((running_mean, mean), (running_var, var)):
        if running is not None:
            before, local.grad = local.grad, False
            try:
                assign(running, new.detach())
            finally:
                local.grad = before
    return out, *stats


def _into(out, result):
    return result if out is None else tuple(write_out(o, r, "native_batch_norm") for o, r in zip(out, result))


@_function
def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, *, out=None):
    """``batch_norm`` with the batch's mean and reciprocal deviation (empty in evaluation); updates what runs."""
    return _into(out, _batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, (0,)))


@_function
def _native_batch_norm_legit(input, weight, bias, *rest, out=None):
    """``native_batch_norm``; the running statistics may be left out."""
    running, rest = (rest[:2], rest[2:]) if len(rest) == 5 else ((None, None), rest)
    return _into(out, _batch_norm(input, weight, bias, *running, *rest, (0,)))


@_function
def _native_batch_norm_legit_no_training(input, weight, bias, running_mean, running_var, momentum, eps):
    """``native_batch_norm`` in evaluation."""
    return _batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps, (0,))


@_aten
def _batch_norm_with_update(input, weight, bias, running_mean, running_var, momentum, eps, *, out=None):
    """``native_batch_norm`` in training, with an empty reserve."""
    result = _batch_norm(input, weight, bias, running_mean, running_var, True, momentum, eps, (0,))
    return _into(out, (*result, input.new_empty((0,), dtype=dtypes.uint8)))


@_function
def native_dropout(input, p, train):
    """Elements kept with probability ``1 - p`` and scaled, and the mask of those."""
    if train is not None and not train:
        return input, input.new_ones(tuple(input.shape), dtype=dtypes.bool_)
    check(0 <= p <= 1, f"dropout probability has to be between 0 and 1, but got {p}")
    mask = bernoulli(input, 1.0 - p).to(dtypes.bool_)
    return input * mask * (0.0 if p == 1 else 1 / (1 - p)), mask


@_aten
def native_dropout_backward(grad_output, mask, scale):
    """The gradient of ``native_dropout``."""
    return grad_output * (mask.to(grad_output.dtype) * float(scale))


_MODES, _PADDING = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def _grid_sampler(name: str, ndim: int | None) -> None:
    def sampler(input, grid, interpolation_mode, padding_mode, align_corners):
        if ndim is not None:
            check(
                input.ndim == ndim and grid.ndim == ndim,
                f"{name}(): expected {ndim}D input and grid, but got input with sizes {list(input.shape)} "
                f"and grid with sizes {list(grid.shape)}",
            )
        modes = _MODES[interpolation_mode], _PADDING[padding_mode]
        return apply(resample.grid_sample, (input, grid, *modes, bool(align_corners)))

    sampler.__doc__ = "``nn.functional.grid_sample`` with its modes as numbers."
    _function(sampler, name=name)


for _name, _ndim in (("grid_sampler", None), ("grid_sampler_2d", 4), ("grid_sampler_3d", 5)):
    _grid_sampler(_name, _ndim)


@_aten
def _upsample_bilinear2d_aa(
    input, output_size=None, align_corners=False, scales_h=None, scales_w=None, *, scale_factors=None
):
    """Bilinear resampling with a kernel widened where the image shrinks."""
    if scale_factors is not None:
        scales_h, scales_w = scale_factors
        output_size = [int(n * s) for n, s in zip(input.shape[-2:], scale_factors)]
    size, scales = tuple(int(n) for n in output_size), (scales_h, scales_w)
    described = "" if None in scales else repr(tuple(float(s) for s in scales))
    return apply(resample.interpolate_to, (input, size, "bilinear", bool(align_corners), True, described))


def _clamped(input, indices, name):
    """Positions inside ``input``; those that the mask leaves out may be anywhere."""
    for index in indices:
        if index is not None and index.dtype not in (dtypes.int64, dtypes.int32):
            raise RustorchRuntimeError(f"{name} found unexpected index type {index.dtype.alias}")
    return tuple(slice(None) if i is None else i.clamp(0, max(input.shape[d] - 1, 0)) for d, i in enumerate(indices))


@_aten
def _unsafe_masked_index(input, mask, indices, fill):
    """``input[indices]`` where ``mask``, else ``fill``; positions outside are no error."""
    if not input.numel():
        return input.new_full(tuple(mask.shape), fill)
    found = input[_clamped(input, indices, "_unsafe_masked_index")]
    return found.masked_fill(~mask.to(dtypes.bool_), fill)


@_aten
def _unsafe_masked_index_put_accumulate(input, mask, indices, values):
    """``input`` with ``values`` added at ``indices`` where ``mask``."""
    if not input.numel():
        return input.clone()
    kept = values.masked_fill(~mask.to(dtypes.bool_), 0)
    places = _clamped(input, indices, "_unsafe_masked_index_put_accumulate")
    out = input.clone()
    return out.index_put_([p for p in places if isinstance(p, Tensor)], kept, True)


@_function
def _scaled_mm(
    self, mat2, scale_a, scale_b, bias=None, scale_result=None, out_dtype=None, use_fast_accum=False, *, out=None
):
    """A product of float8 matrices, each with a scale: ``(a · scale_a) @ (b · scale_b) + bias``.

    ``scale_a`` is one number or (m, 1), ``scale_b`` one number or (1, n), float32.
    """
    if self.ndim != 2 or mat2.ndim != 2:
        raise RustorchRuntimeError("mat1 must be a matrix" if self.ndim != 2 else "mat2 must be a matrix")
    check(
        self.shape[1] == mat2.shape[0],
        f"mat1 and mat2 shapes cannot be multiplied ({self.shape[0]}x{self.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]})",
    )
    product = (self.to(dtypes.float32) @ mat2.to(dtypes.float32)) * scale_a * scale_b
    if bias is not None:
        product = product + bias.to(dtypes.float32)
    if scale_result is not None:
        product = product * scale_result
    kind = out_dtype or (self.dtype if out is None else out.dtype)
    if kind.itemsize == 1:  # float8 saturates
        product = product.clamp(-finfo(kind).max, finfo(kind).max)
    result = product.to(kind)
    return result if out is None else write_out(out, result, "_scaled_mm")
