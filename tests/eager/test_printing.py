"""A tensor's printed form is PyTorch's, character by character."""

import time
import warnings

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch._tensor_str import get_printoptions as torch_get_printoptions, printoptions as torch_printoptions

from rustorch.eager import printing

INF, NAN = float("inf"), float("nan")
FLOATS = ["float16", "bfloat16", "float32", "float64"]
FLOAT8S = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]
COMPLEXES = ["complex64", "complex128"]
INTS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
DTYPES = [*FLOATS, *FLOAT8S, *COMPLEXES, *INTS, "bool"]


# --- helpers -----------------------------------------------------------------


def name_of(tensor):
    """Return 'float32' for torch.float32."""
    return str(tensor.dtype).removeprefix("torch.")


def to_numpy(tensor):
    """Return the values as numpy, the types numpy lacks by their bits."""
    tensor, name = tensor.detach(), name_of(tensor)
    if name == "bfloat16":
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    if name.startswith("float8"):
        return tensor.view(torch.uint8).numpy().view(getattr(ml_dtypes, name))
    return tensor.numpy()


def ours(tensor, **options):
    """Print `tensor` our way."""
    if tensor.grad_fn is not None:
        options["grad_name"] = tensor.grad_fn.name()
    return printing.tensor_repr(
        to_numpy(tensor),
        dtype_name=name_of(tensor),
        requires_grad=tensor.requires_grad,
        **options,
    )


def assert_same(tensor, **print_options):
    """Check that both print `tensor` alike under `print_options`."""
    with (
        torch_printoptions(**print_options),
        printing.printoptions(**print_options),
        warnings.catch_warnings(),
    ):
        # A numpy warning on nan or inf values would reach the user, so it fails here.
        warnings.simplefilter("error")
        assert ours(tensor) == repr(tensor)


@pytest.fixture(autouse=True)
def _options_put_back():
    """Leave both libraries' options, and torch's default dtype, as they were."""
    with torch_printoptions(), printing.printoptions():
        yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def normal():
    """Return a function from a shape to normally distributed values, the same each run."""
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(shape, generator=generator)


# --- the table ---------------------------------------------------------------

