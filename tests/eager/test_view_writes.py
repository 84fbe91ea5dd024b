"""Every operation that PyTorch documents as a view: an in-place change through it reaches its base, and back.

One row per spelling: the base's shape, its dtype, and the view. PyTorch runs the same rows.
"""

import pytest
import torch

import rustorch

F, C = "float32", "complex64"


def _calls(**methods):
    """Rows ``(name, shape, dtype, call)``: several spellings under one name."""
    return [(f"{name}-{i}", *row) for name, rows in methods.items() for i, row in enumerate(rows)]


ROWS = _calls(
    as_strided=[
        ((4, 4), F, lambda lib, x: x.as_strided((2, 3), (4, 1), 1)),
        ((12,), F, lambda lib, x: lib.as_strided(x, (3, 2), (2, 1))),
        ((4, 4), F, lambda lib, x: x[1:].as_strided((2, 2), (1, 4), 5)),
    ],
    detach=[((3, 4), F, lambda lib, x: x.detach()), ((3, 4), F, lambda lib, x: lib.detach(x)[0])],
    diagonal=[
        ((4, 4), F, lambda lib, x: x.diagonal()),
        ((3, 5), F, lambda lib, x: lib.diagonal(x, 1)),
        ((2, 3, 4), F, lambda lib, x: x.diagonal(offset=-1, dim1=1, dim2=2)),
        ((2, 3, 3), F, lambda lib, x: lib.linalg.diagonal(x)),
    ],
    expand=[
        ((3, 4), F, lambda lib, x: x.expand(3, 4)),
        ((3, 4), F, lambda lib, x: x.expand(1, 3, 4)),
        ((3, 1), F, lambda lib, x: x.expand(3, -1)),
    ],
    expand_as=[((3, 4), F, lambda lib, x: x.expand_as(lib.ones(1, 3, 4)))],
    broadcast_to=[((3, 4), F, lambda lib, x: lib.broadcast_to(x, (1, 3, 4)))],
    movedim=[
        ((2, 3, 4), F, lambda lib, x: x.movedim(0, 2)),
        ((2, 3, 4), F, lambda lib, x: lib.movedim(x, (0, 1), (1, 2))),
        ((2, 3, 4), F, lambda lib, x: lib.moveaxis(x, 1, -1)),
    ],
    narrow=[
        ((5, 3), F, lambda lib, x: x.narrow(0, 1, 3)),
        ((5, 3), F, lambda lib, x: lib.narrow(x, 1, -2, 2)),
        ((5, 3), F, lambda lib, x: x.narrow(0, lib.tensor(2), 2)),
    ],
    permute=[
        ((2, 3, 4), F, lambda lib, x: x.permute(2, 0, 1)),
        ((2, 3, 4), F, lambda lib, x: lib.permute(x, (1, 0, 2))),
    ],
    select=[
        ((3, 4), F, lambda lib, x: x.select(0, 1)),
        ((3, 4), F, lambda lib, x: lib.select(x, 1, -1)),
        ((3,), F, lambda lib, x: x.select(0, 2)),
    ],
    squeeze=[
        ((1, 3, 1), F, lambda lib, x: x.squeeze()),
        ((1, 3, 1), F, lambda lib, x: lib.squeeze(x, 0)),
        ((1, 3, 1), F, lambda lib, x: x.squeeze((0, 2))),
    ],
    transpose=[((2, 3, 4), F, lambda lib, x: x.transpose(0, 2)), ((3, 4), F, lambda lib, x: lib.transpose(x, 0, 1))],
    swapaxes=[((2, 3, 4), F, lambda lib, x: x.swapaxes(0, 1))],
    swapdims=[((2, 3, 4), F, lambda lib, x: lib.swapdims(x, 0, -1))],
    t=[((3, 4), F, lambda lib, x: x.t()), ((3,), F, lambda lib, x: lib.t(x))],
    T=[((3, 4), F, lambda lib, x: x.T)],
    H=[((3, 4), F, lambda lib, x: x.H), ((3, 4), C, lambda lib, x: x.H)],
    mT=[((2, 3, 4), F, lambda lib, x: x.mT)],
    mH=[((2, 3, 4), F, lambda lib, x: x.mH), ((2, 3, 4), C, lambda lib, x: x.mH)],
    adjoint=[((3, 4), F, lambda lib, x: x.adjoint()), ((2, 3, 4), C, lambda lib, x: lib.adjoint(x))],
    conj=[((3, 4), C, lambda lib, x: x.conj()), ((3,), F, lambda lib, x: lib.conj(x))],
    real=[((3, 4), C, lambda lib, x: x.real), ((3,), F, lambda lib, x: lib.real(x))],
    imag=[((3, 4), C, lambda lib, x: x.imag), ((3, 4), C, lambda lib, x: lib.imag(x)[1])],
    view_as_real=[((3, 4), C, lambda lib, x: lib.view_as_real(x)), ((3,), C, lambda lib, x: lib.view_as_real(x)[:, 1])],
    view_as_complex=[((3, 2), F, lambda lib, x: lib.view_as_complex(x)), ((4, 3, 2), F, lambda lib, x: lib.view_as_complex(x)[1:3])],
    unflatten=[((6, 2), F, lambda lib, x: x.unflatten(0, (2, 3))), ((2, 6), F, lambda lib, x: lib.unflatten(x, -1, (3, -1)))],
    unfold=[((7,), F, lambda lib, x: x.unfold(0, 2, 2)), ((3, 6), F, lambda lib, x: x.unfold(1, 3, 3))],
    unsqueeze=[((3, 4), F, lambda lib, x: x.unsqueeze(0)), ((3, 4), F, lambda lib, x: lib.unsqueeze(x, -1))],
    view=[
        ((3, 4), F, lambda lib, x: x.view(12)),
        ((3, 4), F, lambda lib, x: x.view(2, -1)),
        ((3, 4), F, lambda lib, x: x.view((4, 3))),
        ((4, 4), F, lambda lib, x: x[:, :2].view(4, 2, 1)),
    ],
    view_dtype=[((3, 4), F, lambda lib, x: x.view(lib.int32)), ((3, 2), C, lambda lib, x: x.view(lib.float32))],
    view_as=[((3, 4), F, lambda lib, x: x.view_as(lib.ones(2, 6)))],
    unbind=[((3, 4), F, lambda lib, x: x.unbind()), ((3, 4), F, lambda lib, x: lib.unbind(x, 1))],
    split=[
        ((5, 2), F, lambda lib, x: x.split(2)),
        ((2, 5), F, lambda lib, x: lib.split(x, [1, 4], 1)),
        ((5, 2), F, lambda lib, x: x.split_with_sizes((2, 3))),
    ],
    hsplit=[((4, 4), F, lambda lib, x: x.hsplit(2)), ((6,), F, lambda lib, x: lib.hsplit(x, [1, 3]))],
    vsplit=[((4, 4), F, lambda lib, x: x.vsplit(2)), ((4, 4), F, lambda lib, x: lib.vsplit(x, (1,)))],
    dsplit=[((2, 2, 4), F, lambda lib, x: x.dsplit(2)), ((2, 2, 4), F, lambda lib, x: lib.dsplit(x, (1, 3)))],
    tensor_split=[((7,), F, lambda lib, x: x.tensor_split(3)), ((3, 7), F, lambda lib, x: lib.tensor_split(x, (1, 4), 1))],
    chunk=[((5, 2), F, lambda lib, x: x.chunk(2)), ((2, 6), F, lambda lib, x: lib.chunk(x, 3, dim=1))],
    getitem=[
        ((4, 5), F, lambda lib, x: x[1]),
        ((4, 5), F, lambda lib, x: x[1:3, ::2]),
        ((4, 5), F, lambda lib, x: x[..., -1]),
        ((4, 5), F, lambda lib, x: x[None, 2:]),
        ((4, 5), F, lambda lib, x: x[:, 1][2]),
        ((4, 5), F, lambda lib, x: x[...]),
    ],
    ravel=[((3, 4), F, lambda lib, x: x.ravel()), ((3, 4), F, lambda lib, x: lib.ravel(x.t()))],
    reshape=[
        ((3, 4), F, lambda lib, x: x.reshape(2, 6)),
        ((3, 4), F, lambda lib, x: lib.reshape(x.t(), (12,))),
        ((3, 4), F, lambda lib, x: x.t().reshape(2, 2, 3)),
        ((3, 4), F, lambda lib, x: x.reshape_as(lib.ones(4, 3))),
    ],
    flatten=[
        ((2, 3, 4), F, lambda lib, x: x.flatten()),
        ((2, 3, 4), F, lambda lib, x: lib.flatten(x, 1)),
        ((2, 3, 4), F, lambda lib, x: x.transpose(0, 1).flatten(0, 1)),
    ],
    contiguous=[((3, 4), F, lambda lib, x: x.contiguous()), ((3, 4), F, lambda lib, x: x.t().contiguous())],
    to=[((3, 4), F, lambda lib, x: x.to(lib.float32)), ((3, 4), F, lambda lib, x: x.float()[1]), ((3, 4), F, lambda lib, x: x.double())],
    type_as=[((3, 4), F, lambda lib, x: x.type_as(x))],
    positive=[((3, 4), F, lambda lib, x: x.positive())],
    resolve_conj=[((3, 4), C, lambda lib, x: x.resolve_conj())],
    atleast=[((3,), F, lambda lib, x: lib.atleast_2d(x)), ((3,), F, lambda lib, x: lib.atleast_3d(x))],
    rearranged=[((4, 6), F, lambda lib, x: x.view(4, 2, 3).permute(1, 0, 2)[1].t()[::2]), ((2, 3, 4), F, lambda lib, x: x.movedim(0, -1).diagonal()[1:, 0])],
)  # fmt: skip

