"""Recurrent networks as functions: stacks of layers in one or two directions, padded or packed."""

from __future__ import annotations

from rustorch.eager.dynamic import host
from rustorch.eager.packed import Layout
from rustorch.eager.publish import overload
from rustorch.eager.random import draw
from rustorch.eager.recorder import apply
from rustorch.eager.tensor import Tensor
from rustorch.errors import check
from rustorch.lowering.ops import recurrent, shape
from rustorch.lowering.ops.dropout import dropout_apply, dropout_mask

_REST = ("hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional")
_PADDED = ("input", *_REST, "batch_first")
_PACKED = ("data", "batch_sizes", *_REST)


def _arguments(name: str, args, kwargs):
    """The arguments by name, of either form: a packed sequence is told by what comes fourth, or by its names."""
    if len(args) > 3:
        packed = not isinstance(args[3], bool)  # has_biases, or the weights
    else:
        packed = "batch_sizes" in kwargs or "data" in kwargs or (len(args) == 3 and isinstance(args[2], Tensor))
    names = _PACKED if packed else _PADDED
    given = dict(zip(names, args))
    twice = [n for n in kwargs if n in given]
    if len(args) > len(names) or twice or any(n not in names for n in kwargs):
        raise TypeError(f"{name}() received an invalid combination of arguments. Expected: {', '.join(names)}")
    given.update(kwargs)
    missing = [n for n in names if n not in given]
    if missing:
        raise TypeError(f"{name}() missing required argument '{missing[0]}' (pos {names.index(missing[0]) + 1})")
    return packed, [given[n] for n in names]


def _network(name: str, cell, args, kwargs):
    """Outputs and last states of a stack; ``cell(x, states, weights, alive, reverse)`` is one layer."""
    packed, given = _arguments(name, args, kwargs)
    if not packed:
        *given, batch_first = given
        x = given[0].transpose(0, 1) if batch_first else given[0]
        check(x.shape[0] > 0, "Expected sequence length to be larger than 0 in RNN")
        out, states = _stack(name, cell, x, *given[1:], None)
        return out.transpose(0, 1) if batch_first else out, states
    data, batch_sizes, *given = given
    layout = Layout(host(batch_sizes))
    out, states = _stack(name, cell, layout.padded(data), *given, layout.alive(data))
    return layout.packed(out), states


def _stack(name, cell, x, hx, params, has_biases, num_layers, dropout, train, bidirectional, alive):
    hx = hx if isinstance(hx, (tuple, list)) else (hx,)
    if name == "lstm":
        check(len(hx) == 2, "lstm expects two hidden states")
    projected = name == "lstm" and hx[0].shape[2] != hx[1].shape[2]
    each = (4 if has_biases else 2) + projected
    check(len(params) % each == 0, f"MatrixRef: ArrayRef size {len(params)} not divisible by stride {each}")
    directions = 2 if bidirectional else 1
    last = each * directions * num_layers
    check(
        len(params) >= last,
        f"ArrayRef: invalid slice, N = {last - each * directions}; M = {each * directions}; size = {len(params)}",
    )
    check(
        all(h.shape[0] == num_layers * directions for h in hx),
        "Expected more hidden states in stacked_rnn" if hx[0].shape[0] < num_layers * directions
        else "Expected as many hidden states as layers and directions in stacked_rnn",
    )  # fmt: skip
    firsts = [h.unbind(0) for h in hx]
    lasts = [[] for _ in hx]
    for layer in range(num_layers):
        outs = []
        for i in range(layer * directions, (layer + 1) * directions):
            weights = params[i * each : (i + 1) * each]
            biases = list(weights[2:4]) if has_biases else [None, None]
            extra = [weights[-1]] if projected else []
            out, *states = cell(x, [f[i] for f in firsts], [*weights[:2], *biases, *extra], alive, i % directions == 1)
            outs.append(out)
            for ends, state in zip(lasts, states):
                ends.append(state)
        x = outs[0] if directions == 1 else apply(shape.cat, (tuple(outs), -1))
        if train and dropout and layer < num_layers - 1:
            p = float(dropout)
            x = apply(dropout_apply, (x, draw(dropout_mask, None, x.device, tuple(x.shape), p), p))
    return x, tuple([apply(shape.stack, (tuple(each), 0)) for each in lasts])


def _lstm_layer(x, states, weights, alive, reverse):
    w_hr = weights[4] if len(weights) > 4 else None
    return apply(recurrent.lstm_layer, (x, *states, *weights[:4], w_hr, alive, reverse))[:3]


def _gru_layer(x, states, weights, alive, reverse):
    return apply(recurrent.gru_layer, (x, *states, *weights, alive, reverse))[:2]


def _rnn_layer(relu):
    return lambda x, states, weights, alive, reverse: apply(
        recurrent.rnn_layer, (x, *states, *weights, alive, relu, reverse)
    )


_FORMS = """

    {name}(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
    {name}(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)

    ``input`` (T, N, I), or (N, T, I) with ``batch_first``; ``data`` and ``batch_sizes`` are a packed sequence's.
    ``params`` are the weights of each layer and direction in turn, as ``torch.nn.{module}`` names them; ``hx``
    {hx} (layers · directions, N, H). Returns the outputs and the last states.

    Raises:
        RuntimeError: no steps, or another number of weights or states than there are layers.

    Example:
        >>> import rustorch as torch
        >>> net = torch.nn.{module}(3, 4)
        >>> out = torch.{name}(torch.ones(5, 2, 3), {zeros}, net._flat_weights, True, 1, 0.0, False, False, False)
        >>> out[0].shape
        torch.Size([5, 2, 4])
    """


def _documented(module: str, purpose: str):
    def put(f):
        pair = module == "LSTM"
        zero = "torch.zeros(1, 2, 4)"
        f.__doc__ = purpose + _FORMS.format(
            name=f.__name__, module=module, hx="the pair of states h (…, N, P) and c" if pair else "the states",
            zeros=f"({zero}, {zero})" if pair else zero,
        )  # fmt: skip
        return overload(f, method=False)

    return put


@_documented("LSTM", "A stack of LSTM layers: ``(output, h, c)``.")
def lstm(*args, **kwargs):
    out, (h, c) = _network("lstm", _lstm_layer, args, kwargs)
    return out, h, c


@_documented("GRU", "A stack of GRU layers: ``(output, h)``.")
def gru(*args, **kwargs):
    out, (h,) = _network("gru", _gru_layer, args, kwargs)
    return out, h


@_documented("RNN", "A stack of layers h' = tanh(W x + U h + b): ``(output, h)``.")
def rnn_tanh(*args, **kwargs):
    out, (h,) = _network("rnn_tanh", _rnn_layer(False), args, kwargs)
    return out, h


@_documented("RNN", "A stack of layers h' = max(0, W x + U h + b): ``(output, h)``.")
def rnn_relu(*args, **kwargs):
    out, (h,) = _network("rnn_relu", _rnn_layer(True), args, kwargs)
    return out, h
