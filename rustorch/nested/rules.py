"""What operations do with nested tensors: element by element on the flat tensor, else piece by piece."""

from __future__ import annotations

from rustorch.eager import ops as T
from rustorch.eager.foreign import PARTS, NotDense
from rustorch.eager.recorder import apply
from rustorch.eager.tensor import Tensor
from rustorch.errors import ArgumentValueError, RustorchRuntimeError, check, wrap_dim
from rustorch.layouts import strided
from rustorch.lowering.table import TABLE
from rustorch.nested.tensor import NestedTensor

_SPACES = ("", "nn.functional.", "special.")
# Not `pointwise` in the table, but no element depends on another.
_EACH = set(
    "dropout relu gelu silu elu selu celu leaky_relu hardtanh hardswish hardsigmoid hardshrink softshrink mish softplus "
    "softsign tanhshrink relu6 logsigmoid threshold clone to_dtype".split()
)


class Rules(dict):
    """Rules by the op's name; those of element-by-element ops are made when they are first asked for."""

    def get(self, name, default=None):
        """The rule of ``name``."""
        if name not in self:
            change = name.endswith("_") and not name.startswith("_")
            plain = name.rstrip("_") if change else name
            op = next((TABLE[s + plain] for s in _SPACES if s + plain in TABLE), None)
            if op is None or op.kind != "pointwise" and plain not in _EACH:
                return default
            self[name] = _in_place(self.get(plain)) if change else _each(op)
        return self[name]


def _in_place(fn):
    return lambda self, *args, **kwargs: self._take(fn(self, *args, **kwargs))


def _each(op):
    """The rule of an element-by-element op."""

    def on_values(*args, **kwargs):
        found = [a for a in (*args, *kwargs.values()) if isinstance(a, NestedTensor)]
        like = found[0]
        pair = len(args) > 1 and isinstance(args[0], Tensor) and isinstance(args[1], Tensor)
        if pair and len(found) == 1 and any(isinstance(a, Tensor) and a is not like and a.ndim for a in args[:2]):
            return _with_dense(op, like, args, kwargs)
        for other in found[1:]:
            if other._sizes != like._sizes:
                shapes = " and ".join(str(tuple(t.shape)) for t in (like, other)) if like.layout is not strided else ""
                raise RustorchRuntimeError(
                    f"cannot call binary pointwise function {op.name}.Tensor with inputs of shapes {shapes}"
                    if shapes
                    else f"{op.name} does not support broadcasting when given a NestedTensor"
                )
        if any(a._starts != like._starts for a in found[1:]):  # holes at different places: none, then
            args = [a.contiguous() if isinstance(a, NestedTensor) else a for a in args]
            kwargs = {k: a.contiguous() if isinstance(a, NestedTensor) else a for k, a in kwargs.items()}
            like = like.contiguous()
        values = [a._values_ if isinstance(a, NestedTensor) else a for a in args]
        named = {k: a._values_ if isinstance(a, NestedTensor) else a for k, a in kwargs.items()}
        return like._with(apply(op, tuple(values), named))

    on_values.__name__, on_values.__doc__ = op.name, op.doc
    return on_values


def _with_dense(op, like, args, kwargs):
    """A nested tensor with a dense one that has one entry for each piece, or is the same for all (jagged only)."""
    check(
        like.layout is not strided,
        "Expected both self and other to be nested, but got a nested self and non-nested other",
    )
    dense = args[1] if args[0] is like else args[0]
    each = dense.ndim == like.ndim
    if dense.ndim > like.ndim or each and dense.shape[0] not in (1, len(like._sizes)):
        raise RustorchRuntimeError(
            f"cannot call binary pointwise function {op.name}.Tensor with inputs of shapes {like.shape} and {dense.shape}"
        )
    out = []
    for i, piece in enumerate(like._pieces()):
        own = dense[i if dense.shape[0] > 1 else 0] if each else dense
        result = apply(op, (piece, own) if args[0] is like else (own, piece), kwargs)
        if tuple(result.shape) != tuple(piece.shape):
            raise RustorchRuntimeError(
                f"cannot call binary pointwise function {op.name}.Tensor with inputs of shapes {like.shape} and {dense.shape}"
            )
        out.append(result)
    return like._of(out)


RULES = Rules()
NestedTensor._rules = RULES
PARTS[NestedTensor] = (lambda t: (t._parts(), t._rest()), NestedTensor._build)


def rule(*names):
    """Register a function as the rule of these op names."""

    def register(fn):
        for name in names or (fn.__name__,):
            RULES[name] = fn
        return fn

    return register