# Changes made through a view, and one to the base that the view must show.
CHANGES = {
    "mul_": lambda lib, v: v.mul_(3),
    "setitem": lambda lib, v: v.__setitem__(..., 5),
    "zero_": lambda lib, v: v.zero_(),
}


def _made(lib, shape, dtype):
    n = 1
    for s in shape:
        n *= s
    x = lib.arange(n, dtype=lib.float32).reshape(shape) + 1
    return lib.complex(x, -x) if dtype == C else x


def _parts(v):
    return list(v) if isinstance(v, (tuple, list)) else [v]


def _run(lib, shape, dtype, call, change):
    base = _made(lib, shape, dtype)
    views = _parts(call(lib, base))
    change(lib, views[-1])
    after = base.clone()
    base.add_(1)
    return [after, base, *views]


def _plain(t):
    return t.resolve_conj().tolist() if isinstance(t, torch.Tensor) else t.tolist()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name, shape, dtype, call", ROWS, ids=[r[0] for r in ROWS])
def test_a_write_reaches_the_base(name, shape, dtype, call, change):
    try:
        theirs = _run(torch, shape, dtype, call, CHANGES[change])
    except RuntimeError as refused:
        with pytest.raises(type(refused)):
            _run(rustorch, shape, dtype, call, CHANGES[change])
        return
    ours = _run(rustorch, shape, dtype, call, CHANGES[change])
    assert list(map(_plain, ours)) == list(map(_plain, theirs))


