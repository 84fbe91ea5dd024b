"""Write the list of operations, ``docs/compatibility.md``: ``python -m rustorch.compatibility``.

Made from the op table and the public namespaces. A test fails when it is stale.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import rustorch
from rustorch.eager.ops import NAMESPACES
from rustorch.eager.tensor import Tensor
from rustorch.nn import functional

PATH = Path(rustorch.__file__).parent.parent / "docs" / "compatibility.md"
HEAD = """# Operations

Written by `python -m rustorch.compatibility` from the table of operations; do not edit.

Forms: **f** function, **m** method of `Tensor`, **i** in place (`name_`), **o** `out=`. Derivative: **yes**, **no**, or
**made of** others, which have theirs. Each is tested against PyTorch's own op database (`tests/ops/test_op_db.py`);
what is known to differ stands in `tests/ops/op_db_exceptions.py` and in [differences.md](differences.md).
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
            "no"
            if (getattr(getattr(fn, "__code__", None), "co_filename", "")).rpartition("/")[2][:-3] in PLAIN
            else "made of"
        )
    if not op.differentiable:
        return "no"
    if op.lacks is None:
        return "yes"
    where = op.lacks[0]
    return "no" if where is None else "yes, not in " + ", ".join(f"`{op.params[i]}`" for i in where)


def _row(space: str, name: str, fn, functions) -> str:
    method = space == "Tensor" or space == "torch" and hasattr(Tensor, name)
    in_place = name + "_" in functions or space in ("torch", "Tensor") and hasattr(Tensor, name + "_")
    forms = "".join(
        letter
        for letter, has in (("f", space != "Tensor"), ("m", method), ("i", in_place), ("o", _takes_out(fn)))
        if has
    )
    note = (inspect.getdoc(fn) or "").split("\n")[0].replace("|", "\\|")
    return f"| `{name}` | {forms} | {_derivative(fn)} | {note} |"


def text() -> str:
    """The whole document."""
    lines = [HEAD]
    for space, functions in sorted(_spaces().items()):
        names = [n for n in sorted(functions) if not (n.endswith("_") and n[:-1] in functions)]
        names = [n for n in names if not n.startswith("_")]
        title = space if space == "Tensor" else "torch" if space == "torch" else f"torch.{space}"
        lines.append(f"\n## {title}\n\n| name | forms | derivative | |\n|---|---|---|---|")
        lines.extend(_row(space, n, functions[n], functions) for n in names)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the document."""
    PATH.write_text(text())
    print(f"wrote {PATH}")


if __name__ == "__main__":
    main()
