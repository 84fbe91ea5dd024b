"""Questions about tensors, older constructors, and in-place changes of shape: the same answers as PyTorch."""

import numpy as np
import pytest
import torch as oracle

import rustorch

LIBS = (rustorch, oracle)


def answers(program):
    """What the program gives on both libraries, as text; an error by its builtin type."""

    def ask(lib):
        try:
            return str(program(lib))
        except Exception as e:
            return next(c.__name__ for c in type(e).__mro__ if c.__module__ == "builtins")

    return [ask(lib) for lib in LIBS]


def shown(t):
    return (t.tolist(), tuple(t.shape), tuple(t.stride()), t.storage_offset(), t.is_contiguous())


def _squeezed(m):
    a = m.zeros(1, 3, 1)
    b = a.view(3)
    a.squeeze_()
    b += 1
    return shown(a), shown(b)


def _transposed(m):
    a = m.arange(6.0).reshape(2, 3)
    row = a[0]
    b = a.transpose_(0, 1)
    a[2, 0] = 7
    return b is a, shown(a), shown(row)


def _twice(m):
    a = m.arange(24).reshape(2, 3, 4)
    a.swapdims_(0, 2).unsqueeze_(1).squeeze_(1).t_() if a.ndim == 2 else a.swapaxes_(0, 2).unsqueeze_(-1)
    return shown(a)


def _grown(m):
    a = m.arange(4)
    a.resize_(2, 3)
    return a.flatten()[:4].tolist(), tuple(a.shape)


def _shrunk(m):
    a = m.arange(6)
    b = a.resize_(2, 2)
    b[0, 0] = 9
    return shown(a)


def _gradient(m):
    x = m.ones(2, 3, requires_grad=True)
    y = x * 2
    y.t_()
    (y * m.arange(6.0).reshape(3, 2)).sum().backward()
    return x.grad.tolist()


def _set(m):
    a, b = m.zeros(2), m.ones(3)
    a.set_(b)
    a[0] = 5
    return shown(a), shown(b)


