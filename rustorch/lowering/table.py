"""The op table: an operation is written once, under a decorator that says its kind.

    @pointwise(promote="float")
    def exp(input):
        '''e raised to each element.'''
        return jnp.exp(input)

From the kind follow type promotion, strides, the function, the method, ``exp_`` and ``out=``.
Parameters have PyTorch's names and order. Annotations steer recording:

- a ``float`` argument is always a runtime number: a new value never compiles twice;
- an ``int`` or ``bool`` argument is static unless its parameter is annotated ``Number``;
- a parameter annotated ``Dims`` takes a tuple of ints or the ints one by one;
- everything else that is not a tensor is static and becomes part of the program's key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rustorch.errors import NoDerivativeError, RustorchRuntimeError
from rustorch.lowering import promote as promotion
from rustorch.lowering.template import ARRAY

Number = Any  # annotation: a Python number here is a runtime value, even an int
Dims = Any  # annotation: ints that may also be given one by one, ``x.permute(1, 0)``

# Every op, by qualified name: "add", "linalg.norm", "nn.functional.linear".
TABLE: dict[str, Op] = {}


class Op:
    """One operation: its body in ``jax.numpy`` and everything the front end derives from it."""

    __slots__ = (
        "name", "namespace", "kind", "body", "lower", "params", "required", "defaults", "keyword_only",
        "lifts", "variadic", "aliases", "method", "function", "inplace", "out", "strides", "differentiable",
        "dear", "saves", "fields", "vjp_rule", "vjp_uses_output", "vjp_takes_missing", "known_names", "known_rule",
        "grad_name", "always_lift", "scatter", "doc", "also", "lacks", "autocast", "operands", "tensors", "numbers",
    )  # fmt: skip

    def __init__(self, body: Callable, kind: str, *, name=None, namespace="torch", promote=None, aliases=(),
                 method=None, function=True, inplace=None, out=None, differentiable=True, dear=False,
                 saves=True, fields=None, grad_name=None, always_lift=False, scatter=None, strides=None,
                 also=(), lacks=None, numbers=False):  # fmt: skip
        code = body.__code__
        skip = 1 if kind == "view" else 0  # view bodies take the array module first
        positional = code.co_argcount
        self.params = code.co_varnames[skip : positional + code.co_kwonlyargcount]
        self.keyword_only = positional - skip
        defaults = dict(
            zip(code.co_varnames[positional - len(body.__defaults__ or ()) : positional], body.__defaults__ or ())
        )
        defaults.update(body.__kwdefaults__ or {})
        self.defaults = defaults
        self.required = sum(p not in defaults for p in self.params)
        hints = body.__annotations__
        self.lifts = tuple("Number" in str(hints.get(p, "")) for p in self.params)
        packed = [i for i, p in enumerate(self.params) if "Dims" in str(hints.get(p, ""))]
        self.variadic = packed[0] if packed else None
        self.name = name or body.__name__.rstrip("_")
        self.namespace = namespace
        self.kind = kind
        self.body = body
        self.lower = promotion.promoting(body, promote) if promote else body
        self.aliases = aliases
        in_torch = namespace == "torch"
        self.method = in_torch and kind not in ("creation",) if method is None else method
        self.function = function
        self.inplace = (kind == "pointwise" and self.method) if inplace is None else inplace
        # "exact": ``out=`` must have the result's dtype, not only one that it can be cast to.
        self.out = kind in ("pointwise", "reduction", "op") if out is None else out
        self.strides = strides  # (shape, input avals, template) -> PyTorch's strides, where they are special
        self.differentiable = differentiable and promote != "bool"
        self.dear = dear
        self.saves = saves  # does PyTorch's backward of it need saved tensors?
        self.fields = fields  # names of several results: a ``torch.return_types`` tuple
        self.vjp_rule = None
        self.vjp_uses_output = False
        self.vjp_takes_missing = False
        self.known_names: tuple[str, ...] = ()
        self.known_rule = None
        self.grad_name = grad_name or camel(self.name) + "Backward0"
        self.always_lift = always_lift
        self.scatter = scatter
        self.doc = body.__doc__
        self.lacks = lacks  # (tensor arguments or None for all, whose derivative PyTorch lacks; its error message)
        self.autocast = None  # device type to the rule of `rustorch.lowering.autocast`
        # Which may be Python numbers (`rustorch.eager.operands`): operands that are annotated ``Number``.
        self.operands, self.tensors = operand_places(self, hints)
        self.numbers = numbers  # all of them at once too
        self.also = also  # further namespaces with the same op: ``torch.relu`` beside ``nn.functional.relu``

    def __call__(self, *args, **kwargs):
        """Apply the body to JAX arrays, so that bodies can call one another."""
        return self.lower(*args, **kwargs)

    def vjp(self, rule=None, *, uses_output=False, missing=False):
        """Declare a closed-form gradient, where JAX's derived one is slow or not PyTorch's.

        ``rule(needs, ct, *args)`` or, with ``uses_output``, ``rule(needs, ct, out, *args)``
        gives one gradient per array argument in order (``None`` where ``needs`` is false);
        it must itself be differentiable by JAX. With ``missing``, the cotangents of results that
        nothing depends on come as ``None`` instead of zeros.
        """
        if rule is None:
            return lambda f: self.vjp(f, uses_output=uses_output, missing=missing)
        self.vjp_rule, self.vjp_uses_output, self.vjp_takes_missing = rule, uses_output, missing
        return rule

    def known(self, *names):
        """Declare a check of values, for calls where the host has those of the parameters ``names`` already.

        The rule takes the op's positional arguments: NumPy arrays for ``names``, avals for other tensors.
        """

        def declare(rule):
            self.known_names, self.known_rule = names, rule
            return rule

        return declare

    def bind(self, args: tuple, kwargs: dict) -> list:
        """Positional arguments for a call with keywords; trailing defaults are left out.

        Raises:
            TypeError: a missing, unknown or doubled argument.
        """
        params = self.params
        bound = list(args)
        if len(args) > self.keyword_only:
            raise TypeError(f"{self.name}() takes {self.keyword_only} positional arguments but {len(args)} were given")
        rest = dict(kwargs)
        for i in range(len(args), len(params)):
            name = params[i]
            if name in rest:
                bound.append(rest.pop(name))
            elif name in SPELLINGS and SPELLINGS[name] in rest:
                bound.append(rest.pop(SPELLINGS[name]))
            elif name in self.defaults:
                bound.append(self.defaults[name])
            else:
                raise TypeError(f"{self.name}() missing required argument '{name}' (pos {i + 1})")
            if not rest:
                break
        if rest:
            name = next(iter(rest))
            if name in params[: len(args)]:
                raise TypeError(f"{self.name}() got multiple values for argument '{name}'")
            raise TypeError(f"{self.name}() got an unexpected keyword argument '{name}'")
        if len(bound) < len(params):
            missing = [p for p in params[len(bound) :] if p not in self.defaults]
            if missing:
                raise TypeError(f"{self.name}() missing required argument '{missing[0]}' (pos {len(bound) + 1})")
        return bound

    def refuse(self, template, needs, forward: bool = False) -> None:
        """Raise PyTorch's error if it has no derivative for an argument that ``needs`` marks.

        Raises:
            RuntimeError: (``NotImplementedError`` where PyTorch raises that) no such derivative.
        """
        where, text = self.lacks
        places = [i for i, a in enumerate(template) if a is ARRAY]
        if not (any(needs) if where is None else any(need for i, need in zip(places, needs) if i in where)):
            return
        if forward and text.startswith("the "):
            raise NoDerivativeError(
                f"Trying to use forward AD with {self.name} that does not support it because it has not been implemented yet."
            )
        if forward:
            raise NoDerivativeError(f"Trying to use forward AD with aten::{self.name} that does not support it.")
        raise (NoDerivativeError if text.startswith("the ") else RustorchRuntimeError)(text)

    def __repr__(self) -> str:
        return f"<Op {self.qualified}>"

    @property
    def qualified(self) -> str:
        """Name with namespace, as in the table."""
        return self.qualified_in(self.namespace)

    def qualified_in(self, namespace: str) -> str:
        """The op's name as it is in the table for ``namespace``."""
        return self.name if namespace == "torch" else f"{namespace}.{self.name}"


