"""Making, converting, indexing and printing sparse tensors, beside PyTorch; SciPy both ways."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse
import torch
from sparse_oracle import agree, both

import rustorch

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

I, V = [[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0]


def coo(t):
    return t.sparse_coo_tensor(I, V, (2, 3))


def repeated(t):
    return t.sparse_coo_tensor([[0, 0, 1], [1, 1, 2]], [1.0, 2.0, 3.0], (2, 3))


def hybrid(t):
    return t.sparse_coo_tensor([[1, 0, 1]], t.arange(12.0).reshape(3, 2, 2), (2, 2, 2))


def csr(t):
    return t.sparse_csr_tensor([0, 1, 3], [2, 0, 2], V, (2, 3))


def batched(t):
    return t.sparse_csr_tensor([[0, 1, 2], [0, 0, 2]], [[1, 0], [0, 2]], t.arange(4.0).reshape(2, 2) + 1, (2, 2, 3))


def blocks(t):
    return t.eye(4).to_sparse_bsr((2, 2))


DENSE = np.array([[0, 2.0, 0, 1], [0, 0, 0, 0], [3, 0, 0, 4]])

PRINTED = [
    coo, repeated, hybrid, csr, batched, blocks,
    lambda t: csr(t).to_sparse_csc(),
    lambda t: coo(t).requires_grad_(),
    lambda t: coo(t).requires_grad_() * 2,
    lambda t: coo(t).double(),
    lambda t: t.sparse_coo_tensor(size=(2, 3)),
    lambda t: t.sparse_coo_tensor(I, t.tensor(V, requires_grad=True), (2, 3)),
    lambda t: t.sparse_coo_tensor(I, t.tensor(V, requires_grad=True), (2, 3)).coalesce(),
    lambda t: t.sparse_coo_tensor(I, t.tensor([1, 2, 3], dtype=t.int32), (2, 3)),
    lambda t: t.arange(3000).to_sparse(),
    lambda t: t.sparse_coo_tensor(t.zeros(2, 0, dtype=t.int64), t.zeros(0), (0, 3)),
]  # fmt: skip

MADE = {
    "size from indices": lambda t: t.sparse_coo_tensor(I, V),
    "dtype": lambda t: t.sparse_coo_tensor(I, V, dtype=t.int64),
    "one place": lambda t: t.sparse_coo_tensor([[1]], [2.0]),
    "hybrid": hybrid,
    "csr": csr,
    "csr size": lambda t: t.sparse_csr_tensor([0, 1, 3], [2, 0, 2], V),
    "csc": lambda t: t.sparse_csc_tensor([0, 1, 3], [2, 0, 2], V),
    "compressed": lambda t: t.sparse_compressed_tensor([0, 1, 2], [0, 1], [1, 2], layout=t.sparse_csc),
    "bsr": lambda t: t.sparse_bsr_tensor([0, 1, 2], [0, 1], t.arange(8.0).reshape(2, 2, 2), (4, 4)),
    "bsc": lambda t: t.sparse_bsc_tensor([0, 1, 2], [1, 0], t.arange(8.0).reshape(2, 2, 2), (4, 4)),
    "batched": batched,
    "legacy": lambda t: t.sparse.FloatTensor(t.tensor(I), t.tensor(V), t.Size([2, 3])),
    "legacy empty": lambda t: t.sparse.DoubleTensor(2, 3),
    "from dense": lambda t: t.tensor(DENSE).to_sparse(),
    "from dense, 1": lambda t: t.tensor(DENSE).to_sparse(1),
    "from dense, csr": lambda t: t.tensor(DENSE).to_sparse(layout=t.sparse_csr),
    "to csc": lambda t: t.tensor(DENSE).to_sparse_csc(),
    "to bsc": lambda t: t.tensor(np.kron(DENSE, np.ones((2, 2)))).to_sparse_bsc((2, 2)),
    "coo to csr": lambda t: repeated(t).to_sparse_csr(),
    "csr to coo": lambda t: csr(t).to_sparse(),
    "csc to coo": lambda t: csr(t).to_sparse_csc().to_sparse_coo(),
    "bsr to coo": lambda t: blocks(t).to_sparse_coo(),
    "csr to csc": lambda t: csr(t).to_sparse_csc(),
    "bsr to dense": lambda t: blocks(t).to_dense(),
    "batched to dense": lambda t: batched(t).to_dense(),
    "to dense": lambda t: repeated(t).to_dense(),
    "bool": lambda t: repeated(t).bool().to_dense(),
    "coalesce": lambda t: repeated(t).coalesce(),
    "coalesce hybrid": lambda t: hybrid(t).coalesce(),
    "mask": lambda t: t.arange(6.0).reshape(2, 3).sparse_mask(coo(t)),
    "mask csr": lambda t: t.arange(6.0).reshape(2, 3).sparse_mask(csr(t)),
    "mask of sparse": lambda t: coo(t).sparse_mask(repeated(t)),
    "resize": lambda t: coo(t).sparse_resize_((4, 5), 2, 0),
    "resize and clear": lambda t: coo(t).sparse_resize_and_clear_((1, 5), 2, 0),
    "resize as": lambda t: coo(t).resize_as_sparse_(t.sparse_coo_tensor(size=(7, 8))),
    "zero_": lambda t: coo(t).zero_(),
    "t": lambda t: coo(t).t(),
    "transpose": lambda t: coo(t).transpose(0, 1),
    "permute": lambda t: t.ones(2, 3, 4).to_sparse().permute(2, 0, 1),
    "unsqueeze": lambda t: [coo(t).unsqueeze(d) for d in (0, 1, 2)],
    "unsqueeze dense": lambda t: hybrid(t).unsqueeze(-1),
    "select": lambda t: [coo(t)[0], coo(t)[:, 2], coo(t)[1, 0], repeated(t)[0, 1], csr(t)[1], hybrid(t)[0]],
    "narrow": lambda t: [coo(t).narrow_copy(0, 1, 1), coo(t).narrow_copy(1, 1, 2)],
    "None": lambda t: coo(t)[None],
    "index_select": lambda t: [coo(t).index_select(0, t.tensor([1, 1, 0])), coo(t).index_select(1, t.tensor([2, 0]))],
    "cat": lambda t: [t.cat([coo(t), repeated(t)]), t.cat([coo(t), repeated(t)], 1), t.cat([hybrid(t)] * 2, 2)],
    "stack": lambda t: t.stack([coo(t), repeated(t)]),
    "iter": lambda t: list(coo(t)),
    "clone": lambda t: coo(t).clone(),
    "zeros_like": lambda t: [t.zeros_like(coo(t)), t.zeros_like(coo(t), dtype=t.float64)],
    "casts": lambda t: [coo(t).double(), coo(t).to(t.int32), csr(t).to(t.float64), coo(t).half()],
    "spdiags": lambda t: t.sparse.spdiags(t.arange(6.0).reshape(2, 3), t.tensor([0, 1]), (3, 3)),
    "spdiags csr": lambda t: t.sparse.spdiags(t.arange(6.0).reshape(2, 3), t.tensor([-1, 1]), (3, 4), layout=t.sparse_csr),
    "facts": lambda t: [
        (x._nnz(), x.sparse_dim(), x.dense_dim(), x.is_sparse, x.is_sparse_csr, str(x.layout), x.ndim, x.numel(), len(x))
        for x in (coo(t), hybrid(t), csr(t), blocks(t))
    ],
    "dense facts": lambda t: (t.eye(3).sparse_dim(), t.eye(3).dense_dim(), t.eye(3).is_sparse, str(t.eye(3).layout)),
    "parts": lambda t: [coo(t)._indices(), coo(t)._values(), csr(t).crow_indices(), csr(t).col_indices(), csr(t).values()],
    "item": lambda t: t.sparse_coo_tensor([[0]], [2.0], (1,)).item(),
    "type": lambda t: coo(t).type(),
    # errors
    "no indices": lambda t: coo(t).indices(),
    "no values": lambda t: coo(t).values(),
    "nnz": lambda t: t.sparse_coo_tensor(I, V[:2], (2, 3)),
    "sizes": lambda t: t.sparse_coo_tensor(I, V, (2,)),
    "indices 1-d": lambda t: t.sparse_coo_tensor([1, 2], V),
    "negative": lambda t: t.sparse_coo_tensor([[-1, 1, 1]], V),
    "to_sparse(1)": lambda t: coo(t).to_sparse(1),
    "dense.indices": lambda t: t.eye(3).indices(),
    "dense.crow": lambda t: t.eye(3).crow_indices(),
    "dense.coalesce": lambda t: t.eye(3).coalesce(),
    "dense.is_coalesced": lambda t: t.eye(3).is_coalesced(),
    "dense.values": lambda t: t.eye(3).values(),
    "csr.indices": lambda t: csr(t).indices(),
    "coo.crow": lambda t: coo(t).crow_indices(),
    "numpy": lambda t: coo(t).numpy(),
    "tolist": lambda t: coo(t).tolist(),
    "bool()": lambda t: bool(coo(t)),
    "item of many": lambda t: coo(t).item(),
    "contiguous": lambda t: coo(t).contiguous(),
    "reshape": lambda t: coo(t).reshape(6),
    "view": lambda t: coo(t).view(6),
    "cumsum": lambda t: t.cumsum(coo(t), 0),
    "cos": lambda t: coo(t).cos(),
    "exp": lambda t: t.exp(coo(t)),
    "mean": lambda t: coo(t).mean(),
    "ones_like": lambda t: t.ones_like(coo(t)),
    "shrink": lambda t: coo(t).sparse_resize_((1, 5), 2, 0),
    "setitem": lambda t: coo(t).__setitem__(0, 1),
    "transpose mixed": lambda t: hybrid(t).transpose(0, 1),
    "spdiags twice": lambda t: t.sparse.spdiags(t.ones(2, 3), t.tensor([0, 0]), (3, 3)),
    "spdiags count": lambda t: t.sparse.spdiags(t.ones(2, 3), t.tensor([0, 1, 2]), (3, 3)),
}  # fmt: skip

# PyTorch leaves these by columns or says less about their order.
UNSORTED = ("csc to coo", "bsr to coo", "select", "iter")

CHECKED = [
    lambda t: t.sparse_coo_tensor(I, V, (1, 3)),
    lambda t: t.sparse_coo_tensor([[-1, 1, 1]], V, (3,)),
    lambda t: t.sparse_csr_tensor([0, 1, 3], [0, 1], [1.0, 2.0], (2, 2)),
    lambda t: t.sparse_csr_tensor([0, 1, 2], [0, 1, 1], [1.0, 2.0], (2, 2)),
    lambda t: t.sparse_csr_tensor([0, 1, 2], [0, 5], [1.0, 2.0], (2, 2)),
    lambda t: t.sparse_csr_tensor([1, 1, 2], [0, 1], [1.0, 2.0], (2, 2)),
    lambda t: t.sparse_csr_tensor([0, 1], [0, 1], [1.0, 2.0], (2, 2)),
    lambda t: t.sparse_csr_tensor([0, 2, 2], [1, 0], [1.0, 2.0], (2, 2)),
    lambda t: t.sparse_csc_tensor([0, 2, 1], [1, 0], [1.0, 2.0], (2, 2)),
    csr,
]


@pytest.mark.parametrize("case", range(len(PRINTED)))
def test_prints_as_torch(case):
    ours, theirs = both(PRINTED[case])
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", MADE)
def test_made(name):
    agree(MADE[name], name, exact_places=name not in UNSORTED)


@pytest.mark.parametrize("case", range(len(CHECKED)))
def test_invariants(case):
    with rustorch.sparse.check_sparse_tensor_invariants(), torch.sparse.check_sparse_tensor_invariants():
        assert rustorch.sparse.check_sparse_tensor_invariants.is_enabled()
        agree(CHECKED[case], str(case))
    assert not rustorch.sparse.check_sparse_tensor_invariants.is_enabled()


def test_invariants_per_call_and_switch():
    with pytest.raises(RuntimeError, match="found index 1"):
        rustorch.sparse_coo_tensor(I, V, (1, 3), check_invariants=True)
    rustorch.sparse.check_sparse_tensor_invariants.enable()
    try:
        with pytest.raises(RuntimeError):
            rustorch.sparse_coo_tensor(I, V, (1, 3))
    finally:
        rustorch.sparse.check_sparse_tensor_invariants.disable()

    @rustorch.sparse.check_sparse_tensor_invariants()
    def decorated():
        return rustorch.sparse_coo_tensor(I, V, (1, 3))

    with pytest.raises(RuntimeError):
        decorated()


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "lil", "dia"])
@pytest.mark.parametrize("array,size", [(scipy.sparse.random_array, [(6, 4)]), (scipy.sparse.random, (6, 4))])
def test_scipy_both_ways(kind, array, size):
    matrix = array(*size, density=0.4, rng=np.random.default_rng(0)).asformat(kind)
    ours = rustorch.sparse.from_scipy(matrix)
    layout = kind if kind in ("csr", "csc", "bsr") else "coo"
    assert str(ours.layout) == f"torch.sparse_{layout}" and str(ours.dtype) == "torch.float64"
    np.testing.assert_array_equal(ours.to_dense().numpy(), matrix.toarray())
    back = rustorch.sparse.to_scipy(ours)
    assert back.format == layout
    np.testing.assert_array_equal(back.toarray(), matrix.toarray())
    np.testing.assert_array_equal(ours.to_dense().to_scipy().toarray(), matrix.toarray())


def test_more_than_torch():
    """What PyTorch refuses for these layouts and rustorch does."""
    assert csr(rustorch).T.layout == rustorch.sparse_csc and hybrid(rustorch).transpose(1, 2).shape == (2, 2, 2)
    np.testing.assert_array_equal(csr(rustorch).T.to_dense().numpy(), csr(torch).to_dense().T.numpy())
    assert repeated(rustorch).to_dense(dtype=rustorch.float64).dtype is rustorch.float64
    assert rustorch.equal(coo(rustorch), coo(rustorch)) and not rustorch.equal(coo(rustorch), repeated(rustorch))
    assert coo(rustorch)[0:1].to_dense().tolist() == [[0, 0, 3]]
    assert coo(rustorch)[rustorch.tensor([1, 0])].to_dense().tolist() == [[4, 0, 5], [0, 0, 3]]


def test_scipy_errors():
    with pytest.raises(TypeError, match="must be a SciPy sparse matrix"):
        rustorch.sparse.from_scipy(np.eye(2))
    with pytest.raises(RuntimeError, match="without batch and dense"):
        rustorch.sparse.to_scipy(hybrid(rustorch))


def test_seed_document_lines():
    matrix = scipy.sparse.csr_matrix([[1, 0, 2], [0, 0, 3]])
    s = rustorch.sparse.from_scipy(matrix)
    assert rustorch.sparse.sum(s.double()).item() == 6
    f = rustorch.sparse.FloatTensor(rustorch.tensor(I), rustorch.tensor(V), rustorch.Size([2, 3]))
    assert rustorch.sparse.mm(f, rustorch.ones(3, 1)).tolist() == [[3.0], [9.0]]
    assert rustorch.sparse.addmm(rustorch.ones(2, 1), f, rustorch.ones(3, 1)).tolist() == [[4.0], [10.0]]


@pytest.mark.parametrize("make", [coo, csr, hybrid, batched])
def test_copies(make):
    s = make(rustorch).requires_grad_()
    for t in (copy.deepcopy(s), pickle.loads(pickle.dumps(s))):
        assert rustorch.equal(t.detach(), s.detach()) and t.requires_grad and t.layout == s.layout
    d = s.detach()
    d._values().mul_(2)
    assert d._values().tolist() == s._values().tolist()  # shares its values
