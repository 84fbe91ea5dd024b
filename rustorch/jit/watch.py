"""``Watch``: which user code a call runs, and what it does that no graph shows."""

from __future__ import annotations

import dis
import os
import sys
import sysconfig
from types import BuiltinFunctionType, CodeType, ModuleType

import jax
import jaxlib
import ml_dtypes
import numpy
import optax

from rustorch.lowering.observe import PACKAGE

_STDLIB = sysconfig.get_paths()["stdlib"] + os.sep
_SITE = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)
_TRUSTED = (PACKAGE, *[os.path.dirname(m.__file__) + os.sep for m in (jax, jaxlib, ml_dtypes, numpy, optax)])
_PACKAGES = frozenset("rustorch jax jaxlib ml_dtypes numpy optax scipy flax".split())

USER, STDLIB, TRUSTED = "user", "stdlib", "trusted"

# C functions that only compute, or only change what the state's records compare anyway.
_PURE_MODULES = frozenset(
    "builtins math cmath _operator itertools _functools _collections _bisect _abc _warnings _weakref".split()
)
_IMPURE_BUILTINS = frozenset("print input open exec eval __import__ breakpoint vars locals globals compile".split())
_PURE_SELVES = (
    str,
    bytes,
    int,
    float,
    complex,
    tuple,
    list,
    dict,
    set,
    frozenset,
    range,
    type,
    BaseException,
    numpy.ndarray,
    numpy.generic,
)
_DYNAMIC = frozenset(("getattr", "setattr", "hasattr", "delattr"))


def kind_of(code: CodeType) -> str:
    """Whose code it is: ours and what we build on, Python's library, or the user's."""
    name = code.co_filename
    if name.startswith(_TRUSTED):
        return TRUSTED
    if name.startswith(_STDLIB) and not any(s in name for s in _SITE) or name.startswith("<frozen"):
        return STDLIB
    return USER


_STORES = frozenset("STORE_ATTR DELETE_ATTR STORE_SUBSCR DELETE_SUBSCR STORE_GLOBAL DELETE_GLOBAL STORE_SLICE".split())
_CHANGERS = frozenset(
    "append extend insert remove pop popitem clear update setdefault add discard sort reverse appendleft popleft".split()
)


def is_quiet(code: CodeType) -> bool:
    """Can this code be seen to change nothing but its own variables and tensors?"""
    for step in dis.get_instructions(code):
        if step.opname in _STORES or step.opname == "STORE_DEREF" and step.argval in code.co_freevars:
            return False
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD") and step.argval in _CHANGERS:
            return False
    return all(is_quiet(c) for c in code.co_consts if isinstance(c, CodeType))


class Watch:
    """Listens while a function runs once.

    ``codes`` are the user's code objects that ran, with their globals; ``impure`` says, with the line, what was called
    that cannot be repeated from a graph (a clock, a file, another library's random numbers); ``dynamic`` whether
    attributes were reached by names made at run time.
    """

    def __init__(self):
        self.codes: dict[CodeType, dict] = {}
        self.impure: str | None = None
        self.dynamic = False
        self.paused = 0
        self._kinds: dict[CodeType, str] = {}

    def __enter__(self):
        self._before = sys.getprofile()
        sys.setprofile(self._event)
        return self

    def __exit__(self, *exc):
        sys.setprofile(None)
        if callable(self._before):
            sys.setprofile(self._before)
        elif self._before is not None:
            self._before.enable()  # a profiler in C, such as cProfile's

    def _kind(self, frame) -> str:
        code = frame.f_code
        kind = self._kinds.get(code)
        if kind is None:
            kind = kind_of(code)
            if kind is USER and code.co_filename.startswith("<"):  # generated: whose is the module it was made for?
                module = str(frame.f_globals.get("__name__"))
                made_by_us = module.partition(".")[0] in _PACKAGES or module.startswith("namedtuple_")
                kind = TRUSTED if made_by_us else USER
            self._kinds[code] = kind
        return kind

    def _event(self, frame, event, arg):
        if event == "call":
            code = frame.f_code
            if not self.paused and self._kind(frame) is USER:
                self.codes.setdefault(code, frame.f_globals)
        elif event == "c_call" and not self.paused and self.impure is None:
            self._see_c_call(frame, arg)

    _event.rests_in_lowering = True  # no code of the user's runs there

    def _see_c_call(self, frame, f):
        if self._kind(frame) is TRUSTED or not self._from_user(frame) or self._is_pure(f):
            return
        module = getattr(f, "__module__", None) or type(getattr(f, "__self__", None)).__module__
        where = self._user_frame(frame)
        self.impure = (
            f"{where.f_code.co_filename}:{where.f_lineno} calls {module}.{getattr(f, '__qualname__', f)}, "
            "whose effect or result a program cannot repeat"
        )

    def _user_frame(self, frame):
        while frame is not None and self._kind(frame) is STDLIB:
            frame = frame.f_back
        return frame

    def _from_user(self, frame) -> bool:
        frame = self._user_frame(frame)
        return frame is not None and self._kind(frame) is USER

    def _is_pure(self, f) -> bool:
        owner = getattr(f, "__self__", None)
        name = getattr(f, "__name__", "")
        if isinstance(owner, ModuleType):
            module = owner.__name__
            if module == "builtins" and name in _DYNAMIC:
                self.dynamic = True
            if module == "builtins" and name in _IMPURE_BUILTINS:
                return False
            return module in _PURE_MODULES or module.startswith("numpy") and "random" not in module
        if owner is None:
            module = getattr(f, "__module__", None)
            if isinstance(f, BuiltinFunctionType) or module is not None:
                return (
                    module is None or module in _PURE_MODULES or module.startswith("numpy") and "random" not in module
                )
            owner = getattr(f, "__objclass__", None)
            return isinstance(owner, type) and (
                owner is object or issubclass(owner, _PURE_SELVES) or _is_container(owner)
            )
        if isinstance(owner, _PURE_SELVES):
            return True
        return _is_container(type(owner))


def _is_container(kind: type) -> bool:
    return kind.__module__ in ("collections", "types", "weakref", "functools")