def test_what_can_alias_nothing_is_a_copy():
    x = rustorch.arange(12.0).reshape(3, 4)
    for copy in (x.t().contiguous(), x.t().reshape(12), x.double(), x.clone(), x.t().flatten()):
        copy.zero_()
    assert x.tolist() == torch.arange(12.0).reshape(3, 4).tolist()


def test_a_row_for_each_documented_view():
    documented = (
        "as_strided detach diagonal expand expand_as movedim narrow permute select squeeze transpose t T H mT mH real imag "
        "view_as_real view_as_complex unflatten unfold unsqueeze view view_as unbind split hsplit vsplit tensor_split "
        "swapaxes swapdims chunk dsplit adjoint ravel reshape flatten contiguous getitem"
    ).split()  # fmt: skip
    rows = {name.rpartition("-")[0] for name, *_ in ROWS}
    assert not set(documented) - rows


WRITES = {
    "copy_": lambda T, x: x.copy_(T.arange(12.0).reshape(4, 3)),
    "fill_": lambda T, x: x.fill_(2.0),
    "row": lambda T, x: x.__setitem__(0, 2.0),
    "window": lambda T, x: x.__setitem__((slice(None), slice(1, 2)), x[:, :1] * 2),
    "mask": lambda T, x: x.__setitem__(x > 1, -1.0),
    "index": lambda T, x: x.__setitem__(T.tensor([0, -1]), 3.0),
    "add_": lambda T, x: x.add_(T.arange(12.0).reshape(4, 3)),
    "index_add_": lambda T, x: x.index_add_(0, T.tensor([1]), T.ones(1, 3)),
    "masked_fill_": lambda T, x: x.masked_fill_(T.ones(4, 3) > 0, 0.5),
    "cumsum_": lambda T, x: x.cumsum_(0),
    "through a view": lambda T, x: x.t()[0].mul_(2),
    "out=": lambda T, x: T.cumsum(T.ones(4, 3), 0, out=x) if not x.requires_grad else x.add_(1),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_write_leaves_the_strides(write, requires_grad):
    """What lies in memory column by column still does after a write into it."""

    def run(T):
        leaf = T.ones(3, 4, requires_grad=requires_grad)
        x = (leaf * 1.5).t() + 1
        WRITES[write](T, x)
        if requires_grad:
            (x * T.arange(12.0).reshape(4, 3)).sum().backward()
        return x.stride(), x.tolist(), leaf.grad.tolist() if requires_grad else None

    assert run(rustorch) == run(torch)