def _piecewise(fn, *nested):
    """``fn`` of each piece; several nested tensors are taken side by side."""
    return nested[0]._of([fn(*pieces) for pieces in zip(*[t._pieces() for t in nested])])


def _rows(input, fn):
    """``fn`` of all rows (n, last size) at once, where all pieces have the same last size."""
    width = input._row()
    if not width:
        return _piecewise(fn, input)
    out = fn(input._values_.view(-1, width))
    sizes = [(*s[:-1], out.shape[-1]) for s in input._sizes]
    return NestedTensor._new(out.reshape(-1), sizes, input.layout, input._ragged, input._starts)


def _inner(input, dim: int, what: str) -> int:
    """``dim`` as a dimension of the pieces."""
    d = dim % input.ndim
    strided_text = f"Cannot apply {what} across nested dimension 0"
    other = f"{what}(): not supported when reducing across the batch dimension for NestedTensor"
    check(d != 0, strided_text if input.layout is strided else other)
    return d - 1


@rule()
def linear(input, weight, bias=None):
    """``input @ weight.T + bias`` of all rows in one product."""
    check(
        weight.ndim == 2 and (input.ndim == 3 or input.layout is not strided),
        f"Linear requires nested_tensor.dim == 3 and dense_matrix.dim == 2. Nested tensor dim: {input.ndim}. "
        f"Dense tensor dim: {weight.ndim}",
    )
    return _rows(input, lambda x: T.NAMESPACES["nn.functional"]["linear"](x, weight, bias))


@rule("matmul", "bmm")
def matmul(input, other):
    """Products of pieces; a dense matrix (jagged) or a batch of them multiplies every piece."""
    if isinstance(input, NestedTensor) and isinstance(other, NestedTensor):
        check(len(input._sizes) == len(other._sizes), "matmul: Expected the same number of pieces in both tensors")
        return _piecewise(T.matmul, input, other)
    check(isinstance(input, NestedTensor), "Expected both to be nested, but got a non-nested self and nested other")
    if other.ndim == 2:
        check(input.layout is not strided, "Expected both to be nested, but got a nested self and non-nested other")
        return _rows(input, lambda x: T.matmul(x, other))
    return input._of([T.matmul(p, m) for p, m in zip(input._pieces(), other.unbind(0))])


def _normalised(name):
    def on_rows(input, dim=None, dtype=None, **kwargs):
        d = _inner(input, dim, "softmax")
        fn = getattr(T, name)
        if d == input.ndim - 2 and input._row():
            return _rows(input, lambda x: fn(x, -1, dtype=dtype))
        return _piecewise(lambda x: fn(x, d, dtype=dtype), input)

    on_rows.__name__, on_rows.__doc__ = name, f"``{name}`` of each piece along a dimension of its own."
    RULES[name] = on_rows


for _name in ("softmax", "log_softmax"):
    _normalised(_name)


@rule("layer_norm")
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05, cudnn_enable=True):
    """``layer_norm`` of each piece's last dimensions."""
    if input.layout is strided and (weight is None or bias is None):
        raise ArgumentValueError("NestedTensor layer_norm requires weight and bias")
    norm = T.NAMESPACES["nn.functional"]["layer_norm"]
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if len(shape) == 1:
        return _rows(input, lambda x: norm(x, shape, weight, bias, eps))
    check(
        all(s[-len(shape) :] == shape for s in input._sizes),
        "normalized_shape extends into irregular dimensions for the nested tensor",
    )
    return _piecewise(lambda x: norm(x, shape, weight, bias, eps), input)


@rule("embedding")
def embedding(input, weight, *args, **kwargs):
    """The rows of ``weight`` that a nested tensor of numbers names."""
    rows = T.NAMESPACES["nn.functional"]["embedding"](input._values_, weight, *args, **kwargs)
    sizes = [(*s, weight.shape[1]) for s in input._sizes]
    return NestedTensor._new(rows.reshape(-1), sizes, input.layout, input._ragged, input._starts)


@rule()
def transpose(input, dim0, dim1):
    """Each piece with two of its dimensions exchanged."""
    a, b = dim0 % input.ndim, dim1 % input.ndim
    check(a != 0 and b != 0, "Nested tensor dimension 0 cannot be transposed")
    return _piecewise(lambda x: x.transpose(a - 1, b - 1), input)


@rule()
def unsqueeze(input, dim):
    """Each piece with a new dimension of size one."""
    d = dim % (input.ndim + 1)
    check(d != 0, "unsqueeze: For nested tensors, dimension 0 is not supported")
    return _piecewise(lambda x: x.unsqueeze(d - 1), input)


