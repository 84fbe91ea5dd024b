"""``save``: what a traced function recorded, as StableHLO for several platforms, with its weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as jax_export

from rustorch.autograd.transforms.tree import Structure
from rustorch.eager.recorder import value_of
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.jit.archive import need, write
from rustorch.jit.module import ScriptModule
from rustorch.jit.recording import Draw
from rustorch.jit.sizes import Sizes, names_of
from rustorch.jit.sources import Arg, Constant, Key
from rustorch.jit.traced import Traced
from rustorch.jit.tracing import trace
from rustorch.lowering.compile import PLATFORMS
from rustorch.lowering.emit import evaluate
from rustorch.lowering.placement import x64
from rustorch.lowering.platform import platform
from rustorch.lowering.promote import weak
from rustorch.lowering.short import at_home


def save(m, f, _extra_files=None, *, dynamic_shapes=None, platforms=("cpu", "cuda", "tpu")) -> None:
    """Write a traced module or function to one file that runs without its Python source.

    The file holds the program of the last recording as StableHLO, for each platform, and the weights as safetensors;
    reading it executes no Python. ``jit.load`` gives a module again.

    Args:
        m: a traced module or function that was called at least once (``trace(module, example_inputs)`` calls it).
        f: a path or a file object.
        dynamic_shapes: for each tensor among the arguments, in order, a dict of dimension to name (``{0: "batch"}``) or
            ``None``: these dimensions may have other sizes later. The result is checked at another size.
        platforms: of ``"cpu"``, ``"cuda"``, ``"tpu"``; each is lowered for its own kind of machine, without having one.

    Raises:
        RuntimeError: nothing is recorded; the function trains; the recording holds for its sizes only.

    Example:
        >>> import rustorch as torch, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "model.pt")
        >>> torch.jit.save(torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(4, 3)), path, platforms=("cpu",))
        >>> torch.jit.load(path)(torch.ones(4, 3)).shape
        torch.Size([4, 2])
    """
    need("flatbuffers")
    recorded = Exported(m, dynamic_shapes)
    programs = {}
    for name in platforms:
        if name not in PLATFORMS:
            raise ValueError(f"platforms are of {', '.join(PLATFORMS)}. Received: {name}")
        program = recorded.lower(name)
        programs[name] = bytes(program.serialize(vjp_order=1))
        if name == "cpu":
            recorded.check(program)
    write(
        f,
        recorded.manifest(),
        programs,
        {w["name"]: a for w, a in zip(recorded.weights, recorded.arrays)},
    )


def to_stablehlo(m, *example_inputs, platform: str = "cpu", dynamic_shapes=None) -> str:
    """The StableHLO text of a module or function on example inputs, for ``"cpu"``, ``"cuda"`` or ``"tpu"``.

    Example:
        >>> import rustorch as torch
        >>> text = torch.interop.to_stablehlo(torch.nn.ReLU(), torch.ones(2))
        >>> "stablehlo" in text
        True
    """
    traced = trace(m)
    runner = traced._traced[0] if isinstance(traced, ScriptModule) else traced
    for _ in range(3):
        traced(*example_inputs)
        if runner.variants:
            break
    return Exported(traced, dynamic_shapes).lower(platform).mlir_module()


class Exported:
    """A recording as a pure function of weights, inputs and draw counters."""

    def __init__(self, m, dynamic_shapes=None):
        self.module = m if isinstance(m, ScriptModule) else None
        traced = m._traced[0] if isinstance(m, ScriptModule) else m
        if not isinstance(traced, Traced):
            raise RustorchRuntimeError(f"jit.save: expects what jit.trace gives. Received: {type(m).__name__}")
        v = self.variant = traced.latest()
        if v is None:
            raise RustorchRuntimeError(
                "jit.save: nothing is recorded. Call the traced function first, or pass example_inputs to trace()."
            )
        if v.looks or any(not isinstance(action, Draw) for action, _ in v.actions):
            raise RustorchRuntimeError(
                "jit.save: the recording steps an optimizer or looks at values. Save the module that it trains."
            )
        self.traced, self.given = traced, v.given
        self.tensors = [i for i, is_tensor in enumerate(v.is_tensor) if is_tensor]
        self.steps, self.constants, self.sizes = v.steps, v.constants, None
        if dynamic_shapes:
            if v.writes or v.actions:
                raise RustorchRuntimeError(
                    "jit.save: with dynamic_shapes a function may not change state or draw. Call eval() first."
                )
            self.sizes = Sizes(traced, v, names_of(dynamic_shapes, v.input_avals))
            v = self.variant = self.sizes.recorded
            self.steps, self.constants = self.sizes.steps, self.sizes.constants
        self._find_weights()
        self.counters = [at for _, places in v.actions for at, _ in places]

    def _find_weights(self) -> None:
        names: dict[int, tuple[str, str]] = {}
        if self.module is not None:
            for name, t in self.module.named_buffers():
                names[id(t)] = name, "buffer"
            for name, t in self.module.named_parameters():
                names[id(t)] = name, "parameter"
        self.weights, self.arrays, self.places = [], [], {}
        for k, source in enumerate(self.variant.sources):
            if isinstance(source, Arg):
                continue
            if isinstance(source, Constant):
                self._add(k, f"_constants.{k}", "constant", source.value, False)
                continue
            t = source.find(())
            name, kind = names.get(id(t), (f"_captured.{k}", "key" if isinstance(source, Key) else "captured"))
            self._add(k, name, kind, value_of(t), t.requires_grad)
        self.used = len(self.weights)
        if self.module is not None:  # what the program does not read is saved all the same
            held = {id(t): t for t in (*self.module.parameters(), *self.module.buffers())}
            saved = {w["name"] for w in self.weights}
            for key, (name, kind) in names.items():
                if name not in saved:
                    self._add(None, name, kind, value_of(held[key]), held[key].requires_grad)

    def _add(self, k, name, kind, value, trains) -> None:
        if name in [w["name"] for w in self.weights]:
            name = f"{name}.{k}"
        if k is not None:
            self.places[k] = len(self.weights)
        self.weights.append({"name": name, "kind": kind, "trains": bool(trains)})
        self.arrays.append(np.asarray(value))

    def _function(self):
        v, places = self.variant, self.places

        def program(weights, inputs, counters):
            numbers = [weak(jnp.asarray(x)) if jax_export.is_symbolic_dim(x) else x for x in self.constants]
            for i, at in enumerate(self.counters):
                numbers[at] = weak(counters[i])
            leaves = []
            for k, source in enumerate(v.sources):
                leaves.append(inputs[self.tensors.index(source.i)] if isinstance(source, Arg) else weights[places[k]])
            return evaluate(self.steps, leaves, numbers, v.outputs)

        return program

    def lower(self, name: str):
        """The program for a platform, as ``jax.export`` gives it."""
        weights = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in self.arrays[: self.used]]
        f = self._function()

        def lowered(*args):
            # The kernels for the CPU choose by size; the plain forms serve any.
            with platform("gpu" if self.sizes else PLATFORMS[name]):
                return f(*args)

        with x64():
            inputs = [
                jax.ShapeDtypeStruct(shape, a.dtype.numpy) for shape, a in zip(self._shapes(), self.variant.input_avals)
            ]
            counters = jax.ShapeDtypeStruct((len(self.counters),), np.int64)
            return jax_export.export(jax.jit(lowered), platforms=[name])(weights, inputs, counters)

    def _shapes(self) -> list:
        return self.sizes.shapes() if self.sizes else [tuple(a.shape) for a in self.variant.input_avals]

    def check(self, program) -> None:
        """Compare a program of varying sizes with the function itself, at sizes that it was not recorded at.

        Raises:
            RuntimeError: the results differ: a size went into the recording in a way that could not be followed.
        """
        if self.sizes is None:
            return
        inputs = self.sizes.examples({n: size + 5 for n, size in self.sizes.base.items()})
        with x64():
            got = program.call(self.arrays[: self.used], [at_home(value_of(t)) for t in inputs], np.zeros(0, np.int64))
        given = list(self.given)
        for i, t in zip(self.tensors, inputs):
            given[i] = t
        expected = self.traced.plain(given, self.variant.arguments)
        outs = [got[spec.at] for how, spec in self.variant.results if how == "new" and type(spec.at) is int]
        for a, b in zip(expected, outs, strict=True):
            a, b = np.asarray(value_of(a), np.float64), np.asarray(b, np.float64)
            if a.shape != b.shape or not np.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True):
                raise RustorchRuntimeError(
                    "jit.save: at another size the program gives other values than the function: a size went into the "
                    f"recording as a number. Received: dynamic_shapes={self.sizes.named}"
                )

    def manifest(self) -> dict:
        """All but programs and weights."""
        v = self.variant
        shapes = self._shapes()
        return {
            "name": v.name,
            "arguments": _encode(v.arguments),
            "given": [_plain(x) for x in self.given],
            "inputs": [
                {"shape": [n if isinstance(n, int) else str(n) for n in shape], "dtype": a.dtype.name}
                for shape, a in zip(shapes, v.input_avals)
            ],
            "weights": self.weights,
            "used": self.used,
            "counters": len(self.counters),
            "outputs": [{"shape": list(sig.shape), "dtype": sig.dtype.name} for sig in v.output_avals],
            "results": [self._result(*value) for value in v.results],
            "structure": _encode(v.structure),
            "writes": [[self._weight_of(source), spec.at] for source, spec, _ in v.writes],
        }

    def _weight_of(self, source) -> str:
        t = source.find(())
        for k, other in enumerate(self.variant.sources):
            if k in self.places and not isinstance(other, Constant) and other.find(()) is t:
                return self.weights[self.places[k]]["name"]
        raise RustorchRuntimeError(f"jit.save: the recording overwrites {source}, which it does not read")

    def _result(self, how, what):
        if how == "plain":
            return {"plain": _plain(what)}
        if how == "new" and type(what.at) is int:
            return {"output": what.at}
        if how == "known" and isinstance(what, Arg):
            return {"input": self.tensors.index(what.i)}
        raise RustorchRuntimeError("jit.save: the function returns a tensor that it neither makes nor is given")


def _plain(x):
    if x is None or isinstance(x, (bool, int, float, str)) and not isinstance(x, Tensor):
        return x
    raise RustorchRuntimeError(
        f"jit.save: only tensors and plain numbers can be saved among arguments and results. Received: {type(x).__name__}"
    )


_KINDS = {tuple: "tuple", list: "list", dict: "dict"}


def _encode(s: Structure):
    if s.kind is None:
        return None
    kind = next((name for cls, name in _KINDS.items() if issubclass(s.kind, cls)), None)
    if kind is None:
        raise RustorchRuntimeError(f"jit.save: a {s.kind.__name__} of tensors cannot be saved")
    return [kind, [_plain(k) for k in s.keys], [_encode(c) for c in s.children]]


def _save(self, f, **options) -> None:
    """Write this traced module or function to a file: see ``jit.save``."""
    save(self, f, **options)


ScriptModule.save = Traced.save = _save
