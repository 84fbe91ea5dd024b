"""``load``: a saved program as a module."""

from __future__ import annotations

import jax
import numpy as np
from jax import export as jax_export

from rustorch.autograd.transforms.tree import LEAF, Structure, flatten, unflatten
from rustorch.devices import Device
from rustorch.eager.generator import default_generator
from rustorch.eager.nodes import apply_node, select
from rustorch.eager.recorder import from_host, wrap
from rustorch.eager.tensor import Tensor
from rustorch.eager.views import node_of, write
from rustorch.errors import RustorchRuntimeError
from rustorch.jit.archive import need, read
from rustorch.lowering.compile import PLATFORMS
from rustorch.lowering.placement import canonical, x64
from rustorch.lowering.platform import target
from rustorch.lowering.table import Number, Op
from rustorch.lowering.template import ARRAY, NUMBER, Group
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter


def load(f, map_location=None, _extra_files=None) -> LoadedModule:
    """The module that ``jit.save`` wrote; needs none of the Python source that it came from.

    Args:
        f: a path or a file object.
        map_location: the device for the weights.

    Raises:
        RuntimeError: the file is not such an archive, or damaged. Nothing in a file is executed as Python.

    Example: see ``save``.
    """
    need("flatbuffers")
    head, programs, weights = read(f)
    try:
        return LoadedModule(head, programs, weights, map_location)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise RustorchRuntimeError(f"jit.load: the file's manifest does not fit its contents ({error!r}).") from error


