"""Every operation that PyTorch's op database runs on sparse tensors, on its samples, and pairs of operands."""

import pytest
import torch
from sparse_oracle import agree, convert, same
from torch.testing._internal.common_methods_invocations import op_db

import rustorch

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# `masked.*` is a namespace of its own, and random values cannot be compared.
UNARY = [
    o for o in op_db
    if o.supports_sparse and not o.name.startswith("masked.") and o.name not in ("randn_like", "mul", "sum", "zeros_like")
]  # fmt: skip
NAMED = [o for o in op_db if o.name in ("sparse.mm", "sparse.sampled_addmm", "to_sparse")]


def ours_of(op):
    f = rustorch
    for part in op.name.split("."):
        f = getattr(f, part, None)
    return f or getattr(rustorch.Tensor, op.name)


@pytest.mark.parametrize("op", UNARY, ids=lambda o: o.name)
def test_unary(op):
    x = torch.tensor([[0.0, -0.75, 0.5], [0.25, 0, -0.5]])
    forms = [x.to_sparse(), torch.sparse_coo_tensor([[0, 0, 1], [1, 1, 0]], [-0.25, -0.5, 0.3], (2, 3))]
    forms += [x.to_sparse(1), x.to_sparse_csr()]
    for s in forms:
        if s.layout is torch.sparse_csr and not op.supports_sparse_csr:
            continue
        theirs = op(s)
        same(ours_of(op)(convert(s)), theirs, op.name)
        method = op.name.rpartition(".")[2]
        if hasattr(s, method):
            same(getattr(convert(s), method)(), theirs, op.name + " method")
        inplace = op.get_inplace()
        if inplace is not None and theirs.dtype is s.dtype and hasattr(s, method + "_"):
            a, b = convert(s), s.clone()
            if (
                s.layout is torch.sparse_coo
                and not s.is_coalesced()
                and op.name not in ("neg", "positive", "conj_physical")
            ):
                with pytest.raises(RuntimeError, match=f"{method}_ requires coalesced input"):
                    getattr(a, method + "_")()
                continue
            inplace(b)
            assert getattr(a, method + "_")() is a
            same(a, b, op.name + "_")


@pytest.mark.parametrize("op", NAMED, ids=lambda o: o.name)
def test_named_entries(op):
    count = 0
    for sample in op.sample_inputs("cpu", torch.float64, requires_grad=False):
        theirs = op(sample.input, *sample.args, **sample.kwargs)
        ours = ours_of(op)(*convert((sample.input, *sample.args)), **convert(sample.kwargs))
        same(ours, theirs, f"{op.name} {sample.args} {sample.kwargs}")
        count += 1
    assert count >= 2


@pytest.mark.parametrize("name", ["sum", "mul"])
def test_samples_of(name):
    op = next(o for o in op_db if o.name == name)
    count = 0
    for sample in list(op.sample_inputs_sparse(torch.sparse_coo, "cpu", torch.float64))[:60]:
        inputs = (sample.input, *sample.args)
        if any(isinstance(x, torch.Tensor) and x.layout is torch.strided and x.ndim for x in inputs):
            continue
        try:
            theirs = op(*inputs, **sample.kwargs)
        except Exception:
            continue
        ours = ours_of(op)(*convert(inputs), **convert(sample.kwargs))
        same(ours, theirs, f"{name} {inputs} {sample.kwargs}", exact_places=False)
        count += 1
    assert count > 10


def operands(t):
    """Sparse, uncoalesced, another place, hybrid pair, compressed, dense, numbers."""
    a = t.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3)).coalesce()
    b = t.sparse_coo_tensor([[0, 0, 1], [1, 2, 2]], [1.0, 2.0, 3.0], (2, 3)).coalesce()
    return dict(
        a=a, b=b, u=t.sparse_coo_tensor([[1, 1, 0], [1, 1, 2]], [1.0, 2.0, 3.0], (2, 3)), i=a.to(t.int32), d64=b.double(),
        h=t.sparse_coo_tensor([[1, 0]], t.arange(6.0).reshape(2, 3), (2, 3)), c=b.to_sparse_csr(),
        x=t.arange(6.0).reshape(2, 3), n=2.5, z=t.tensor(2.0), w=t.sparse_coo_tensor(size=(3, 3)), k=3,
    )  # fmt: skip


