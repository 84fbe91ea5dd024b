"""Storages beside PyTorch's: what aliases share, read and written; the legacy classes; names PyTorch took out."""

import copy
import pickle

import numpy as np
import pytest
import torch

import rustorch

BOTH = (rustorch, torch)
pytestmark = pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")


def told(x):
    if isinstance(x, (tuple, list)):
        return [told(e) for e in x]
    if type(x).__name__.endswith("Storage"):
        return [type(x).__name__, x.tolist(), x.nbytes(), str(x)]
    if isinstance(x, (rustorch.dtype, torch.dtype, rustorch.device, torch.device, type)):
        return str(x)
    return x.tolist() if hasattr(x, "tolist") else x


def matrix(T):
    return T.arange(6.0).reshape(2, 3)


def after(T, write):
    """The tensor after ``write`` was done to its storage."""
    x = matrix(T)
    write(x)
    return x


def assign(storage, i, value):
    storage[i] = value


SAME = {
    "untyped": lambda T: matrix(T).untyped_storage(),
    "of a part": lambda T: matrix(T)[1:, 1].untyped_storage().nbytes(),
    "size": lambda T: (matrix(T).untyped_storage().size(), len(matrix(T).untyped_storage())),
    "byte": lambda T: (matrix(T).untyped_storage()[6], matrix(T).untyped_storage()[-1]),
    "bytes": lambda T: matrix(T).untyped_storage()[4:8],
    "typed": lambda T: matrix(T).storage(),
    "typed bytes": lambda T: (matrix(T).storage().nbytes(), matrix(T).storage().element_size()),
    "device": lambda T: (matrix(T).storage().device, matrix(T).untyped_storage().device, matrix(T).storage().is_cuda),
    "memory order": lambda T: matrix(T).t().storage().tolist(),
    "memory order of a result": lambda T: (matrix(T).t() + 1).storage().tolist(),
    "memory order as strided": lambda T: (matrix(T).t() + 1).as_strided((2, 2), (2, 1), 1),
    "item": lambda T: matrix(T).storage()[1],
    "iteration": lambda T: list(matrix(T).storage()),
    "bool": lambda T: T.tensor([True, False]).storage(),
    "complex": lambda T: T.tensor([1 + 2j]).storage(),
    "float8": lambda T: T.ones(2).to(T.float8_e4m3fn).storage(),
    "names": lambda T: [
        (x.storage_type(), x.storage().type(), x.storage().pickle_storage_type())
        for x in (T.ones(1), T.ones(1, dtype=T.int64), T.ones(1, dtype=T.bfloat16), T.ones(1, dtype=T.bool))
    ],
    "no name": lambda T: (T.ones(1, dtype=T.uint16).storage_type(), T.ones(1, dtype=T.uint16).storage().type()),
    "instance": lambda T: (
        isinstance(T.ones(2).storage(), T.FloatStorage),
        isinstance(T.ones(2).storage(), T.LongStorage),
        isinstance(T.ones(2).storage(), T.storage.TypedStorage),
        isinstance(T.ones(2).untyped_storage(), T.UntypedStorage),
    ),
    "is_storage": lambda T: (T.is_storage(T.ones(1).storage()), T.is_storage(T.ones(1).untyped_storage()), T.is_storage(1)),
    "cast": lambda T: (T.ones(2).storage().double(), T.ones(2).storage().long(), T.ones(2).storage().byte()),
    "made": lambda T: (T.FloatStorage([1, 2, 3]), T.FloatStorage(3).size(), T.LongStorage([1, 2]), T.FloatStorage().size()),
    "made of bytes": lambda T: (T.UntypedStorage(4).nbytes(), T.UntypedStorage([1, 2, 3])),
    "made in a dtype": lambda T: T.TypedStorage([1, 2], dtype=T.int32),
    "shown": lambda T: T.TypedStorage(wrap_storage=matrix(T).untyped_storage(), dtype=T.int32).tolist(),
    "default": lambda T: T.Storage is T.FloatStorage,
    "tensor of it": lambda T: (T.Tensor(T.FloatStorage([1, 2])), T.FloatTensor(T.FloatStorage([1, 2]))),
    "set_": lambda T: T.tensor([]).set_(matrix(T).storage()),
    "set_ to a part": lambda T: T.tensor([]).set_(matrix(T).storage(), 1, (2, 2), (2, 1)),
    "set_ to bytes": lambda T: T.tensor([]).set_(matrix(T).untyped_storage(), 0, (3,)),
    "filled": lambda T: after(T, lambda x: x.storage().fill_(3)),
    "bytes filled": lambda T: after(T, lambda x: x.untyped_storage().fill_(0)),
    "assigned": lambda T: after(T, lambda x: assign(x[1].storage(), 0, 7)),
    "slice assigned": lambda T: after(T, lambda x: assign(x.storage(), slice(1, 3), 7)),
    "byte assigned": lambda T: after(T, lambda x: assign(x.untyped_storage(), 7, 64)),
    "copied": lambda T: after(T, lambda x: x.storage().copy_(T.FloatStorage([6, 5, 4, 3, 2, 1]))),
    "bytes copied": lambda T: after(T, lambda x: x.untyped_storage().copy_(T.ones(2, 3).untyped_storage())),
    "written through set_": lambda T: after(T, lambda x: T.tensor([]).set_(x.storage()).fill_(2)),
    "clone": lambda T: after(T, lambda x: x.storage().clone().fill_(2)),
    "deepcopy": lambda T: after(T, lambda x: copy.deepcopy(x.storage()).fill_(2)),
    "pickle": lambda T: pickle.loads(pickle.dumps(matrix(T).storage())),
    "nested": lambda T: T.nested.nested_tensor([T.ones(2), T.zeros(1)]).storage().tolist(),
    "module_load": lambda T: (T.ones(2).module_load(T.zeros(2)), T.ones(2).module_load(T.zeros(2), assign=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
@pytest.mark.filterwarnings("ignore")
def test_same(name):
    ours, theirs = (told(SAME[name](T)) for T in BOTH)
    assert str(ours).replace("rustorch", "torch") == str(theirs)


@pytest.mark.filterwarnings("ignore")
def test_identity():
    for T in BOTH:
        x = matrix(T)
        views = (x[1], x.t(), x.view(-1), x.detach(), x.view(T.int32))
        for y in views:
            assert x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr() == x.data_ptr()
            assert x.storage().data_ptr() == y.storage().data_ptr()
            assert x.untyped_storage()._cdata == y.untyped_storage()._cdata
            assert x.untyped_storage() == y.untyped_storage()
        assert x.clone().untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
        assert len({t.untyped_storage()._cdata for t in (x, *views)}) == 1
        assert x.const_data_ptr() == x.data_ptr()


def test_reads_what_was_written_later():
    for T in BOTH:
        x = matrix(T)
        s = x.storage()
        x[0] = 9
        assert s.tolist() == [9, 9, 9, 3, 4, 5]


def test_streams_have_nothing_to_record():
    assert rustorch.ones(2).record_stream(None) is None


def raised(do, T):
    with pytest.raises(Exception) as info:
        do(T)
    return info.value


REFUSED = {
    "index": lambda T: matrix(T).storage()[10],
    "byte": lambda T: matrix(T).untyped_storage()[24],
    "key": lambda T: matrix(T).storage()["a"],
    "slice": lambda T: matrix(T).storage()[1:3],
    "sparse": lambda T: T.eye(2).to_sparse().storage(),
    "sparse bytes": lambda T: T.eye(2).to_sparse().untyped_storage(),
    "compressed": lambda T: T.eye(2).to_sparse_csr().untyped_storage(),
    "set_": lambda T: T.ones(2).set_(T.LongStorage([1])),
    "xpu": lambda T: T.ones(2).xpu(),
    "ipu": lambda T: T.ones(2).ipu(),
    "mtia": lambda T: T.ones(2).mtia(),
    "reinforce": lambda T: T.ones(2).reinforce(1),
    "eig": lambda T: T.ones(2, 2).eig(),
    "eig function": lambda T: T.eig(T.ones(2, 2), eigenvectors=True),
    "solve": lambda T: T.ones(2, 2).solve(T.ones(2, 2)),
    "solve function": lambda T: T.solve(T.ones(2, 2), T.ones(2, 2)),
    "lstsq": lambda T: T.ones(2, 2).lstsq(T.ones(2, 2)),
    "lstsq function": lambda T: T.lstsq(T.ones(2, 2), T.ones(2, 2)),
    "symeig": lambda T: T.ones(2, 2).symeig(),
    "matrix_rank": lambda T: T.matrix_rank(T.ones(2, 2)),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_refused(name):
    ours, theirs = (raised(REFUSED[name], T) for T in BOTH)
    assert isinstance(ours, type(theirs)), (ours, theirs)
    if name != "set_":
        assert str(ours).replace("rustorch", "torch").rstrip() == str(theirs).rstrip()


def test_module_load_of_a_parameter():
    for T in BOTH:
        p = T.nn.Parameter(T.ones(2))
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
            p.module_load(T.zeros(2))
        with T.no_grad():
            loaded = p.module_load(T.zeros(2))
        assert p.tolist() == [0, 0] and not loaded.requires_grad
        np.testing.assert_array_equal(loaded.numpy(), p.detach().numpy())