def operand_places(op: Op, hints) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The positions of ``op``'s operands, and those of them where a Python number is an error.

    An element-by-element op's are its required parameters without another type; every other op has its ``input``.
    """
    if op.kind == "pointwise":
        names = [p for p in op.params[: op.keyword_only] if p not in op.defaults]
    else:
        names = [p for p in op.params[:1] if p == "input"]
    places = tuple([op.params.index(p) for p in names if str(hints.get(p, "Number")) == "Number"])
    return places, tuple([i for i in places if not op.lifts[i]])


# NumPy's spellings, which PyTorch accepts beside its own.
SPELLINGS = {"dim": "axis", "keepdim": "keepdims", "input": "x", "other": "x2"}
# A matrix of `linalg` is the `input` of the same function in `torch`; `swapaxes` and `swapdims` are `transpose`.
SPELLINGS |= {"A": "input", "L": "input2", "dim0": "axis0", "dim1": "axis1"}


def camel(name: str) -> str:
    """``log_softmax`` as ``LogSoftmax``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _decorator(kind: str, **fixed):
    def decorate(body=None, **options):
        if body is None:
            return lambda f: decorate(f, **options)
        op = Op(body, kind, **{**fixed, **options})
        for space in (op.namespace, *op.also):
            TABLE[op.qualified_in(space)] = op
        return op

    return decorate


pointwise = _decorator("pointwise", promote="same")
"""Element by element, broadcasting. ``promote``: "same" (PyTorch's rules), "float" (integers
become the default dtype), "bool" (compare), or ``None`` (the body does it)."""

reduction = _decorator("reduction")
"""Fewer elements out than in."""

view = _decorator("view", out=False)
"""Aliases its input. The body takes the array module ``xp`` first: run with ``jax.numpy`` it
computes, run with NumPy on a strided dummy it gives PyTorch's strides."""

creation = _decorator("creation", differentiable=False)
"""A new tensor from shapes and numbers."""

random = _decorator("random", differentiable=False, dear=True)
"""Takes ``key`` and ``counter`` of a generator first, which the recorder fills in."""

op = _decorator("op")
"""Anything else: matrix products, sorting, layers."""
