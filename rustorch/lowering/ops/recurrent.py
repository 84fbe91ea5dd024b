"""Recurrent layers: a whole sequence in one direction as one op, and single steps."""

from __future__ import annotations

from rustorch.errors import ShapeMismatchError, check
from rustorch.lowering import kernels
from rustorch.lowering.ops._nn import need_float, piece, present, spread
from rustorch.lowering.promote import dtype_of
from rustorch.lowering.table import op


def _check_types(weight, *others):
    """Everything must have the dtype of the weights."""
    need_float(weight, "rnn")
    for t in others:
        if t is not None:
            a, b = dtype_of(t), dtype_of(weight)
            check(a is b, f"mat1 and mat2 must have the same dtype, but got {a.alias} and {b.alias}")


def _check_layer(input, states, w_ih, w_hh, *others):
    check(input.ndim == 3, f"a recurrent layer takes a sequence (T, N, I). Received: shape {list(input.shape)}")
    check(input.shape[0] > 0, "Expected sequence length to be larger than 0 in RNN")
    _check_types(w_ih, input, *states, w_hh, *others)
    batch = input.shape[1]
    for given, wanted in (
        (w_ih.shape, (w_ih.shape[0], input.shape[2])),
        (w_hh.shape, (w_ih.shape[0], states[0].shape[-1])),
        *((s.shape, (batch, s.shape[-1])) for s in states),
    ):
        if tuple(given) != tuple(wanted):
            raise ShapeMismatchError(
                f"recurrent layer: sizes do not match. Expected {list(wanted)}, got {list(given)}",
                tuple(given),
                tuple(wanted),
            )


@piece(dear=True, grad_name="StackBackward0")
def lstm_layer(input, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, alive=None, reverse: bool = False):
    """One LSTM layer over a sequence (T, N, I), in one direction: ``(y, h, c, cells, gates)``.

    ``h0`` (N, P), ``c0`` (N, H), ``w_ih`` (4H, I), ``w_hh`` (4H, P), biases (4H), ``w_hr`` (P, H) or None (P = H),
    ``alive`` a bool mask (T, N) of the steps that exist. The last two results are what the gradient reads.
    """
    _check_layer(input, (h0, c0), w_ih, w_hh, b_ih, b_hh, w_hr)
    return kernels.lstm(input, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, alive, reverse=reverse)


@lstm_layer.vjp(uses_output=True, missing=True)
def _(needs, ct, out, input, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, alive=None, reverse=False):
    given = (input, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, alive)
    need = spread(needs, *given)
    return present((*kernels.lstm_vjp(ct, out, *given, reverse=reverse, needs=need), None), *given)


@piece(dear=True, grad_name="StackBackward0")
def gru_layer(input, h0, w_ih, w_hh, b_ih=None, b_hh=None, alive=None, reverse: bool = False):
    """One GRU layer over a sequence (T, N, I), in one direction: ``(y, h, r, z, n, q)``; as ``lstm_layer``, with 3H."""
    _check_layer(input, (h0,), w_ih, w_hh, b_ih, b_hh)
    return kernels.gru(input, h0, w_ih, w_hh, b_ih, b_hh, alive, reverse=reverse)


@gru_layer.vjp(uses_output=True, missing=True)
def _(needs, ct, out, input, h0, w_ih, w_hh, b_ih=None, b_hh=None, alive=None, reverse=False):
    given = (input, h0, w_ih, w_hh, b_ih, b_hh, alive)
    need = spread(needs, *given)
    return present((*kernels.gru_vjp(ct, out, *given, reverse=reverse, needs=need), None), *given)


@piece(dear=True, grad_name="StackBackward0")
def rnn_layer(
    input, h0, w_ih, w_hh, b_ih=None, b_hh=None, alive=None, relu: bool = False, reverse: bool = False
):  # fmt: skip
    """One Elman layer over a sequence (T, N, I), in one direction: ``(y, h)``; as ``lstm_layer``, with H."""
    _check_layer(input, (h0,), w_ih, w_hh, b_ih, b_hh)
    return kernels.rnn(input, h0, w_ih, w_hh, b_ih, b_hh, alive, relu=relu, reverse=reverse)


@rnn_layer.vjp(uses_output=True, missing=True)
def _(needs, ct, out, input, h0, w_ih, w_hh, b_ih=None, b_hh=None, alive=None, relu=False, reverse=False):
    given = (input, h0, w_ih, w_hh, b_ih, b_hh, alive)
    need = spread(needs, *given)
    return present((*kernels.rnn_vjp(ct, out, *given, relu=relu, reverse=reverse, needs=need), None), *given)


# --- one step ------------------------------------------------------------------------------------


def _check_cell(input, w_ih, w_hh, *states):
    check(
        input.shape[1] == w_ih.shape[1],
        f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}",
    )
    for i, h in enumerate(states):
        check(
            h.shape[1] == w_hh.shape[1],
            f"hidden{i} has inconsistent hidden_size: got {h.shape[1]}, expected {w_hh.shape[1]}",
        )
        check(
            input.shape[0] == h.shape[0],
            f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size {h.shape[0]}",
        )
    _check_types(w_ih, input, *states, w_hh)


def _arguments(input, w_ih, *biases):
    """The share of the gates that a step's state does not enter."""
    arguments, bias = kernels.from_inputs(input, w_ih), kernels.total_bias(*biases)
    return arguments if bias is None else arguments + bias


@op(method=False, out=False, grad_name="ThnnFusedLstmCellBackward0")
def lstm_cell(input, hx: tuple, w_ih, w_hh, b_ih=None, b_hh=None):
    """One LSTM step: ``input`` (N, I), ``hx`` the pair (h, c) of (N, H) → the next pair.

    i, f, g, o = W x + U h + b; c' = σ(f) c + σ(i) tanh(g); h' = σ(o) tanh(c').
    """
    check(len(hx) == 2, "lstm_cell expects two hidden states")
    _check_cell(input, w_ih, w_hh, *hx)
    return kernels.lstm_step(_arguments(input, w_ih, b_ih, b_hh), *hx, w_hh)[:2]


@op(method=False, out=False, grad_name="ThnnFusedGruCellBackward0")
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One GRU step: ``input`` (N, I), ``hx`` (N, H) → the next state.

    r, z = σ(W x + U h + b); n = tanh(Wₙ x + bₙ + r (Uₙ h + cₙ)); h' = (1 - z) n + z h.
    """
    _check_cell(input, w_ih, w_hh, hx)
    return kernels.gru_step(_arguments(input, w_ih, b_ih, None), hx, w_hh, b_hh)[0]


@op(method=False, out=False, grad_name="TanhBackward0")
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step h' = tanh(W x + U h + b): ``input`` (N, I), ``hx`` (N, H)."""
    _check_cell(input, w_ih, w_hh, hx)
    return kernels.rnn_step(_arguments(input, w_ih, b_ih, b_hh), hx, w_hh)


@op(method=False, out=False, grad_name="ReluBackward0")
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step h' = max(0, W x + U h + b): ``input`` (N, I), ``hx`` (N, H)."""
    _check_cell(input, w_ih, w_hh, hx)
    return kernels.rnn_step(_arguments(input, w_ih, b_ih, b_hh), hx, w_hh, relu=True)
