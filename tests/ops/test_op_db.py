"""Every entry of PyTorch's op database: the function by dtype, in place, ``out=``, and its error cases, as PyTorch's.

Each test reads one sample, all forms of an entry in one program; `pytest -m slow` reads all samples of all dtypes.
Differences that are known stand in `op_db_exceptions.py`; one that is gone fails too.
"""

from functools import cache
from itertools import islice

import pytest
from op_db import ENTRIES, MORE_DTYPES
from op_db_exceptions import EXCEPTIONS, MISSING
from op_db_forms import FORMS, errors, run

# Samples per form in the default run.
LIMITS = dict.fromkeys(("float32", "in_place", "out"), 1)
BY_ID = {e.id: e for e in ENTRIES}
CASES = [(form, e.id) for e in ENTRIES for form in LIMITS if FORMS[form][1](e)]
WITH_ERRORS = [e.id for e in ENTRIES if e.info.error_inputs_func is not None]
# At least this share of all forms and error cases, missing entries counted as failures.
BARS = {"float32": 0.98, "float64": 0.97, "int64": 0.97, "bool": 0.97, "complex64": 0.97, "in_place": 0.98, "out": 0.98}


@cache
def results(name):
    return run(BY_ID[name], LIMITS)


@cache
def error_cases(name):
    return errors(BY_ID[name])


def excused(name, form):
    """Why this form of the entry may differ; None if it may not."""
    return EXCEPTIONS.get((name, form)) or EXCEPTIONS.get((name, "*")) or ("missing" if name in MISSING else None)


def judge(name, form, wrong):
    """Fail for a difference without an excuse, and for an excuse without a difference."""
    if excused(name, form) is None:
        assert not wrong, wrong
    elif (name, form) in EXCEPTIONS:
        assert wrong, f"op_db_exceptions.py: {name} {form} is as PyTorch's now"


@pytest.mark.parametrize("form, name", CASES)
def test_form(form, name):
    judge(name, form, results(name)[form])


@pytest.mark.parametrize("name", WITH_ERRORS)
def test_errors(name):
    wrong = [what for refused, same_type, what in error_cases(name) if not (refused and same_type)]
    judge(name, "errors", "\n".join(wrong))


@pytest.mark.parametrize("form", BARS)
def test_share_of_forms(form):
    """The tests above see to it that only excused forms differ: the share is counted from those."""
    names = [e.id for e in ENTRIES if FORMS[form][1](e)]
    assert sum(excused(name, form) is None for name in names) >= BARS[form] * len(names)


@pytest.mark.slow
def test_share_of_errors():
    counts = {name: sum(1 for _ in islice(BY_ID[name].info.error_inputs("cpu"), 60)) for name in WITH_ERRORS}
    good = sum(n for name, n in counts.items() if excused(name, "errors") is None)
    assert good >= 0.97 * sum(counts.values())


def test_exceptions_name_entries():
    assert {name for name, _ in EXCEPTIONS} | MISSING <= set(BY_ID)
    assert {form for _, form in EXCEPTIONS} <= {*FORMS, "errors", "*"}


def test_what_is_missing_is_missing():
    found = {name for name in MISSING if BY_ID[name].ours is not None}
    assert not found, "take these out of MISSING in op_db_exceptions.py"


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", BY_ID)
def test_all_samples(name, form):
    wrong = run(BY_ID[name], {form: None}).get(form)
    assert not wrong or excused(name, form), wrong


# Where 16-bit floats need more digits inside than their own, and where small integers wrap or sum to larger ones.
TELLING = """
add addcdiv addcmul asinh baddbmm cumsum cumulative_trapezoid diff einsum exp2 full_like index_add ldexp lerp linalg.matrix_norm
log1p logaddexp masked.cumsum matrix_exp nn.functional.bilinear nn.functional.conv1d nn.functional.grid_sample
nn.functional.huber_loss nn.functional.interpolate-bicubic nn.functional.margin_ranking_loss nn.functional.pairwise_distance
nn.functional.scaled_dot_product_attention nn.functional.upsample_bilinear scalar_tensor special.xlog1py special.zeta
sum_to_size trapezoid unravel_index _upsample_bilinear2d_aa
""".split()


@pytest.mark.parametrize("name", TELLING)
def test_telling_dtypes(name):
    found = run(BY_ID[name], dict.fromkeys(MORE_DTYPES, 2))
    assert not any(found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("form", MORE_DTYPES)
@pytest.mark.parametrize("name", BY_ID)
def test_more_dtypes(name, form):
    wrong = run(BY_ID[name], {form: 2}).get(form)
    assert not wrong or excused(name, form), wrong
