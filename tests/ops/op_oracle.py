"""Run one call with rustorch and with PyTorch and compare everything that a user can see.

A case is ``(name, args, kwargs)``: a dotted name under the module, or ``.name`` for a method.
NumPy arrays become tensors of the library under test; floating and complex ones require grad.
``D("int64")`` stands for a dtype.
"""

import warnings

import numpy as np
import torch

import rustorch


class D(str):
    """A dtype by name."""


class Fixed:
    """An array that requires no gradient."""

    def __repr__(self):
        return "Fixed"

    def __init__(self, value):
        self.value = value


def _convert(lib, x, leaves):
    if isinstance(x, D):
        return getattr(lib, str(x))
    if isinstance(x, Fixed):
        return lib.tensor(x.value.tolist(), dtype=getattr(lib, x.value.dtype.name))
    if isinstance(x, np.ndarray):
        t = lib.tensor(x.tolist(), dtype=getattr(lib, x.dtype.name))
        if x.dtype.kind in "fcV":
            t.requires_grad_(True)
            leaves.append(t)
        return t
    if isinstance(x, (tuple, list)):
        return type(x)(_convert(lib, y, leaves) for y in x)
    return x


def call(lib, name, args, kwargs):
    """``(results, leaves)`` of a call."""
    leaves = []
    args = [_convert(lib, a, leaves) for a in args]
    kwargs = {k: _convert(lib, v, leaves) for k, v in kwargs.items()}
    if name.startswith("."):
        out = getattr(args[0], name[1:])(*args[1:], **kwargs)
    else:
        fn = lib
        for part in name.split("."):
            fn = getattr(fn, part)
        out = fn(*args, **kwargs)
    return (list(out) if isinstance(out, (tuple, list)) else [out]), leaves


def _weights(lib, t, seed):
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.5, 1.5, tuple(t.shape))
    if t.dtype.is_complex:
        w = w + 1j * rng.uniform(0.5, 1.5, tuple(t.shape))
    return lib.tensor(w.tolist(), dtype=t.dtype).reshape(tuple(t.shape))


def gradients(lib, results, leaves, order):
    """Gradients of a weighted sum of the results, and of a weighted sum of those."""
    ends = [r for r in results if isinstance(r, lib.Tensor) and r.requires_grad]
    if not ends or not leaves:
        return []
    total = []
    for level in range(order):
        cts = [_weights(lib, r, 3 + level) for r in ends]
        found = lib.autograd.grad(ends, leaves, cts, create_graph=order > 1, allow_unused=True)
        total += list(found)
        ends = [g for g in found if g is not None and g.requires_grad]
        if not ends:
            break
    return total


def numpy_of(t):
    """A NumPy array of a tensor of either library, bfloat16 as float32."""
    t = t.detach()
    return np.asarray((t.float() if "bfloat16" in str(t.dtype) else t).resolve_conj().numpy(force=True))


def compare(ours, theirs, rtol, atol, what):
    """Equal dtype, shape and values."""
    if not isinstance(theirs, torch.Tensor):
        assert type(ours) is type(theirs) and ours == theirs, f"{what}: {ours} instead of {theirs}"
        return
    assert str(ours.dtype) == str(theirs.dtype), f"{what}: {ours.dtype} instead of {theirs.dtype}"
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: {ours.shape} instead of {theirs.shape}"
    np.testing.assert_allclose(numpy_of(ours), numpy_of(theirs), rtol=rtol, atol=atol, err_msg=what)


def tolerance(args):
    """Relative tolerance by the least precise operand."""
    arrays = [a.value if isinstance(a, Fixed) else a for a in args]
    names = {a.dtype.name for a in arrays if isinstance(a, np.ndarray)}
    if names & {"bfloat16"}:
        return 1.6e-2
    return 2e-3 if "float16" in names else 2e-5 if names & {"float32", "complex64"} else 1e-7


def check(name, args, kwargs, order=1, rtol=None, atol=None, names=True):
    """The same call in both libraries gives the same results, gradients and ``grad_fn`` name."""
    rtol = tolerance(args) if rtol is None else rtol
    atol = rtol if atol is None else atol
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, their_leaves = call(torch, name, args, kwargs)
        ours, our_leaves = call(rustorch, name, args, kwargs)
        if names:
            for a, b in zip(ours, theirs):
                if isinstance(b, torch.Tensor) and b.grad_fn is not None:
                    assert a.grad_fn.name() == type(b.grad_fn).__name__
        expected = gradients(torch, theirs, their_leaves, order)
        found = gradients(rustorch, ours, our_leaves, order)
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs)):
        compare(a, b, rtol, atol, f"{name} result {i}")
        if isinstance(b, torch.Tensor):
            assert a.requires_grad == b.requires_grad, f"{name} result {i} requires_grad {a.requires_grad}"
    expected += [None] * (len(found) - len(expected))  # PyTorch knows that some are zero; ours are
    assert len(found) == len(expected), f"{name}: {len(found)} gradients instead of {len(expected)}"
    for i, (a, b) in enumerate(zip(found, expected)):
        if b is None or a is None:
            kept = a if b is None else b
            assert kept is None or not numpy_of(kept).any(), f"{name} gradient {i}: {a} instead of {b}"
        else:
            compare(a, b, 10 * rtol, 10 * atol, f"{name} gradient {i}")
