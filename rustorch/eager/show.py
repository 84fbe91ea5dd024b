"""See what is pending: a tensor's graph as text, and the StableHLO it lowers to."""

from __future__ import annotations

from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of
from rustorch.lowering.compile import lowered_text
from rustorch.lowering.plan import Plan
from rustorch.lowering.template import ARRAY, NUMBER, Group


def show_graph(t: Tensor, limit: int = 200) -> str:
    """The pending graph below ``t``, one line per node: ``%3 = add(%1, 2.0) : float32[8,8]``.

    Inputs that have a value are ``$0``, ``$1``, ... A computed tensor shows as one line.

    Example:
        >>> import rustorch
        >>> x = rustorch.tensor([1.0, 2.0])
        >>> print(rustorch.show_graph(x * 2 + 1))
        $0 : float32[2]
        %0 = mul($0, 2) : float32[2]
        %1 = add(%0, 1) : float32[2]
    """
    node = node_of(t)
    if node.value is not None:
        return f"computed : {node.aval}"
    plan = Plan([node])
    names = {n: f"%{i}" for i, n in enumerate(plan.nodes)}
    names.update({n: f"${i}" for i, n in enumerate(plan.leaves)})
    lines = [f"${i} : {leaf.aval}" for i, leaf in enumerate(plan.leaves)]
    for n in plan.nodes[:limit]:
        arguments = _arguments(n.sig.template, iter(names[a] for a in n.inputs), iter(n.numbers))
        if n.inputs and not n.sig.template:  # the gradient, tangent, series or batch of another node
            arguments = ", ".join(names[a] for a in n.inputs)
        aval = "(" + ", ".join(map(str, n.aval)) + ")" if type(n.aval) is tuple else str(n.aval)
        lines.append(f"{names[n]} = {n.sig.op.name}({arguments}) : {aval}")
    if len(plan.nodes) > limit:
        lines.append(f"... {len(plan.nodes) - limit} more")
    return "\n".join(lines)


def _arguments(template, arrays, numbers) -> str:
    out = []
    for entry in template:
        if entry is ARRAY:
            out.append(next(arrays))
        elif entry is NUMBER:
            out.append(str(next(numbers)))
        elif type(entry) is Group:
            out.append(f"({_arguments(entry, arrays, numbers)})")
        else:
            out.append(f"({', '.join(map(str, entry))})" if isinstance(entry, tuple) else str(entry))
    return ", ".join(out)


def show_stablehlo(t: Tensor) -> str:
    """The StableHLO text of the program that would compute ``t`` now."""
    node = node_of(t)
    if node.value is not None:
        return f"// computed : {node.aval}"
    return lowered_text(node)
