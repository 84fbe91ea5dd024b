"""The same sparse tensor in PyTorch and in rustorch, and their comparison."""

import numpy as np
import torch

import rustorch


def convert(x):
    """A torch value as rustorch's, part by part; containers too."""
    if isinstance(x, torch.Tensor):
        if x.layout is torch.sparse_coo:
            parts = convert(x._indices()), convert(x._values().detach())
            out = rustorch.sparse_coo_tensor(*parts, tuple(x.shape), is_coalesced=x.is_coalesced())
        elif x.layout is torch.strided:
            out = rustorch.tensor(x.detach().numpy())
        else:
            by_rows = x.layout in (torch.sparse_csr, torch.sparse_bsr)
            names = ("crow_indices", "col_indices") if by_rows else ("ccol_indices", "row_indices")
            parts = [convert(getattr(x, n)()) for n in names]
            layout = getattr(rustorch, str(x.layout).removeprefix("torch."))
            out = rustorch.sparse_compressed_tensor(*parts, convert(x.values().detach()), tuple(x.shape), layout=layout)
        return out.requires_grad_() if x.requires_grad and x.is_leaf else out
    if isinstance(x, (list, tuple)):
        return type(x)(convert(y) for y in x)
    if isinstance(x, dict):
        return {k: convert(v) for k, v in x.items()}
    if isinstance(x, (torch.layout, torch.dtype)):
        return getattr(rustorch, str(x).removeprefix("torch."))
    return x


def same(ours, theirs, what="", exact_places=True, tolerance=1e-6):
    """Layout, size, dtype, coalescing, places and values agree."""
    if isinstance(theirs, (list, tuple)):
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, what, exact_places, tolerance)
        return
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs, what
        return
    assert str(ours.layout) == str(theirs.layout), what
    assert tuple(ours.shape) == tuple(theirs.shape), what
    assert str(ours.dtype) == str(theirs.dtype), what
    a, b = ours.detach(), theirs.detach()
    if exact_places and theirs.layout is not torch.strided:
        assert ours._nnz() == theirs._nnz(), what
        if theirs.layout is torch.sparse_coo:
            assert ours.is_coalesced() == theirs.is_coalesced(), what
            np.testing.assert_array_equal(a._indices().numpy(), b._indices().numpy(), what)
            a, b = a._values(), b._values()
    if b.layout is not torch.strided:
        a, b = a.to_dense(), b.to_dense()
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance, err_msg=what)


def both(f):
    """What a function of the library gives in both, or its error: ``(ours, theirs)``."""
    out = []
    for lib in (rustorch, torch):
        try:
            out.append(f(lib))
        except Exception as e:
            out.append(e)
    return out


def agree(f, what="", **options):
    """The function gives the same in both libraries: a result, or an error of one type with one text."""
    ours, theirs = both(f)
    if isinstance(theirs, Exception):
        kind = NotImplementedError if isinstance(theirs, NotImplementedError) else type(theirs)
        assert isinstance(ours, kind), (what, ours, theirs)
        head = str(theirs).split("\n")[0].split("(if using custom build)")[0].split("If you are a Facebook")[0]
        if not isinstance(theirs, NotImplementedError):
            assert str(ours).startswith(head), (what, str(ours), head)
        return
    if isinstance(ours, Exception):
        raise ours
    same(ours, theirs, what, **options)
