"""``Recording``: one ordinary call of a function, listened to: what it drew, stepped, looked at and changed."""

from __future__ import annotations

from operator import is_, itemgetter

import numpy as np

from rustorch.eager.foreign import PARTS
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.graph import Node
from rustorch.lowering import observe
from rustorch.lowering.plan import KEPT
from rustorch.optim._step import hyper_parameters

_count = itemgetter("step")


class Draw:
    """One draw of a generator: its counter is a runtime number."""

    def __init__(self, generator, key: Tensor, counter: int, device):
        self.generator, self.key, self.counter, self.device = generator, key, counter, device

    def run(self) -> list:
        """Take the next draw; the numbers it gives to the program."""
        return [self.generator.draw(self.device)[1]]

    def undo(self) -> None:
        """Give the draw back."""
        self.generator.counter -= 1


class Step:
    """One step of an optimizer: counts go on, hyper-parameters are read."""

    def __init__(self, optimizer, batches: dict, nodes):
        self.optimizer = optimizer
        self.nodes = list(dict.fromkeys(n.inputs[0] for n in nodes))
        self.parts = [(group, step, params) for parts in batches.values() for group, step, params in parts]
        self.states = [[optimizer.state[p] for p in params] for _, _, params in self.parts]
        # Parameters with sparse gradients have nodes of their own, after that of the others.
        self.rows = [sum(type(p._grad) in PARTS for p in params) for _, _, params in self.parts]
        self.dense = [rows < len(params) for rows, (_, _, params) in zip(self.rows, self.parts)]
        self.formulas = [self._formula(group) for group, _, _ in self.parts]
        self.options: list = [()] * len(self.parts)
        self.numbers: list = [()] * len(self.parts)

    def _formula(self, group) -> tuple:
        of = self.optimizer
        return of.static_of(group), of.slots_of(group), [*map(type, of.numbers_of(group))]

    def run(self) -> list:
        """Count the step; the numbers that it gives to the program.

        Raises:
            Stale: options changed that choose the formula, or parameters that stepped together no longer do.
        """
        out: list = []
        steps = []
        for k, (group, count, _) in enumerate(self.parts):
            if len(self.options[k]) != len(group) or not all(map(is_, group.values(), self.options[k])):
                if self._formula(group) != self.formulas[k]:
                    raise Stale("options of an optimizer's group changed")
                self.options[k] = [*group.values()]
                self.numbers[k] = hyper_parameters(self.optimizer.numbers_of(group))[2]
            if isinstance(count, Tensor):  # counted by the program
                step = [int(count.item()) + 1] if self.rows[k] else []
                out.extend(self.numbers[k] * self.dense[k])
            else:
                counts = {*map(_count, self.states[k])}
                if len(counts) > 1:
                    raise Stale("parameters were updated different numbers of times")
                step = [counts.pop() + 1]
                steps.append((self.states[k], step[0]))
                out.extend([*self.numbers[k], *step] * self.dense[k])
            out.extend([*self.numbers[k], *step] * self.rows[k])
        for states, step in steps:
            for s in states:
                s["step"] = step
        return out

    def undo(self) -> None:
        """Take the count back."""
        for states, (_, count, _) in zip(self.states, self.parts):
            for s in () if isinstance(count, Tensor) else states:
                s["step"] -= 1


class Call:
    """A call that changes Python numbers only (a scheduler's step): made again."""

    def __init__(self, owner, function, args, kwargs):
        self.owner, self.function, self.args, self.kwargs = owner, function, args, kwargs

    def run(self) -> list:
        """Make the call."""
        optimizer = self.owner.optimizer
        self.before = dict(self.owner.__dict__), [g["lr"] for g in optimizer.param_groups]
        self.function(self.owner, *self.args, **self.kwargs)
        return []

    def undo(self) -> None:
        """Put the scheduler and the rates back."""
        self.owner.__dict__.update(self.before[0])
        for group, lr in zip(self.owner.optimizer.param_groups, self.before[1]):
            group["lr"] = lr


class Stale(Exception):
    """What a recording relies on is not so now; the message names it."""


class Look:
    """A value that Python saw; the recording holds for calls that see the same."""

    def __init__(self, node: Node, where: str):
        self.node, self.where = node, where
        self.truth: bool | None = None
        self.seen = None

    def matches(self, value) -> bool:
        """Would Python have gone the same way?"""
        value = np.asarray(value)
        if self.truth is not None:
            return bool(value.reshape(())) is self.truth
        return (
            value.dtype == self.seen.dtype and value.shape == self.seen.shape and value.tobytes() == self.seen.tobytes()
        )


class _Everything:
    """Keeps the inputs of all nodes, also of computed ones."""

    def __contains__(self, node) -> bool:
        return True

    def add(self, node) -> None:
        """It is in already."""

    def __iter__(self):
        return iter(())


class Recording:
    """A context in which a function is called once, as without it; afterwards the fields tell what happened."""

    def __init__(self, watch):
        self.actions: list = []
        self.looks: list[Look] = []
        self.blocked: str | None = None
        self._watch = watch  # paused while something runs that is repeated as a whole

    def __enter__(self):
        self._everything = _Everything()
        KEPT.append(self._everything)
        local.recorder = self
        return self

    def __exit__(self, *exc):
        local.recorder = None
        KEPT.remove(self._everything)

    def block(self, reason: str | None) -> None:
        """This call cannot be repeated by a program, because of ``reason`` (the first one counts)."""
        self.blocked = self.blocked or reason

    # What the front end reports

    def drew(self, generator, key, counter, device) -> None:
        """A generator was drawn from."""
        self.actions.append(Draw(generator, key, counter, device))

    def stepped(self, optimizer, batches, nodes) -> None:
        """A fused optimizer made a step."""
        self.actions.append(Step(optimizer, batches, nodes))

    def on_host(self, owner, function, args, kwargs):
        """Call what only changes Python numbers, and call it again at each replay."""
        tensors = any(isinstance(x, Tensor) for x in (*args, *kwargs.values()))
        if self._watch.paused or tensors or any(isinstance(g["lr"], Tensor) for g in owner.optimizer.param_groups):
            return function(owner, *args, **kwargs)
        self._watch.paused += 1
        try:
            out = function(owner, *args, **kwargs)
        finally:
            self._watch.paused -= 1
        self.actions.append(Call(owner, function, args, kwargs))
        return out

    def look(self, node: Node) -> None:
        """A value is about to be seen by Python."""
        self.looks.append(Look(node, observe.user_line()))

    def saw_truth(self, truth: bool) -> None:
        """The last look was for a truth value only."""
        self.looks[-1].truth = truth

    def settle(self) -> None:
        """Remember the values that were seen."""
        for look in self.looks:
            node = look.node
            while node.value is None and node.inputs:
                node = node.inputs[0]
            if node.value is None:
                self.block(f"{look.where} looked at a value that is not kept")
            else:
                look.seen = np.asarray(node.value)
