"""Selective checkpoints: a policy says which results are kept after all."""

from __future__ import annotations

import enum

from rustorch.eager.ops import NAMESPACES
from rustorch.eager.recorder import wrap
from rustorch.graph import Node
from rustorch.lowering.table import Op
from rustorch.lowering.template import ARRAY, NUMBER, Group


class CheckpointPolicy(enum.Enum):
    """What to do with an operation's result."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_KEPT = {
    CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE, CheckpointPolicy.MUST_CPU_OFFLOAD,
    CheckpointPolicy.PREFER_CPU_OFFLOAD,
}  # fmt: skip
SAC_IGNORED_OPS: set = set()  # what asks for sizes and strides is not recorded at all


class SelectiveCheckpointContext:
    """What a policy is told beside the operation: is this the second evaluation? It is asked only in the first."""

    def __init__(self, *, is_recompute: bool, op_output=None):
        self.is_recompute, self.op_output = is_recompute, op_output


class _Selective:
    """The context of a call whose policy the checkpoint reads."""

    def __init__(self, policy):
        self.policy = policy

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation: bool = False):
    """The two contexts of a checkpoint that keeps some results, for ``checkpoint(context_fn=...)``.

    Args:
        policy_fn_or_list: the operations whose results are kept (``[rustorch.matmul]``), or
            ``policy(ctx, op, *args) -> CheckpointPolicy`` with ``op`` the function of that name.
        allow_cache_entry_mutation: accepted; recorded values never change.

    Raises:
        TypeError: neither a function nor a list. ValueError: a member of the list is no operation.

    Example:
        >>> import functools, rustorch
        >>> from rustorch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts
        >>> contexts = functools.partial(create_selective_checkpoint_contexts, [rustorch.matmul])
        >>> w = rustorch.ones(2, 2, requires_grad=True)
        >>> out = checkpoint(lambda m: (m @ m).exp().sum(), w, use_reentrant=False, context_fn=contexts)
        >>> out.backward()
    """
    if isinstance(policy_fn_or_list, list):
        listed = [_op_of(f) for f in policy_fn_or_list]

        def policy(node: Node) -> bool:
            return node.sig.op in listed

    elif callable(policy_fn_or_list):

        def policy(node: Node) -> bool:
            arrays, numbers = iter(node.inputs), iter(node.numbers)
            args = _arguments(node.sig.template, arrays, numbers)
            ctx = SelectiveCheckpointContext(is_recompute=False)
            return _decided(policy_fn_or_list(ctx, _function_of(node.sig.op), *args)) in _KEPT

    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    return _Selective(policy), _Selective(None)


def _decided(answer):
    if isinstance(answer, bool):
        return CheckpointPolicy.MUST_SAVE if answer else CheckpointPolicy.PREFER_RECOMPUTE
    return answer


def _op_of(f) -> Op:
    op = f if isinstance(f, Op) else getattr(f, "op", None)
    if not isinstance(op, Op):
        raise ValueError(f"Expected op in `op_list` to be an OpOverload but got: {f} of type {type(f)}. ")
    return op


def _function_of(op: Op):
    return NAMESPACES.get(op.namespace, {}).get(op.name, op)


def _arguments(template, arrays, numbers) -> list:
    out = []
    for entry in template:
        if entry is ARRAY:
            out.append(wrap(next(arrays)))
        elif entry is NUMBER:
            out.append(next(numbers))
        else:
            out.append(tuple(_arguments(entry, arrays, numbers)) if type(entry) is Group else entry)
    return out


def policy_of(context):
    """Which nodes a context of ``create_selective_checkpoint_contexts`` keeps; None for another context."""
    if not isinstance(context, _Selective):
        return None
    return lambda node: node.sig.op.kind not in ("select", "alias", "custom", "leaf") and context.policy(node)