def _own_dim(input, dim: int, what: str) -> int:
    """``dim`` as a dimension of a jagged tensor's pieces, in which they are alike."""
    check(dim != 0, f"{what}(): not supported for NestedTensor on dim=0")
    check(dim != input._ragged_dim(), f"{what}(): not supported for NestedTensor on ragged dim")
    return dim - 1


@rule()
def chunk(input, chunks, dim=0):
    """Each piece cut along its last dimension (any that the pieces share, if jagged), or the pieces dealt out (jagged)."""
    d = wrap_dim(dim, input.ndim)
    if input.layout is strided:
        check(d == input.ndim - 1, "Chunk for nested tensors is currently only supported for the last dimension.")
    check(chunks > 0, f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    pieces = input._pieces()
    if input.layout is not strided and d == 0:
        each = -(-len(pieces) // chunks)
        return tuple([input._of(pieces[i : i + each]) for i in range(0, len(pieces), each)])
    if input.layout is strided:
        widths = [s[-1] for s in input._sizes]
        listed = "".join(f" {n}\n" for n in widths) + f"[ torch.LongTensor{{{len(widths)}}} ]"
        check(
            len(set(widths)) == 1,
            "Expected all tensors in nested tensor to have the same trailing dimension, instead last dimension equals: "
            + listed,
        )
        check(
            widths[0] % chunks == 0,
            "Chunk for nested tensors is only supported for nested tensors with trailing dimension divisible by chunks, "
            f"got: {widths[0]} % {chunks} != 0",
        )
    at = d - 1 if input.layout is strided else _own_dim(input, d, "chunk")
    parts = [p.chunk(chunks, at) for p in pieces]
    return tuple([input._of(list(same)) for same in zip(*parts)])


@rule()
def narrow(input, dim, start, length):
    """Some of the pieces (strided), or a part of each along a dimension that they share (jagged)."""
    start = int(start)
    if input.layout is not strided:
        at = _own_dim(input, wrap_dim(dim, input.ndim), "narrow")
        return _piecewise(lambda x: x.narrow(at, start, length), input)
    check(dim == 0, f"narrow(): only dim=0 supported for nested tensors, but got: {dim}")
    check(length >= 0, "narrow(): length must be non-negative")
    n = len(input._sizes)
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    check(start + length <= n, f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return input._of(input._pieces()[start : start + length])


def _reduced(name):
    def over_pieces(input, dim=None, keepdim=False, *, dtype=None):
        fn = getattr(T, name)
        if dim is None:
            if input.layout is strided:
                raise NotDense(input, name)
            return fn(input._values_, dtype=dtype)
        d = dim[0] if isinstance(dim, (tuple, list)) else dim
        if input.layout is strided:
            check(
                d % input.ndim == input.ndim - 1, "NestedTensor can only be reduced across the last dimension for now"
            )
            check(keepdim, "NestedTensor always requires keepdim=True for now.")
        inner = _inner(input, d, name)
        return _piecewise(lambda x: fn(x, inner, keepdim=keepdim, dtype=dtype), input)

    over_pieces.__name__, over_pieces.__doc__ = name, f"``{name}`` along a dimension of the pieces."
    RULES[name] = over_pieces


for _name in ("sum", "mean"):
    _reduced(_name)


def _like(name):
    def fill(input, **kwargs):
        return input._with(getattr(T, name)(input._values_, **kwargs))

    fill.__name__, fill.__doc__ = name, f"``{name}`` in pieces of the same sizes."
    RULES[name] = fill


for _name in "zeros_like ones_like empty_like full_like rand_like randn_like".split():
    _like(_name)


@rule("scaled_dot_product_attention")
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """Attention within each piece: ``query`` pieces (heads, L, E), ``key`` and ``value`` (heads, S, E)."""
    check(attn_mask is None, "scaled_dot_product_attention: a mask is not supported for nested tensors")
    attend = T.NAMESPACES["nn.functional"]["scaled_dot_product_attention"]
    return _piecewise(lambda q, k, v: attend(q, k, v, None, dropout_p, is_causal, scale, enable_gqa), query, key, value)


def _method(name):
    def method(self, *args, **kwargs):
        return RULES.get(name)(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, f"``{name}`` of the pieces."
    return method


# Methods that would look at the storage before they ask for a rule.
NestedTensor.chunk, NestedTensor.narrow = RULES["chunk"], RULES["narrow"]
for _op in list(TABLE.values()):
    if _op.inplace and (_op.kind == "pointwise" or _op.name in _EACH):
        for _name in (_op.name, *_op.aliases):
            setattr(NestedTensor, _name + "_", _method(_op.name + "_"))
