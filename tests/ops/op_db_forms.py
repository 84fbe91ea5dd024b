"""The forms of an entry of PyTorch's op database beside PyTorch: function by dtype, in place, ``out=``, error cases.

A form is a generator: it records, yields, compares, and returns ``None`` or the first difference in words. So all forms
of an entry are recorded before anything is read, and are one program.
"""

from itertools import islice

import torch
from derivative_oracle import lookup, quiet
from op_db import DTYPES, MORE_DTYPES, attempt, clone, compared, convert, flat, show

import rustorch

UNNAMED = ("wrapper", "<lambda>", "")

# With `out=` these give None, in PyTorch too.
NO_RESULT = {"split_with_sizes_copy", "unbind_copy"}


def forward(entry, dtype, limit=None):
    """The function itself, on samples of one dtype."""
    if entry.ours is None:
        return "missing"
    results = []
    for s in entry.samples(dtype, limit):
        theirs, refused = attempt(entry.info.op, *clone([s.input, *s.args]), **clone(s.kwargs))
        if refused is None:
            ours, error = attempt(entry.ours, *convert([s.input, *s.args]), **convert(s.kwargs))
            if error is not None:
                return f"{type(error).__name__}: {str(error)[:150]} for {show(s)}"
            results.append((s, ours, theirs))
    yield
    return _first_difference(entry, results)


def _first_difference(entry, results, prefix=""):
    for s, ours, theirs in results:
        wrong = compared(entry, s, ours, theirs)
        if wrong:
            return f"{prefix}{wrong} for {show(s)}"
    return None


def underscored(entry):
    """The name of PyTorch's in-place form; None if it has none."""
    name = getattr(entry.info.inplace_variant, "__name__", "")
    return None if name in UNNAMED else name


def in_place(entry, dtype, limit=None):
    """The form with an underscore, which changes its input and returns it."""
    name = underscored(entry)
    own = getattr(rustorch.Tensor, name, None) or lookup(f"nn.functional.{name}") or lookup(name)
    if own is None:
        return "missing"
    results = []
    for s in entry.samples(dtype, limit):
        if s.broadcasts_input or not isinstance(s.input, torch.Tensor):
            continue
        theirs, refused = attempt(entry.info.inplace_variant, s.input.clone(), *clone(s.args), **clone(s.kwargs))
        if refused is None:
            x = convert(s.input)
            ours, error = attempt(own, x, *convert(s.args), **convert(s.kwargs))
            if error is not None:
                return f"{name}: {type(error).__name__}: {str(error)[:150]} for {show(s)}"
            if ours is not x:
                return f"{name} does not return its input"
            results.append((s, x, theirs))
    yield
    return _first_difference(entry, results, f"{name}: ")


def out(entry, dtype, limit=None):
    """``out=``, where PyTorch takes it; the result is the tensor given."""
    if entry.ours is None:
        return "missing"
    results = []
    for s in entry.samples(dtype, limit):
        args, kwargs = [s.input, *s.args], s.kwargs
        theirs, refused = attempt(entry.info.op, *clone(args), **clone(kwargs))
        if refused is not None or not all(isinstance(t, torch.Tensor) for t in flat(theirs)):
            continue
        single = isinstance(theirs, torch.Tensor)
        into = [torch.empty_like(t) for t in flat(theirs)]
        _, refused = attempt(entry.info.op, *clone(args), **clone(kwargs), out=into[0] if single else tuple(into))
        if refused is None:
            given = [rustorch.empty(tuple(t.shape), dtype=convert(t.dtype)) for t in flat(theirs)]
            ours, error = attempt(
                entry.ours, *convert(args), **convert(kwargs), out=given[0] if single else tuple(given)
            )
            if error is not None:
                return f"{type(error).__name__}: {str(error)[:150]} for {show(s)}"
            if entry.name in NO_RESULT and ours is None:
                ours = given
            if any(a is not b for a, b in zip(flat(ours), given)):
                return f"does not return out for {show(s)}"
            results.append((s, given[0] if single else type(theirs)(given), theirs))
    yield
    return _first_difference(entry, results)


# The forms by name, and which entries have them in PyTorch.
FORMS = {
    name: (forward, lambda e, d=d: e.supports(d), lambda e, d=d: d) for name, d in {**DTYPES, **MORE_DTYPES}.items()
}
FORMS["in_place"] = (in_place, lambda e: underscored(e) is not None, lambda e: e.dtype)
FORMS["out"] = (out, lambda e: e.info.supports_out, lambda e: e.dtype)


def run(entry, limits: dict) -> dict:
    """What each form in ``limits`` (its number of samples, None for all) does wrong; None where all is well."""
    checks, found = {}, {}
    for form, limit in limits.items():
        check, has, dtype = FORMS[form]
        if has(entry):
            checks[form] = check(entry, dtype(entry), limit)
    with quiet():
        while checks:
            for form in list(checks):
                try:
                    next(checks[form])
                except StopIteration as stop:
                    found[form] = stop.value
                    del checks[form]
    return found


def errors(entry):
    """``[(refused?, with PyTorch's exception type?, what)]`` for each of PyTorch's error cases."""
    found = []
    if entry.info.error_inputs_func is None:
        return found
    # Called by its method's name, the method itself: an operator would swap its operands.
    ours = getattr(rustorch.Tensor, entry.name, None) if entry.name.startswith("__r") else entry.ours
    with quiet():
        for case in islice(entry.info.error_inputs("cpu"), 60):
            s = case.sample_input
            _, refused = attempt(entry.info.op, *clone([s.input, *s.args]), **clone(s.kwargs))
            if refused is None:
                continue
            if ours is None:
                found.append((False, False, "missing"))
                continue
            given, elsewhere = attempt(convert, [[s.input, *s.args], s.kwargs])
            if elsewhere is not None:  # tensors on the meta device
                continue
            _, error = attempt(_read, ours, *given[0], **given[1])
            got = "no error" if error is None else f"{type(error).__name__} {str(error)[:80]!r}"
            what = f"{type(refused).__name__} {str(refused)[:100]!r}, not {got} for {show(s)}"
            found.append((error is not None, isinstance(error, type(refused)), what))
    return found


def _read(fn, *args, **kwargs):
    for t in flat(fn(*args, **kwargs)):
        if isinstance(t, rustorch.Tensor):
            t.numpy()
