"""``gradcheck`` and ``gradgradcheck``: derivatives beside central differences."""

from __future__ import annotations

import warnings

from rustorch import dtypes
from rustorch.autograd import functions
from rustorch.autograd.transforms import forward, reverse
from rustorch.autograd.transforms.batch import vmap
from rustorch.eager import ops as T
from rustorch.eager.modes import enable_grad
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError


class GradcheckError(RustorchRuntimeError):
    """A derivative differs from the central difference, or depends on chance."""


def gradcheck(
    func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0, check_undefined_grad=True,
    check_grad_dtypes=False, check_batched_grad=False, check_batched_forward_grad=False, check_forward_ad=False,
    check_backward_ad=True, fast_mode=False, masked=None,
) -> bool:  # fmt: skip
    """Compare the Jacobian that autograd gives with central differences ``(f(x + eps) - f(x - eps)) / 2 eps``.

    Complex tensors count as pairs of reals. All differences are one batched evaluation where ``func`` can be
    mapped, else one evaluation each.

    Args:
        func: tensors to a tensor or a tuple of them.
        inputs: a tensor or a tuple; those that require grad (float64 or complex128) are checked.
        eps: the step; ``atol``, ``rtol``: |autograd - difference| ≤ atol + rtol · |difference|.
        raise_exception: an error on a mismatch, instead of ``False``.
        nondet_tol: how far two backward passes may differ.
        check_undefined_grad: also an output without a cotangent must be accepted.
        check_batched_grad: compare the batched backward with one row at a time.
        check_forward_ad, check_backward_ad: which modes to compare.
        check_grad_dtypes, check_batched_forward_grad, fast_mode, masked: accepted; the full check is always made.

    Raises:
        GradcheckError: a mismatch (a ``RuntimeError``).
        ValueError: no input requires grad.

    Example:
        >>> import rustorch
        >>> x = rustorch.ones(2, dtype=rustorch.float64, requires_grad=True)
        >>> rustorch.autograd.gradcheck(lambda t: t.sin() * t, x)
        True
    """
    inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    try:
        _check(func, tuple(inputs), eps, atol, rtol, nondet_tol, check_undefined_grad, check_batched_grad,
               check_forward_ad, check_backward_ad)  # fmt: skip
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(func, inputs, eps, atol, rtol, nondet_tol, undefined, batched, forward_ad, backward_ad) -> None:
    where = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not where:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i in where:
        if inputs[i].dtype not in (dtypes.float64, dtypes.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. "
                "This check will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
    f = _on_reals(func, inputs, where)
    points = [_real(inputs[i].detach()) for i in where]
    with enable_grad():
        outputs = f(*[p.clone().requires_grad_() for p in points])
    numerical = _differences(f, points, outputs, eps)
    if backward_ad:
        analytical = _rows(f, points)
        _compare(analytical, numerical, where, atol, rtol, "analytical")
        again = _rows(f, points)  # may be compiled with other neighbours, which rounds differently
        for a, b in zip(analytical, again):
            for x, y in zip(a, b):
                if not T.allclose(x, y, rtol=1e-9, atol=nondet_tol + 1e-12, equal_nan=True):
                    raise GradcheckError(
                        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                        f"gives different values, although analytical gradient matches numerical gradient. The tolerance for nondeterminism was {nondet_tol}."
                    )
        if batched:
            _compare(_rows(f, points, one_by_one=True), analytical, where, atol, rtol, "row by row")
        if undefined:
            _undefined(f, points)
    if forward_ad:
        _compare(_columns(f, points), numerical, where, atol, rtol, "forward mode")


def _real(t: Tensor) -> Tensor:
    return T.view_as_real(t) if t.dtype.is_complex else t


def _on_reals(func, inputs, where):
    """``func`` of the real parts of the inputs at ``where``, giving a tuple of real tensors."""

    def f(*points):
        args = list(inputs)
        for i, p in zip(where, points):
            args[i] = T.view_as_complex(p) if inputs[i].dtype.is_complex else p
        out = func(*args)
        outs = out if isinstance(out, (tuple, list)) else (out,)
        return tuple(
            _real(t) for t in outs if isinstance(t, Tensor) and (t.dtype.is_floating_point or t.dtype.is_complex)
        )

    return f


def _differences(f, points, outputs, eps):
    """Per output and input the matrix of central differences, (output elements, input elements)."""
    columns = []
    for i, p in enumerate(points):
        n = p.numel()
        steps = eps * T.eye(n, dtype=p.dtype, device=p.device).reshape(n, *p.shape)

        live = [q.clone().requires_grad_() for q in points]

        def at(x, i=i, live=live):
            return f(*[q if j != i else x for j, q in enumerate(live)])

        both = T.cat([p + steps, p - steps]).requires_grad_()
        values = _over_rows(at, both) if n else [o.new_zeros(0, *o.shape) for o in outputs]
        columns.append([((v[:n] - v[n:]) / (2 * eps)).reshape(n, -1).t().detach() for v in values])
    return [[column[o] for column in columns] for o in range(len(outputs))]


def _over_rows(f, rows):
    """A tuple-valued function of each row, stacked: as one batch where that is possible."""
    try:
        return vmap(f, randomness="same")(rows)
    except RuntimeError:
        parts = [tuple(t.detach() for t in f(row.detach().requires_grad_())) for row in rows]
        return [T.stack(list(column)) for column in zip(*parts)]


def _rows(f, points, one_by_one: bool = False):
    """Per output and input the Jacobian by reverse mode."""
    out, pull = reverse.vjp(f, *points)
    result = []
    for o, t in enumerate(out):
        n = t.numel()
        basis = T.eye(n, dtype=t.dtype, device=t.device).reshape(n, *t.shape)

        def row(ct, o=o):
            return pull(tuple(ct if i == o else T.zeros_like(other) for i, other in enumerate(out)))

        if not n:
            grads = [p.new_zeros(0, *p.shape) for p in points]
        elif one_by_one:
            grads = [T.stack(list(g)) for g in zip(*[row(basis[i]) for i in range(n)])]
        else:
            grads = _over_rows(row, basis)
        result.append([g.reshape(n, p.numel()).detach() for g, p in zip(grads, points)])
    return result


def _columns(f, points):
    """Per output and input the Jacobian by forward mode."""
    out, push = forward.linearize(f, *points)
    per_input = []
    for i, p in enumerate(points):
        n = p.numel()
        basis = T.eye(n, dtype=p.dtype, device=p.device).reshape(n, *p.shape)

        def column(v, i=i):
            return tuple(push(*[v if j == i else T.zeros_like(q) for j, q in enumerate(points)]))

        per_input.append(_over_rows(column, basis) if n else [o.new_zeros(0, *o.shape) for o in out])
    return [
        [m[o].reshape(p.numel(), t.numel()).t().detach() for m, p in zip(per_input, points)] for o, t in enumerate(out)
    ]


def _compare(found, expected, where, atol, rtol, what: str) -> None:
    for o, (rows, others) in enumerate(zip(found, expected)):
        for i, a, n in zip(where, rows, others):
            if not T.allclose(a, n, rtol=rtol, atol=atol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {i},\nnumerical:{n}\n{what}:{a}\n"
                )


def _undefined(f, points) -> None:
    """Each single output alone must have a backward, also where others get no cotangent."""
    with enable_grad():
        live = [p.clone().requires_grad_() for p in points]
        for t in f(*live):
            if t.requires_grad:
                functions.grad(t, live, T.zeros_like(t), retain_graph=True, allow_unused=True)


def gradgradcheck(
    func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3, gen_non_contig_grad_outputs=False,
    raise_exception=True, nondet_tol=0.0, check_undefined_grad=True, check_grad_dtypes=False,
    check_batched_grad=False, check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False, masked=False,
) -> bool:  # fmt: skip
    """``gradcheck`` of the gradient: second derivatives, with respect to the inputs and the cotangents.

    Args:
        grad_outputs: cotangents, random ones if left out.
        check_fwd_over_rev, check_rev_over_rev: which modes to compare for the outer derivative.

    Raises:
        GradcheckError: a mismatch.

    Example:
        >>> import rustorch
        >>> x = rustorch.ones(2, dtype=rustorch.float64, requires_grad=True)
        >>> rustorch.autograd.gradgradcheck(lambda t: t.sin() * t, x)
        True
    """
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    which = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if grad_outputs is None:
        outs = _differentiable(func(*inputs))
        grad_outputs = [T.randn_like(t.detach()).requires_grad_() for t in outs]
    else:
        given = grad_outputs if isinstance(grad_outputs, (tuple, list)) else (grad_outputs,)
        grad_outputs = [g.detach().requires_grad_() for g in given]
    n = len(inputs)

    def gradient(*args):
        with enable_grad():
            live = [t if t.requires_grad else t.requires_grad_() for t in (args[i] for i in which)]
            outs = _differentiable(func(*args[:n]))
            found = functions.grad(outs, live, args[n:], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradient, (*inputs, *grad_outputs), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad, check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
    )  # fmt: skip


def _differentiable(out) -> tuple:
    outs = out if isinstance(out, (tuple, list)) else (out,)
    return tuple(t for t in outs if isinstance(t, Tensor) and t.requires_grad)