PAIRS = {
    "a+b": lambda t, o: o["a"] + o["b"], "a+u": lambda t, o: (o["a"] + o["u"]).to_dense(), "a-b": lambda t, o: o["a"] - o["b"],
    "a*b": lambda t, o: o["a"] * o["b"], "a*u": lambda t, o: (o["a"] * o["u"]).to_dense(), "a+d64": lambda t, o: o["a"] + o["d64"],
    "i*n": lambda t, o: o["i"] * o["n"], "i*k": lambda t, o: o["i"] * o["k"], "i/k": lambda t, o: o["i"] / o["k"],
    "i//k": lambda t, o: o["i"] // o["k"], "a*n": lambda t, o: o["a"] * o["n"], "n*a": lambda t, o: o["n"] * o["a"],
    "a/n": lambda t, o: o["a"] / o["n"], "a/z": lambda t, o: o["a"] / o["z"], "a*z": lambda t, o: o["a"] * o["z"],
    "z*a": lambda t, o: o["z"] * o["a"], "a*x": lambda t, o: o["a"] * o["x"], "x*a": lambda t, o: o["x"] * o["a"],
    "x+a": lambda t, o: o["x"] + o["a"], "x-a": lambda t, o: o["x"] - o["a"], "a+x": lambda t, o: o["a"] + o["x"],
    "a+1": lambda t, o: o["a"] + 1, "a/a": lambda t, o: o["a"] / o["a"], "a/x": lambda t, o: o["a"] / o["x"],
    "1/a": lambda t, o: 1 / o["a"], "-a": lambda t, o: -o["a"], "abs": lambda t, o: abs(-o["a"]), "a**2": lambda t, o: o["a"] ** 2,
    "a+w": lambda t, o: o["a"] + o["w"], "a*w": lambda t, o: o["a"] * o["w"], "h+h": lambda t, o: (o["h"] + o["h"]).to_dense(),
    "h*n": lambda t, o: o["h"] * o["n"], "c*n": lambda t, o: o["c"] * o["n"], "c+c": lambda t, o: (o["c"] + o["c"]).to_dense(),
    "alpha": lambda t, o: [t.add(o["a"], o["b"], alpha=2), t.add(o["x"], o["a"], alpha=2), t.sub(o["x"], o["a"], alpha=3)],
    "add_": lambda t, o: [o["a"].clone().add_(o["b"]), o["x"].clone().add_(o["a"]), o["x"].clone().add_(o["a"], alpha=-2)],
    "mul_": lambda t, o: [o["a"].clone().mul_(3), o["a"].clone().div_(2)],
    "a==a": lambda t, o: o["a"] == o["a"], "norm": lambda t, o: [o["a"].norm(), t.norm(o["u"])], "any": lambda t, o: o["a"].any(),
    "x+c": lambda t, o: o["x"] + o["c"], "sum": lambda t, o: [t.sparse.sum(o["u"]), t.sparse.sum(o["u"], 0), t.sparse.sum(o["h"], 1)],
    "sums": lambda t, o: [t.sparse.sum(o["h"], (0, 1)), t.sparse.sum(o["i"]), t.sparse.sum(o["a"], 1, dtype=t.float64), o["a"].sum()],
    "sum h0": lambda t, o: t.sparse.sum(o["h"], 0), "c.sum": lambda t, o: o["c"].sum(),
    "softmax": lambda t, o: [t.sparse.softmax(o["a"], d) for d in (0, 1)] + [t.sparse.softmax(o["u"], 1), t.sparse.softmax(o["h"], 0)],
    "log_softmax": lambda t, o: [t.sparse.log_softmax(o["a"], d) for d in (0, 1, -1)] + [t.sparse.log_softmax(o["h"], 1)],
    "softmax dtype": lambda t, o: t.sparse.softmax(o["a"], 1, dtype=t.float64), "softmax of sparse": lambda t, o: t.softmax(o["a"], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_pair(name):
    agree(lambda t: PAIRS[name](t, operands(t)), name, exact_places=name != "mul_")