PROGRAMS = {
    "squeeze_": _squeezed,
    "transpose_": _transposed,
    "swapaxes_ unsqueeze_": _twice,
    "resize_ larger": _grown,
    "resize_ smaller": _shrunk,
    "t_ and gradients": _gradient,
    "set_": _set,
    "as_strided_": lambda m: shown(m.arange(6).as_strided_((2, 2), (1, 2), 1)),
    "of a leaf": lambda m: m.ones(1, 2, requires_grad=True).squeeze_(),
    "resize_ of a leaf": lambda m: m.ones(1, 2, requires_grad=True).resize_(3),
    "resize_as_": lambda m: shown(m.arange(6).resize_as_(m.zeros(3, 2))),
    "fill_diagonal_": lambda m: m.zeros(3, 4).fill_diagonal_(5).tolist(),
    "fill_diagonal_ wrapped": lambda m: m.zeros(8, 2).fill_diagonal_(5, wrap=True).tolist(),
    "fill_diagonal_ of a cube": lambda m: m.zeros(3, 3, 3).fill_diagonal_(5).tolist(),
    "fill_diagonal_ of a vector": lambda m: m.zeros(3).fill_diagonal_(5),
    "fill_diagonal_ of a box": lambda m: m.zeros(3, 2, 3).fill_diagonal_(5),
    "apply_": lambda m: m.arange(4.0).reshape(2, 2).apply_(lambda v: v * 2 + 1).tolist(),
    "map_": lambda m: m.arange(4.0).map_(m.ones(4) * 3, lambda a, b: a * b).tolist(),
    "zero_": lambda m: m.zero_(m.ones(2)).tolist(),
    "meshgrid ij": lambda m: [shown(g) for g in m.meshgrid(m.arange(2), m.arange(3), m.tensor(4), indexing="ij")],
    "meshgrid xy": lambda m: [shown(g)[:2] for g in m.meshgrid([m.arange(2), m.arange(3)], indexing="xy")],
    "meshgrid of a name": lambda m: m.meshgrid(m.arange(2), indexing="x"),
    "meshgrid of dtypes": lambda m: m.meshgrid(m.arange(2), m.ones(2), indexing="ij"),
    "meshgrid of a matrix": lambda m: m.meshgrid(m.ones(2, 2), indexing="ij"),
    "atleast": lambda m: [
        shown(t)
        for f in (m.atleast_1d, m.atleast_2d, m.atleast_3d)
        for t in f([m.tensor(1.0), m.ones(2), m.ones(2, 3), m.ones(1, 1, 1, 2)])
    ],
    "atleast of one": lambda m: shown(m.atleast_2d(m.tensor(3))),
    "is_tensor": lambda m: (m.is_tensor(m.ones(1)), m.is_tensor([1])),
    "is_nonzero": lambda m: (m.is_nonzero(m.tensor([2])), m.tensor(False).is_nonzero()),
    "is_nonzero of two": lambda m: m.is_nonzero(m.zeros(2)),
    "is_floating_point": lambda m: [m.is_floating_point(m.ones(1, dtype=d)) for d in (m.float16, m.int8, m.complex64)],
    "is_complex": lambda m: (m.is_complex(m.ones(1)), m.is_signed(m.ones(1, dtype=m.uint8))),
    "numel": lambda m: m.numel(m.ones(2, 3)),
    "numel of a list": lambda m: m.numel([1]),
    "result_type": lambda m: [
        m.result_type(a, b)
        for a in (m.tensor([1], dtype=m.int16), m.tensor(1.0), 2, True)
        for b in (m.tensor([1.0], dtype=m.float16), m.tensor(3), 2.5, 1j)
    ],
    "typename": lambda m: (m.typename(m.ones(1).long()), m.ones(1).type()),
    "FloatTensor": lambda m: (
        m.FloatTensor([[1, 2], [3, 4]]).tolist(),
        m.FloatTensor(2, 3).shape,
        m.FloatTensor().shape,
    ),
    "LongTensor": lambda m: (m.LongTensor([1.5]).tolist(), m.LongTensor(2).dtype, m.LongTensor),
    "FloatTensor of a LongTensor": lambda m: m.FloatTensor(m.arange(2)),
    "isinstance": lambda m: [isinstance(m.ones(1), t) for t in (m.FloatTensor, m.LongTensor, m.Tensor)],
    "Tensor()": lambda m: (
        m.Tensor(2, 3).shape,
        m.Tensor([1, 2]).tolist(),
        m.Tensor([1, 2]).dtype,
        m.Tensor(m.Size([2])).shape,
    ),
    **{
        f"finfo {d}": lambda m, d=d: m.finfo(getattr(m, d))
        for d in ("float16", "bfloat16", "float32", "float64", "complex64", "int32")
    },
    **{f"iinfo {d}": lambda m, d=d: m.iinfo(getattr(m, d)) for d in ("uint8", "int8", "int64", "float32", "bool")},
    "finfo parts": lambda m: [
        getattr(m.finfo(m.float64), n) for n in ("bits", "eps", "max", "min", "tiny", "resolution", "dtype")
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_answer(name):
    ours, theirs = answers(PROGRAMS[name])
    assert ours == theirs


def test_the_documents_constructors():
    t = rustorch.Tensor.from_vec([1.0, 2.0, 3.0, 4.0], [2, 2])
    assert t.tolist() == [[1, 2], [3, 4]]
    assert rustorch.Tensor.from_scalar(2.5).item() == 2.5
    assert t.to_cpu() is t
    assert not t.is_on_gpu()
    assert t.with_device("cpu").device == rustorch.Device.default()
    with pytest.raises(RuntimeError, match="invalid for input of size 4"):
        rustorch.Tensor.from_vec([1.0, 2.0, 3.0, 4.0], [3])


def test_views_see_what_a_reshaped_handle_writes():
    a = rustorch.zeros(2, 3)
    b = a[0]
    a.t_()
    a.add_(rustorch.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(b.numpy(), [0, 2, 4])
