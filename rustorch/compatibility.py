"""The list of operations, ``docs/compatibility.md``: made from the op table, the public namespaces and `rustorch.absent`.

``python tests/core/write_compatibility.py`` writes it, because the data types that PyTorch supports are asked of PyTorch.
A test fails when it is stale.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path

import rustorch
from rustorch.absent import rows
from rustorch.eager.ops import NAMESPACES
from rustorch.eager.tensor import Tensor
from rustorch.nn import functional

PATH = Path(rustorch.__file__).parent.parent / "docs" / "compatibility.md"
HEAD = """# Operations

Written by `python tests/core/write_compatibility.py` from the table of operations; do not edit.

Forms: **f** function, **m** method of `Tensor`, **i** in place (`name_`), **o** `out=`. Data types, where PyTorch's own op
database has the operation, with which each is tested (`tests/ops/test_op_db.py`): **b** bool, **i** integers, **h** float16 or
bfloat16, **f** float32 and float64, **c** complex. Orders of derivative: **any**, **none**, or **parts**: it is made of other
operations, which have theirs. What is known to differ stands in `tests/ops/op_db_exceptions.py` and in
[differences.md](differences.md); what PyTorch has and this package has not, at the [end](#not-here).
"""
# Files of functions that make tensors or ask about them; none of these has a derivative.
PLAIN = (
    "creation",
    "random",
    "inquiry",
    "windows",
)


def _spaces() -> dict[str, dict]:
    """The public functions of each namespace."""
    spaces = {name: dict(functions) for name, functions in NAMESPACES.items()}
    spaces["nn.functional"] = {n: f for n, f in vars(functional).items() if inspect.isroutine(f) and n[0] != "_"}
    methods = {n for n in dir(Tensor) if n[0] != "_" and callable(inspect.getattr_static(Tensor, n))}
    spaces["Tensor"] = {n: getattr(Tensor, n) for n in methods if n not in spaces["torch"]}
    return spaces


def _takes_out(fn) -> bool:
    op = getattr(fn, "op", None)
    if op is not None:
        return bool(op.out)
    try:
        return "out" in inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return False


def _derivative(fn) -> str:
    op = getattr(fn, "op", None)
    if op is None:
        return (
            "none"
            if (getattr(getattr(fn, "__code__", None), "co_filename", "")).rpartition("/")[2][:-3] in PLAIN
            else "parts"
        )
    if not op.differentiable:
        return "none"
    if op.lacks is None:
        return "any"
    where = op.lacks[0]
    return "none" if where is None else "any, not in " + ", ".join(f"`{op.params[i]}`" for i in where)


def _row(space: str, name: str, fn, functions, kinds) -> str:
    method = space == "Tensor" or space == "torch" and hasattr(Tensor, name)
    in_place = name + "_" in functions or space in ("torch", "Tensor") and hasattr(Tensor, name + "_")
    forms = "".join(
        letter
        for letter, has in (("f", space != "Tensor"), ("m", method), ("i", in_place), ("o", _takes_out(fn)))
        if has
    )
    note = (inspect.getdoc(fn) or "").split("\n")[0].replace("|", "\\|")
    full = name if space in ("torch", "Tensor") else f"{space}.{name}"
    return f"| `{name}` | {forms} | {kinds.get(full, '')} | {_derivative(fn)} | {note} |"


def text(kinds: Mapping[str, str]) -> str:
    """The whole document; ``kinds`` are the letters of the data types of operations."""
    lines = [HEAD]
    for space, functions in sorted(_spaces().items()):
        names = [n for n in sorted(functions) if not (n.endswith("_") and n[:-1] in functions)]
        names = [n for n in names if not n.startswith("_")]
        title = space if space == "Tensor" else "torch" if space == "torch" else f"torch.{space}"
        lines.append(f"\n## {title}\n\n| name | forms | types | derivatives | |\n|---|---|---|---|---|")
        lines.extend(_row(space, n, functions[n], functions, kinds) for n in names)
    lines.append("\n## Not here\n\n| reason | names in `torch`, `*` for any letters |\n|---|---|")
    lines.extend(f"| {reason} | {' '.join(f'`{name}`' for name in names)} |" for reason, names in rows().items())
    return "\n".join(lines) + "\n"
