"""What was recorded, as text: one operation a line."""

from __future__ import annotations

from rustorch.lowering.transform import forward_of


def _lines(variant, name: str):
    """Left side, right side and type of each line."""
    steps, outputs = variant.steps, variant.outputs

    def at(i: int) -> str:
        return f"{name}{i}" if i >= 0 else f"{name}in{~i}"

    for i, source in enumerate(variant.sources):
        yield f"{at(~i)}", f"{source}", None
    for i, (sig, inputs, _, _) in enumerate(steps):
        aval = sig.aval if type(sig.aval) is not tuple else ", ".join(map(repr, sig.aval))
        yield at(i), f"{_name_of(sig)}({', '.join(map(at, inputs))})", aval
    yield "return", ", ".join(at(i) for i in outputs), None


def _name_of(sig) -> str:
    forward = forward_of(sig)
    return sig.op.name if sig.op.kind != "vmap" else f"vmap_{forward.op.name}"


def graph_of(traced) -> str:
    """``%3 : float32[2,2] = mm(%1, %2)`` for each operation of the last recording."""
    variant = traced.latest()
    if variant is None:
        return "nothing is recorded yet"
    rows = []
    for left, right, aval in _lines(variant, "%"):
        rows.append(
            f"return ({right})" if left == "return" else f"{left}{'' if aval is None else f' : {aval}'} = {right}"
        )
    return "\n".join(rows)


def code_of(traced) -> str:
    """The last recording as the body of a Python function."""
    variant = traced.latest()
    if variant is None:
        return "# nothing is recorded yet"
    rows = [f"def {variant.name.rpartition('.')[2]}(*arguments):"]
    for left, right, _ in _lines(variant, "v"):
        if left == "return":
            rows.append(f"    return {right}")
        elif left.startswith("vin"):
            rows.append(f"    {left} = ...  # {right}")
        else:
            rows.append(f"    {left} = {right}")
    return "\n".join(rows)
