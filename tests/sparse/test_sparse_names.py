"""Resizing of sparse tensors, older names of products and copies of parts, beside PyTorch's."""

import pytest
import torch

import rustorch

BOTH = (rustorch, torch)


def told(x):
    if isinstance(x, (tuple, list)):
        return [told(e) for e in x]
    if str(x.layout).endswith("sparse_coo"):
        facts = (x.sparse_dim(), x.dense_dim(), tuple(x.shape), x._nnz(), x.is_coalesced())
        return [*facts, x._indices().tolist(), x._values().tolist()]
    return x.tolist()


def coo(T):
    return T.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 3))


def hybrid(T):
    return T.sparse_coo_tensor([[0]], [[1.0, 2.0]], (2, 2))


def eye(T, layout="to_sparse"):
    return getattr(T.eye(3), layout)()


def dense(T):
    return T.arange(9.0).reshape(3, 3)


SAME = {
    "grown": lambda T: coo(T).sparse_resize_((4, 5), 2, 0),
    "grown, coalesced": lambda T: coo(T).coalesce().sparse_resize_((2, 4), 2, 0),
    "hybrid grown": lambda T: hybrid(T).sparse_resize_((3, 2), 1, 1),
    "empty": lambda T: T.sparse_coo_tensor((2, 3)).sparse_resize_((1, 2, 2), 1, 2),
    "cleared": lambda T: coo(T).sparse_resize_and_clear_((4, 5, 2), 2, 1),
    "cleared, coalesced": lambda T: coo(T).coalesce().sparse_resize_and_clear_((1, 2), 1, 1),
    "as": lambda T: coo(T).resize_as_sparse_(T.eye(4).to_sparse()),
    "as, function": lambda T: T.resize_as_sparse_(coo(T), T.eye(4).to_sparse()),
    "smm": lambda T: eye(T).smm(dense(T)),
    "sspaddmm": lambda T: eye(T).sspaddmm(eye(T), dense(T), beta=2, alpha=3),
    "dsmm": lambda T: (T.dsmm(eye(T), dense(T)), T.dsmm(dense(T), eye(T)), T.dsmm(eye(T), eye(T))),
    "spmm": lambda T: T.spmm(eye(T), dense(T)),
    "hsmm": lambda T: T.hsmm(eye(T), dense(T)),
    "saddmm": lambda T: T.saddmm(eye(T), eye(T), dense(T)),
    "values": lambda T: T.values_copy(eye(T, "to_sparse_csr")),
    "rows": lambda T: (T.crow_indices_copy(eye(T, "to_sparse_csr")), T.col_indices_copy(eye(T, "to_sparse_csr"))),
    "columns": lambda T: (T.ccol_indices_copy(eye(T, "to_sparse_csc")), T.row_indices_copy(eye(T, "to_sparse_csc"))),
}


@pytest.mark.parametrize("name", SAME)
def test_same(name):
    ours, theirs = (told(SAME[name](T)) for T in BOTH)
    assert ours == theirs


def test_copies_of_coordinates():
    """PyTorch has no kernel for these."""
    s = eye(rustorch).coalesce()
    assert rustorch.indices_copy(s).tolist() == s.indices().tolist()
    out = rustorch.empty(3)
    assert rustorch.values_copy(s, out=out) is out and out.tolist() == s.values().tolist()


def test_a_copy_is_not_the_part():
    s = eye(rustorch, "to_sparse_csr").requires_grad_()
    copied = rustorch.values_copy(s)
    (copied * 2).sum().backward()
    assert s.grad.values().tolist() == [2, 2, 2]
    with rustorch.no_grad():
        copied.fill_(5)
    assert s.values().tolist() == [1, 1, 1]


REFUSED = {
    "shrinks": lambda T: coo(T).sparse_resize_((1, 5), 2, 0),
    "dense shrinks": lambda T: hybrid(T).sparse_resize_((3, 1), 1, 1),
    "dense dimensions": lambda T: coo(T).sparse_resize_((4, 5, 2), 2, 1),
    "sparse dimensions": lambda T: coo(T).sparse_resize_((4, 5, 2), 3, 0),
    "sizes": lambda T: coo(T).sparse_resize_((4, 5), 1, 0),
    "as dense": lambda T: coo(T).resize_as_sparse_(T.ones(2)),
    "dense": lambda T: T.ones(2).sparse_resize_((1,), 1, 0),
    "dense cleared": lambda T: T.ones(2).sparse_resize_and_clear_((1,), 1, 0),
    "compressed": lambda T: eye(T, "to_sparse_csr").sparse_resize_((4, 5), 2, 0),
    "leaf": lambda T: coo(T).requires_grad_().sparse_resize_((4, 4), 2, 0),
    "smm of dense": lambda T: dense(T).smm(dense(T)),
    "values of dense": lambda T: T.values_copy(dense(T)),
    "rows of columns": lambda T: T.crow_indices_copy(eye(T, "to_sparse_csc")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    errors = []
    for T in BOTH:
        with pytest.raises(Exception) as info:
            REFUSED[name](T)
        errors.append(info.value)
    ours, theirs = errors
    assert isinstance(ours, type(theirs)), (ours, theirs)
    assert str(ours)[:90] == str(theirs)[:90]