class LoadedModule(Module):
    """A saved program with its weights: a module without Python source, which can be called and trained."""

    def __init__(self, head: dict, programs: dict, weights: dict, device=None):
        super().__init__()
        self.original_name = str(head["name"])
        if {w["name"] for w in head["weights"]} != set(weights):
            raise RustorchRuntimeError("jit.load: the weights are not those that the manifest lists.")
        device = canonical(Device(device)) if device is not None else None
        self._arguments, self._structure = _decode(head["arguments"]), _decode(head["structure"])
        self._given, self._inputs = list(head["given"]), list(head["inputs"])
        self._results, self._counters = list(head["results"]), int(head["counters"])
        self._names = [w["name"] for w in head["weights"]][: int(head["used"])]
        self._keys = {w["name"] for w in head["weights"] if w["kind"] == "key"}
        for w in head["weights"]:
            self._register(w, from_host(np.array(weights[w["name"]]), device))
        self._writes = [(str(name), int(at)) for name, at in head["writes"]]
        if any(name not in weights for name, _ in self._writes):
            raise RustorchRuntimeError("jit.load: the program overwrites a weight that the file does not have.")
        self._programs = {PLATFORMS[name]: _deserialized(name, data) for name, data in programs.items()}
        self._op = _op_of(self._programs, self.original_name)
        self._check()

    def _check(self) -> None:
        """Does the program take the weights and give the outputs that the manifest says?"""
        for program in self._programs.values():
            weights = [(tuple(t.shape), t.dtype.numpy) for t in self._weights()]
            avals = program.in_avals
            if len(avals) != len(weights) + len(self._inputs) + 1 or any(
                (a.shape, a.dtype) != w for a, w in zip(avals, weights)
            ):
                raise RustorchRuntimeError("jit.load: the program takes other weights than the file has.")
            last = len(program.out_avals)
            ats = [r["output"] for r in self._results if "output" in r] + [at for _, at in self._writes]
            if any(not 0 <= at < last for at in ats):
                raise RustorchRuntimeError("jit.load: the manifest names results that the program does not give.")

    def _register(self, w: dict, t: Tensor) -> None:
        *path, name = w["name"].split(".")
        module = self
        for part in path:
            if part not in module._modules:
                module.add_module(part, Module())
            module = module._modules[part]
        if w["kind"] == "parameter":
            module.register_parameter(name, Parameter(t, bool(w["trains"])))
        else:
            module.register_buffer(name, t, persistent=w["kind"] == "buffer")

    def _weights(self) -> list[Tensor]:
        found = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        return [found[name] for name in self._names]

    def forward(self, *args, **kwargs):
        """Run the program.

        Raises:
            RuntimeError: other kinds of arguments than were recorded.
        """
        leaves, structure = flatten((args, kwargs))
        if structure != self._arguments:
            raise RustorchRuntimeError(
                f"{self.original_name}: expects arguments nested as {self._arguments}. Received: {structure}"
            )
        inputs = []
        for x, then in zip(leaves, self._given):
            if isinstance(x, Tensor):
                inputs.append(x)
            elif x != then:
                raise RustorchRuntimeError(
                    f"{self.original_name}: was recorded with the argument {then!r}. Received: {x!r}"
                )
        self._fit(inputs)
        weights = self._weights()
        counters = []
        for _ in range(self._counters):
            key, counter = default_generator.draw(weights[0].device)
            counters.append(counter)
            weights = [key if name in self._keys else t for name, t in zip(self._names, weights)]
        nodes = [node_of(t) for t in (*weights, *inputs)]
        template = (Group((ARRAY,) * len(weights)), Group((ARRAY,) * len(inputs)), Group((NUMBER,) * len(counters)))
        node = apply_node(self._op, template, nodes, tuple(counters))
        out = [wrap(select(node, i)) for i in range(len(node.aval))]
        found = dict(zip(self._names, weights))
        for name, at in self._writes:
            write(found[name], node_of(out[at].detach()))
        results = [
            out[r["output"]] if "output" in r else inputs[r["input"]] if "input" in r else r["plain"]
            for r in self._results
        ]
        return unflatten(self._structure, results)

    def _fit(self, inputs) -> None:
        if len(inputs) != len(self._inputs):
            raise RustorchRuntimeError(
                f"{self.original_name}: expects {len(self._inputs)} tensors. Received: {len(inputs)}"
            )
        sizes: dict = {}
        for i, (t, want) in enumerate(zip(inputs, self._inputs)):
            shape = [sizes.setdefault(n, m) if isinstance(n, str) else n for n, m in zip(want["shape"], t.shape)]
            if t.dtype.name != want["dtype"] or len(want["shape"]) != t.ndim or shape != list(t.shape):
                raise RustorchRuntimeError(
                    f"{self.original_name}: argument {i} is to be {want['dtype']}{want['shape']}. Received: {t.dtype.name}{list(t.shape)}"
                )

    def extra_repr(self) -> str:
        return f"original_name={self.original_name}"


def _op_of(programs: dict, name: str) -> Op:
    def loaded_program(weights, inputs, counters: Number):
        program = programs.get(target()) or next(iter(programs.values()))
        with x64():
            return tuple(
                program.call(list(weights), list(inputs), jax.numpy.asarray(list(counters), np.int64).reshape(-1))
            )

    return Op(
        loaded_program,
        "op",
        name=f"loaded_{name}",
        method=False,
        function=False,
        out=False,
        dear=True,
        always_lift=True,
    )


def _deserialized(name: str, data: bytes):
    if name not in PLATFORMS:
        raise RustorchRuntimeError(f"jit.load: there is a program for {name!r}, which is no platform.")
    try:
        program = jax_export.deserialize(bytearray(data))
    except Exception as error:
        raise RustorchRuntimeError(f"jit.load: the program for {name} cannot be read ({error}).") from None
    if program.platforms != (name,):
        raise RustorchRuntimeError(f"jit.load: the program for {name} is for {program.platforms}.")
    return program


def _decode(x, depth: int = 0) -> Structure:
    if x is None:
        return LEAF
    kind, keys, children = x
    return Structure(
        {"tuple": tuple, "list": list, "dict": dict}[kind], tuple(keys), tuple(_decode(c, depth + 1) for c in children)
    )
