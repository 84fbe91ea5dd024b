"""How a tensor prints: `repr` text equal to PyTorch's, from a numpy array.

The module knows numpy arrays and dtype names only, so it can be read and tested
apart from the rest of the package.  The work goes in four steps: pick the part
of the array that is shown, choose one number style for that whole part, lay the
cells out in brackets and lines, and add the `device=`, `dtype=` ... suffixes.
"""

import contextlib
import math

import numpy as np

_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = {**_PROFILES["default"], "sci_mode": None}

# Complex results of the default float; torch pairs the 16-bit floats with complex64.
_DEFAULT_COMPLEX = {"float64": "complex128"}


# --- options -----------------------------------------------------------------


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Set how tensors print; `None` keeps an option, save that `sci_mode` goes back to automatic.

    Example: `set_printoptions(precision=2)` prints `tensor([0.33])` for a third.
    """
    # An unknown profile is passed over in silence, as torch does.
    _options.update(_PROFILES.get(profile, {}))
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


def get_printoptions():
    """Return a copy of the options in force.

    Example: `get_printoptions()["edgeitems"]` is 3 at first.
    """
    return dict(_options)


@contextlib.contextmanager
def printoptions(**options):
    """Set options inside a `with` block and put the old ones back after it.

    Example: `with printoptions(sci_mode=True): print(x)`.
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        _options.update(before)


# --- the part that is shown --------------------------------------------------


def _cut_axes(shape):
    """Tell for each axis whether its middle is left out."""
    too_many = math.prod(shape) > _options["threshold"]
    return [too_many and size > 2 * _options["edgeitems"] for size in shape]


def _shown_part(array, cut):
    """Return the array without the middles of its cut axes."""
    if not any(cut):
        return array
    edge = _options["edgeitems"]
    keep = [
        np.r_[:edge, size - edge : size] if is_cut else np.arange(size)
        for size, is_cut in zip(array.shape, cut, strict=True)
    ]
    # One open-mesh lookup reads the kept cells alone, however large the array is.
    return array[np.ix_(*keep)]


def _as_python_kind(array, dtype_name):
    """Widen to a numpy type whose `tolist` gives Python numbers of the same value."""
    if dtype_name == "bool":
        return array.astype(np.bool_)
    if dtype_name.startswith("complex"):
        return array.astype(np.complex128)
    if dtype_name.startswith(("float", "bfloat")):
        return array.astype(np.float64)
    return array if array.dtype.kind in "iu" else array.astype(np.int64)


# --- the style of a number ---------------------------------------------------


def _wants_sci(sizes, whole):
    """Tell whether the absolute values `sizes` read better with exponents."""
    if _options["sci_mode"] is not None:
        return _options["sci_mode"]
    low, high = float(sizes.min()), float(sizes.max())
    # Python floats: a huge ratio becomes inf with no numpy warning.
    return high / low > 1000.0 or high > 1.0e8 or (not whole and low < 1.0e-4)


def _whole_text(value):
    """Write a whole float as digits and a dot, nan and inf bare."""
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


def _float_style(values):
    """Return (function from float to text, width) for one common float style."""
    # Zeros, nan and inf print in any style, so they have no say in choosing it.
    telling = values[np.isfinite(values) & (values != 0)]
    if telling.size == 0:
        return _whole_text, 1
    whole = bool((telling == np.ceil(telling)).all())
    precision = _options["precision"]
    if _wants_sci(np.abs(telling), whole):
        text = f"{{:.{precision}e}}".format
    elif whole:
        text = _whole_text
    else:
        text = f"{{:.{precision}f}}".format
    return text, max(len(text(value)) for value in telling.tolist())


def _complex_style(values):
    """Return (function from complex to text, width); each part has its own float style."""
    real_text, real_width = _float_style(values.real)
    imag_text, imag_width = _float_style(values.imag)

    def text(value):
        imag = imag_text(value.imag)
        sign = "" if imag.startswith("-") else "+"
        return f"{real_text(value.real):>{real_width}}{sign}{imag}j"

    return text, real_width + imag_width + 1


def _style(values):
    """Return (function from a cell to its padded text, width) for the shown values."""
    if values.dtype.kind == "c":
        # The imaginary part is never padded: it would part the number from its sign.
        return _complex_style(values)
    if values.dtype.kind == "f":
        text, width = _float_style(values)
    else:
        text, width = str, max(len(str(value)) for value in values.ravel().tolist())
    return lambda value: f"{text(value):>{width}}", width


