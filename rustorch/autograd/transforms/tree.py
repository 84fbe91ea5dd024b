"""Nested tuples, lists and dicts of tensors. Everything else, ``None`` too, is a leaf; dicts keep their order."""

from __future__ import annotations

from typing import NamedTuple

from rustorch.eager.foreign import PARTS


class Structure(NamedTuple):
    """How leaves are nested: ``kind`` is None for a leaf, else the container's type."""

    kind: type | None
    keys: tuple
    children: tuple

    def __repr__(self):
        if self.kind is None:
            return "*"
        parts = [f"{k!r}: {c!r}" for k, c in zip(self.keys, self.children)] if self.keys else map(repr, self.children)
        return f"{self.kind.__name__}({', '.join(parts)})"


LEAF = Structure(None, (), ())


def flatten(tree) -> tuple[list, Structure]:
    """The leaves in order, and the structure."""
    leaves: list = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree, leaves) -> Structure:
    if isinstance(tree, dict):
        keys = tuple(tree)
        return Structure(type(tree), keys, tuple(_flatten(tree[k], leaves) for k in keys))
    if isinstance(tree, list) or type(tree) is tuple or hasattr(tree, "_fields"):
        return Structure(type(tree), (), tuple(_flatten(x, leaves) for x in tree))
    if type(tree) in PARTS:
        parts, rest = PARTS[type(tree)][0](tree)
        return Structure(type(tree), (rest,), tuple(_flatten(x, leaves) for x in parts))
    leaves.append(tree)
    return LEAF


def given_places(structure: Structure) -> list[bool]:
    """Of every leaf, whether it only says where a sparse tensor's values are: such a leaf has no gradient."""
    if structure.kind is None:
        return [False]
    out = [x for c in structure.children for x in given_places(c)]
    return [True] * (len(out) - 1) + [False] if structure.kind in PARTS else out


def unflatten(structure: Structure, leaves):
    """The structure with other leaves."""
    return _unflatten(structure, iter(leaves))


def _unflatten(structure, leaves):
    if structure.kind is None:
        return next(leaves)
    children = [_unflatten(c, leaves) for c in structure.children]
    if structure.kind in PARTS:
        return PARTS[structure.kind][1](structure.keys[0], children)
    if structure.keys or issubclass(structure.kind, dict):
        return structure.kind(zip(structure.keys, children))
    return structure.kind(*children) if hasattr(structure.kind, "_fields") else structure.kind(children)
