"""``vmap``: a function of one row as a function of all rows."""

from __future__ import annotations

import functools

from rustorch.autograd.transforms.draws import Draws
from rustorch.autograd.transforms.push import batched
from rustorch.autograd.transforms.region import forget, recording, stand_in
from rustorch.autograd.transforms.tree import flatten, unflatten
from rustorch.eager import ops as T
from rustorch.eager.generator import default_generator
from rustorch.eager.recorder import wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.errors import RustorchRuntimeError, wrap_dim
from rustorch.graph import NO_TAPE, ON_TAPE


def vmap(func, in_dims=0, out_dims=0, randomness: str = "error", *, chunk_size: int | None = None):
    """Map ``func`` over a dimension of its arguments, as one batched computation.

    ``func`` is recorded once, on stand-ins for one row, and every recorded operation then runs on all
    rows. It may call ``autograd.grad`` and any of the transforms; it may not look at values.

    Args:
        in_dims: the dimension to map, for all arguments or (nested) for each; ``None`` for a shared one.
        out_dims: where the rows go in the results.
        randomness: "error", "same" (all rows draw the same) or "different".
        chunk_size: rows to compute at once; all if ``None``.

    Raises:
        ValueError: sizes of the mapped dimensions that differ, dimensions that do not exist.
        RuntimeError: a look at a value, or a draw with ``randomness="error"``.

    Example:
        >>> import rustorch
        >>> rustorch.vmap(rustorch.dot)(rustorch.ones(3, 2), rustorch.ones(3, 2))
        tensor([2., 2., 2.])
    """
    if randomness not in ("error", "different", "same"):
        raise RustorchRuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        leaves, dims, structure, size = _inputs(func, in_dims, args)
        if chunk_size is None or chunk_size >= size:
            return _mapped(func, leaves, dims, structure, size, out_dims, randomness, kwargs)
        return _chunked(func, leaves, dims, structure, size, out_dims, randomness, kwargs, chunk_size)

    return wrapper


def _name(func) -> str:
    return getattr(func, "__name__", repr(func))


def _inputs(func, in_dims, args):
    """Leaves of the arguments, the dimension of each (or None), the structure, and the number of rows."""
    name = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{name}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no inputs. The latter is unsupported."
        )
    leaves, structure = flatten(args)
    dims = _spread(in_dims, args, name, "in_dims")
    sizes = []
    for i, (leaf, d) in enumerate(zip(leaves, dims)):
        if d is None:
            continue
        if not isinstance(d, int):
            raise ValueError(
                f"{name}: Got in_dim={d} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"{name}: Got in_dim={d} for an input but the input is of type {type(leaf)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -leaf.ndim <= d < leaf.ndim:
            raise ValueError(
                f"{name}: Got in_dim={d} for some input, but that input is a Tensor of dimensionality {leaf.ndim} so "
                f"expected in_dim to satisfy -{leaf.ndim} <= in_dim < {leaf.ndim}."
            )
        dims[i] = d % leaf.ndim
        sizes.append(leaf.shape[dims[i]])
    if not sizes:
        raise ValueError(f"{name}: at least one of the inputs must be mapped: all in_dims are None")
    if len(set(sizes)) > 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    return leaves, dims, structure, sizes[0]


def _spread(dims, tree, name: str, what: str) -> list:
    """One dimension per leaf of ``tree``; ``dims`` may stop anywhere above the leaves."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(flatten(tree)[0])
    kinds = (tuple, list, dict)
    if not isinstance(tree, kinds) or len(dims) != len(tree) or isinstance(dims, dict) != isinstance(tree, dict):
        raise ValueError(
            f"{name}: {what} is not compatible with the structure of inputs. {what} has structure "
            f"{flatten(dims)[1]} but inputs has structure {flatten(tree)[1]}."
        )
    pairs = [(dims[k], tree[k]) for k in tree] if isinstance(tree, dict) else zip(dims, tree)
    return [d for part, sub in pairs for d in _spread(part, sub, name, what)]


def _mapped(func, leaves, dims, structure, size, out_dims, randomness, kwargs):
    given, row = {}, list(leaves)
    whole = [leaf if d is None else node_of(leaf.movedim(d, 0) if d else leaf) for leaf, d in zip(leaves, dims)]
    with recording():
        for i, (node, d) in enumerate(zip(whole, dims)):
            if d is not None:
                stand = stand_in(node.aval.row(), ON_TAPE if node.tape else NO_TAPE)
                given[stand] = node
                row[i] = wrap(stand)
        out = func(*unflatten(structure, row), **kwargs)
        outs, out_structure = flatten(out)
        for t in outs:
            if not isinstance(t, Tensor):
                raise ValueError(
                    f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(t)}."
                )
        nodes = [node_of(t) for t in outs]
        results = batched(nodes, given, size, Draws(randomness, size))
        forget(
            given,
            "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args "
            "that has more elements than `self`. This happened due to `other` being vmapped over but `self` not being "
            "vmapped over in a vmap. Please try to use out-of-place operators instead.",
        )
    places = _spread(out_dims, out, f"vmap({_name(func)}, ..., out_dims={out_dims})", "out_dims")
    final = []
    for t, new, d in zip(outs, results, places):
        rows = wrap(new) if new is not None else t.expand(size, *t.shape)
        if d is None:
            if new is not None:
                raise ValueError(
                    f"vmap({_name(func)}, ...): `out_dims` may only be None for results that do not depend on the mapped inputs."
                )
            final.append(t)
            continue
        final.append(rows.movedim(0, wrap_dim(d, rows.ndim)) if d else rows)
    return unflatten(out_structure, final)


def _chunked(func, leaves, dims, structure, size, out_dims, randomness, kwargs, chunk):
    state = default_generator.get_state() if randomness == "same" else None
    chunks = []
    for start in range(0, size, chunk):
        if state is not None:
            default_generator.set_state(state)
        n = min(chunk, size - start)
        part = [leaf if d is None else leaf.narrow(d, start, n) for leaf, d in zip(leaves, dims)]
        chunks.append(_mapped(func, part, dims, structure, n, out_dims, randomness, kwargs))
    flat = [flatten(c) for c in chunks]
    places = _spread(out_dims, chunks[0], "vmap", "out_dims")
    joined = [
        parts[0] if d is None else T.cat(list(parts), dim=d)
        for d, parts in zip(places, zip(*[leaves for leaves, _ in flat]))
    ]
    return unflatten(flat[0][1], joined)