# --- brackets and lines ------------------------------------------------------


def _row(cells, is_cut, indent, style):
    """Lay out the innermost axis, wrapped at the line width."""
    text, width = style
    texts = [text(cell) for cell in cells]
    if is_cut:
        texts.insert(_options["edgeitems"], " ...")
    per_line = max(1, math.floor((_options["linewidth"] - indent) / (width + 2)))
    lines = [", ".join(texts[at : at + per_line]) for at in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _block(cells, cut, indent, style):
    """Lay out nested lists; `cut` says for each of their axes whether its middle is gone."""
    if not cut:
        return style[0](cells)
    if len(cut) == 1:
        return _row(cells, cut[0], indent, style)
    parts = [_block(part, cut[1:], indent + 1, style) for part in cells]
    if cut[0]:
        parts.insert(_options["edgeitems"], "...")
    # One line break between rows, and one blank line more for each higher axis.
    gap = "," + "\n" * (len(cut) - 1) + " " * (indent + 1)
    return "[" + gap.join(parts) + "]"


def _contents(array, dtype_name, indent):
    """Return the text of the values, brackets and all."""
    if array.size == 0:
        return "[]"
    if array.ndim and _options["edgeitems"] == 0 and array.size > _options["threshold"]:
        return "[...]"
    cut = _cut_axes(array.shape)
    values = _as_python_kind(_shown_part(array, cut), dtype_name)
    return _block(values.tolist(), cut, indent, _style(values))


# --- suffixes and the whole --------------------------------------------------


def _shows_dtype(array, dtype_name, default_dtype_name):
    """Tell whether the dtype cannot be guessed from the values."""
    if dtype_name == default_dtype_name:
        return False
    if array.size == 0:
        return True
    default_complex = _DEFAULT_COMPLEX.get(default_dtype_name, "complex64")
    return dtype_name not in ("int64", "bool", default_complex)


def _shows_size(array):
    """Tell whether the brackets alone would hide the shape."""
    if array.size == 0:
        return array.ndim != 1
    # torch goes by the option alone, also where the array is short and shown in full.
    return _options["edgeitems"] == 0


def _suffixes(array, dtype_name, default_dtype_name, device, requires_grad, grad_name):
    """List the `name=value` texts that follow the values."""
    found = []
    if device is not None:
        found.append(f"device='{device}'")
    if _shows_size(array):
        found.append(f"size={tuple(array.shape)}")
    if _shows_dtype(array, dtype_name, default_dtype_name):
        found.append(f"dtype=torch.{dtype_name}")
    if grad_name is not None:
        found.append(f"grad_fn=<{grad_name}>")
    elif requires_grad:
        found.append("requires_grad=True")
    return found


def _with_suffixes(text, suffixes, indent, break_first=False):
    """Append the suffixes, each on a new line where the current one is full; the first one if `break_first`."""
    # The count starts one too high and each step adds ", ": torch counts this way.
    column = len(text) - text.rfind("\n") + 1
    if break_first:
        text += ",\n" + " " * indent + suffixes[0]
        column, suffixes = indent + len(suffixes[0]), suffixes[1:]
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options["linewidth"]:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def tensor_repr(
    array,
    *,
    dtype_name,
    default_dtype_name="float32",
    device=None,
    requires_grad=False,
    grad_name=None,
    indent=0,
    prefix="tensor(",
):
    """Return the `repr` of a tensor whose values are the numpy `array`.

    Example: `tensor_repr(np.zeros(2, "int32"), dtype_name="int32")` is
    `tensor([0, 0], dtype=torch.int32)`.  `device` is None for the CPU, and `indent`
    counts columns already written to the left of `prefix`.
    """
    column = indent + len(prefix)
    text = prefix + _contents(array, dtype_name, column)
    suffixes = _suffixes(array, dtype_name, default_dtype_name, device, requires_grad, grad_name)
    return _with_suffixes(text, suffixes, column)


def parameter_repr(array, **options):
    """Return the `repr` of a parameter: a heading line, then `tensor_repr`.

    Example: `parameter_repr(np.zeros(1, "float32"), dtype_name="float32")` starts with
    `Parameter containing:`.
    """
    return "Parameter containing:\n" + tensor_repr(array, **options)