VALUES = {
    "scalar": 3.14,
    "whole_scalar": 1.0,
    "zero": 0.0,
    "minus_zero": [-0.0],
    "zeros": [0.0, 0.0],
    "whole": [1.0, -20.0, 300.0],
    "fractions": [1.5, -2.25, 0.0],
    "nan_scalar": NAN,
    "inf_scalar": -INF,
    "nan_and_inf": [NAN, INF],
    "both_infs": [INF, -INF],
    "nan_among_whole": [NAN, 1.0, 100.0],
    "infs_among_fractions": [INF, -INF, 1.5],
    "nan_among_sci": [NAN, 1e4, 1e-4],
    "ratio_1000": [1.0, 1000.0],
    "ratio_over_1000": [1.0, 1001.0],
    "fraction_ratio_1000": [0.5, 500.0],
    "fraction_ratio_over_1000": [0.5, 500.5],
    "high_1e8": [1e8, 1e8],
    "high_over_1e8": [1.1e8, 1e8],
    "low_1e-4": [1e-4, 1e-3],
    "low_under_1e-4": [0.99e-4, 1e-3],
    "one_large": 1e10,
    "one_small": -1e-10,
    "rounds_up_a_digit": [9.99996, 1.5],
    "smallest": [1e-45],
    "float32_extremes": [3.4e38, 1.2e-38],
    "six_digits": [123456.7],
    "matrix": [[1.5, 2.0], [-3.0, 4.0]],
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_float_values(value, dtype):
    assert_same(torch.tensor(value, dtype=torch.float64).to(getattr(torch, dtype)))


@pytest.mark.parametrize("sci_mode", [True, False])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_float_values_in_forced_mode(value, sci_mode):
    assert_same(torch.tensor(value), sci_mode=sci_mode)


COMPLEX_VALUES = {
    "scalar": 1 + 2j,
    "zero": [0j],
    "minus_zero_imag": [complex(1, -0.0)],
    "whole": [1 + 2j, -3 - 40j],
    "mixed_styles": [1e-9 + 2j, 3],
    "sci_imag": [1.5 + 2j, -3 - 1e9j],
    "nan_inf": [complex(NAN, INF), complex(1, -INF), complex(-INF, NAN)],
    "wraps": [complex(i, -i / 3) for i in range(20)],
}


@pytest.mark.parametrize("sci_mode", [None, True, False])
@pytest.mark.parametrize("dtype", COMPLEXES)
@pytest.mark.parametrize("value", COMPLEX_VALUES.values(), ids=COMPLEX_VALUES.keys())
def test_complex_values(value, dtype, sci_mode):
    assert_same(torch.tensor(value, dtype=getattr(torch, dtype)), sci_mode=sci_mode)


@pytest.mark.parametrize("dtype", INTS)
def test_int_extremes(dtype):
    info = torch.iinfo(getattr(torch, dtype))
    assert_same(torch.tensor([info.min, 0, info.max], dtype=getattr(torch, dtype)))
    assert_same(torch.tensor(info.max, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("value", [True, False, [True], [True, True], [[True, False]] * 3])
def test_bools(value):
    assert_same(torch.tensor(value))


@pytest.mark.parametrize("dtype", FLOAT8S)
@pytest.mark.parametrize("value", [1.0, [1.0, 2.0, 96.0], [1.0, 2.5, NAN]])
def test_float8(value, dtype):
    assert_same(torch.tensor(value).to(getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4), (0, 2000)], ids=str)
def test_empty(shape, dtype):
    assert_same(torch.empty(shape, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("default", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(2,), (0,), (0, 1)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_is_named_unless_default(dtype, shape, default):
    torch.set_default_dtype(getattr(torch, default))
    tensor = torch.empty(shape).fill_(1).to(getattr(torch, dtype))
    assert ours(tensor, default_dtype_name=default) == repr(tensor)


# --- layout ------------------------------------------------------------------

SHAPES = [
    (1,), (9,), (10,), (1000,), (1001,), (2000,),
    (1, 1), (3, 4), (2, 30), (40, 40), (6, 200), (7, 200), (1001, 1), (1, 1001),
    (2, 3, 4), (7, 11, 13), (1, 1, 1), (500, 2, 2), (2, 2, 500),
    (2, 2, 2, 2), (6, 6, 6, 6), (8, 1, 2, 70), (2, 1, 2, 1, 3), (1, 7, 1, 7, 30),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "complex64", "int64", "int16", "bool"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(normal, shape, dtype):
    assert_same((normal(*shape) * 10).to(getattr(torch, dtype)))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("profile", ["short", "full", "default", "no_such_profile"])
def test_profiles(normal, shape, profile):
    assert_same(normal(*shape), profile=profile)


@pytest.mark.parametrize("edgeitems", [0, 1, 2, 4])
@pytest.mark.parametrize("shape", [(), (0,), (0, 2), (3,), (10,), (3, 10), (10, 3, 4)], ids=str)
def test_edgeitems(normal, shape, edgeitems):
    assert_same(normal(*shape), edgeitems=edgeitems, threshold=5)
    assert_same(normal(*shape), edgeitems=edgeitems, threshold=0)


@pytest.mark.parametrize("linewidth", [1, 3, 10, 17, 20, 40, 79, 81, 120, 200])
def test_linewidth(normal, linewidth):
    assert_same(normal(30), linewidth=linewidth)
    assert_same(normal(2, 3, 12).short(), linewidth=linewidth)
    assert_same(torch.empty(0, 3, dtype=torch.half), linewidth=linewidth)


@pytest.mark.parametrize("precision", [0, 1, 2, 8])
def test_precision(precision):
    for value in (1.5, [1.0, 2.0], [0.5, 1e-9], [1 / 3 + 1e9j]):
        assert_same(torch.tensor(value), precision=precision)


def test_width_comes_from_the_shown_values_alone():
    tensor = torch.ones(2000)
    tensor[1000] = -1e9 / 3
    assert_same(tensor)
    assert ours(tensor) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


def test_strided_views(normal):
    assert_same(normal(50, 60).T)
    assert_same(normal(4000)[::3])


# --- suffixes ----------------------------------------------------------------


@pytest.mark.parametrize("count", range(1, 30))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_suffixes_move_to_a_new_line_where_torch_moves_them(normal, count, dtype):
    leaf = normal(count).to(getattr(torch, dtype)).requires_grad_()
    assert_same(leaf)
    assert_same(leaf * 2)
    assert_same(leaf.expand(3, count))
    assert_same((leaf * 2).sum())


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 8, 9, 20])
@pytest.mark.parametrize("dtype", ["float32", "int8", "complex128"])
def test_device_prefix_and_indent(normal, count, dtype):
    # No GPU is needed for torch to print one: a subclass may claim any device.
    class Gpu(torch.Tensor):
        device = torch.device("cuda:0")

    tensor = normal(count).to(getattr(torch, dtype))
    assert ours(tensor, device="cuda:0", prefix="Gpu(") == repr(tensor.as_subclass(Gpu))


def test_indent_shifts_the_later_lines():
    values = np.zeros((2, 1), np.int64)
    text = printing.tensor_repr(values, dtype_name="int64", indent=4)
    assert text == "tensor([[0],\n            [0]])"


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (40, 40)], ids=str)
def test_parameter(normal, shape):
    tensor = normal(*shape)
    text = printing.parameter_repr(to_numpy(tensor), dtype_name="float32", requires_grad=True)
    assert text == repr(torch.nn.Parameter(tensor))


# --- options -----------------------------------------------------------------

OPTION_STEPS = [
    {},
    {"precision": 2},
    {"sci_mode": True},
    {"precision": 3},  # sci_mode goes back to None
    {"profile": "full"},
    {"profile": "short", "precision": 7},
    {"profile": "FULL"},
    {"edgeitems": 0, "linewidth": 120, "threshold": 5, "sci_mode": False},
    {"profile": "default"},
]


def test_options_follow_torch():
    for step in OPTION_STEPS:
        torch.set_printoptions(**step)
        printing.set_printoptions(**step)
        assert printing.get_printoptions() == torch_get_printoptions()


def test_options_are_put_back_after_an_error():
    printing.set_printoptions(sci_mode=True)
    before = printing.get_printoptions()
    with pytest.raises(ZeroDivisionError), printing.printoptions(precision=1, profile="full"):
        raise ZeroDivisionError
    assert printing.get_printoptions() == before


def test_the_returned_options_are_a_copy():
    printing.get_printoptions()["precision"] = 9
    assert printing.get_printoptions()["precision"] == 4


# --- cost --------------------------------------------------------------------


def test_a_long_array_is_not_read_whole():
    # 2**40 cells by way of a zero stride: only a look at the edges can end.
    huge = np.broadcast_to(np.float32(1.5), (2**20, 2**20))
    start = time.perf_counter()
    text = printing.tensor_repr(huge, dtype_name="float32")
    assert time.perf_counter() - start < 1.0
    with torch_printoptions():
        assert text == repr(torch.tensor(1.5).expand(2**20, 2**20))


# --- fuzz --------------------------------------------------------------------

POINTS = [0.0, -0.0, NAN, INF, -INF, 1e-4, 0.99999e-4, 1e-3, 1000.0, 1001.0, 1e8, 1e8 + 8, 1 / 3]
NUMBERS = st.one_of(
    st.sampled_from(POINTS),
    st.integers(-1200, 1200).map(float),
    st.floats(-10, 10),
    st.floats(width=32),
    st.floats(),
)
PRINT_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 9),
        "threshold": st.integers(0, 60),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.integers(1, 120),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


def _tensor_of(numbers, shape, dtype):
    """Fill `shape` with `numbers`, over and over, as `dtype`."""
    count = int(np.prod(shape))
    floats = np.resize(np.array(numbers, np.float64), count).reshape(shape)
    if dtype.startswith("complex"):
        both = torch.complex(torch.from_numpy(floats), torch.from_numpy(floats[..., ::-1].copy()))
        return both.to(getattr(torch, dtype))
    if dtype in INTS or dtype == "bool":
        info = np.iinfo("int64")
        floats = np.nan_to_num(floats, posinf=0.0, neginf=0.0)
        # 2**63 itself does not fit, so stop at the float below it.
        floats = floats.clip(info.min, np.nextafter(2.0**63, 0)).astype(np.int64)
    return torch.from_numpy(floats).to(getattr(torch, dtype))


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 9), min_size=1, max_size=4).map(tuple),
    numbers=st.lists(NUMBERS, min_size=1, max_size=12),
    tracked=st.booleans(),
    options=PRINT_OPTIONS,
)
def test_fuzz(dtype, shape, numbers, tracked, options):
    tensor = _tensor_of(numbers, shape, dtype)
    if tracked and dtype in (*FLOATS, *COMPLEXES):
        tensor.requires_grad_()
    assert_same(tensor, **options)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(dtype=st.sampled_from(DTYPES), number=NUMBERS, options=PRINT_OPTIONS)
def test_fuzz_scalars(dtype, number, options):
    assert_same(_tensor_of([number], (1,), dtype)[0], **options)
