"""Grad modes: ``no_grad``, ``enable_grad``, ``set_grad_enabled``, ``inference_mode``."""

from __future__ import annotations

import functools
import inspect

from rustorch.eager.state import local
from rustorch.eager.storage import switch_inference


class _Mode:
    """A context manager that also decorates functions, generator functions and classes' methods."""

    def __call__(self, fn):
        if inspect.isgeneratorfunction(fn):

            @functools.wraps(fn)
            def generator(*args, **kwargs):
                gen = fn(*args, **kwargs)
                step, sent = gen.send, None
                while True:
                    with self.clone():
                        try:
                            item = step(sent)
                        except StopIteration as stop:
                            return stop.value
                    try:
                        step, sent = gen.send, (yield item)
                    except GeneratorExit:
                        with self.clone():
                            gen.close()
                        raise
                    except BaseException as e:
                        step, sent = gen.throw, e

            return generator

        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            with self.clone():
                return fn(*args, **kwargs)

        return wrapper

    def clone(self):
        return type(self)()


class no_grad(_Mode):
    """Record without autograd: results do not require grad.

    Example:
        >>> import rustorch
        >>> x = rustorch.ones(2, requires_grad=True)
        >>> with rustorch.no_grad():
        ...     (x * 2).requires_grad
        False
    """

    mode = False

    def __new__(cls, fn=None):
        self = object.__new__(cls)
        return self(fn) if callable(fn) else self

    def __init__(self, fn=None):
        self.before = []

    def __enter__(self):
        self.before.append(local.grad)
        local.grad = self.mode and not local.inference

    def __exit__(self, *exc):
        local.grad = self.before.pop()


class enable_grad(no_grad):
    """Record for autograd, also inside ``no_grad``."""

    mode = True


class set_grad_enabled(_Mode):
    """Switch autograd recording on or off, at once and, as a context, until its end."""

    flag = "grad"

    def __init__(self, mode: bool):
        if not isinstance(mode, bool):
            raise TypeError(
                f"{type(self).__name__}(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        self.before = getattr(local, self.flag)
        self.mode = mode
        self.__enter__()

    def __call__(self, fn):
        setattr(local, self.flag, self.before)
        return super().__call__(fn)

    def clone(self):
        return type(self)(self.mode)

    def __enter__(self):
        setattr(local, self.flag, self.mode and not local.inference)

    def __exit__(self, *exc):
        setattr(local, self.flag, self.before)


class inference_mode(_Mode):
    """``no_grad`` for code that will never need gradients: tensors made here cannot be saved for a backward pass,
    nor written to, outside.

    Example:
        >>> import rustorch
        >>> with rustorch.inference_mode():
        ...     t = rustorch.ones(2)
        >>> t.is_inference()
        True
    """

    def __new__(cls, mode=True):
        self = object.__new__(cls)
        self.mode = True if callable(mode) else mode
        self.before = []
        return self(mode) if callable(mode) else self

    def clone(self):
        return inference_mode(self.mode)

    def __enter__(self):
        self.before.append((local.grad, local.inference))
        local.grad = not self.mode
        switch_inference(self.mode)

    def __exit__(self, *exc):
        local.grad, before = self.before.pop()
        switch_inference(before)


def is_grad_enabled() -> bool:
    """Is autograd recording in this thread?"""
    return local.grad


def is_inference_mode_enabled() -> bool:
    """Is this thread inside ``inference_mode``?"""
    return local.inference


class set_multithreading_enabled(_Mode):
    """Whether backward passes may use several threads: remembered, for programs that ask; XLA schedules its own."""

    def __init__(self, mode: bool):
        self.mode, self.before = mode, local.multithreading
        local.multithreading = mode

    def clone(self):
        return set_multithreading_enabled(self.mode)

    def __enter__(self):
        local.multithreading = self.mode

    def __exit__(self, *exc):
        local.multithreading = self.before


def is_multithreading_enabled() -> bool:
    """What ``set_multithreading_enabled`` said last in this thread."""
    return local.multithreading
