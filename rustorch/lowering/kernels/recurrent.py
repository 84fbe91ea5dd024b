"""One layer of a recurrent network in one direction: LSTM, GRU and the plain RNN, with closed-form gradients.

Each is three parts: the inputs' share of all gates as one product outside the loop, one ``lax.scan`` whose carry is the
state alone, and in the gradient a second scan that gives the gates' cotangents, from which all weight gradients follow
as one product each. The forward pass hands out the activations of its gates; the gradient reads them, so that nothing
is run again, and it is plain ``jax.numpy``, so that it can be differentiated further.

Shapes: ``x`` (T, N, I), states (N, H), ``w_ih`` (kH, I), ``w_hh`` (kH, H). ``alive`` (T, N) says which steps exist: a
state stands still where it is False, which is right in both directions (a reversed sequence waits in its first state
until its own end). Time leads, so that a step reads one contiguous block; unrolling the loop gained nothing.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from .sums import column_sum, wide


def _rows(x):
    return x.reshape(-1, x.shape[-1])


def _product(a, b, i, j):
    return lax.dot_general(a, b, (((i,), (j,)), ((), ())))


def from_inputs(x, w_ih, bias):
    """What the inputs of all steps add to the gates: (T, N, kH)."""
    gates = _product(_rows(x), w_ih, 1, 1)
    gates = gates if bias is None else gates + bias
    return gates.reshape(*x.shape[:-1], w_ih.shape[0])


def _preceding(first, states, reverse):
    """The state before each step, in the order of time."""
    parts = (states[1:], first[None]) if reverse else (first[None], states[:-1])
    return jnp.concatenate(parts)


def _held(alive, new, old):
    return new if alive is None else jnp.where(alive[:, None], new, old)


def _plus(a, b):
    """The sum of two cotangents, of which either may be missing."""
    return b if a is None else a if b is None else a + b


def _zero_unless(alive, x):
    return x if alive is None else jnp.where(alive[:, None], x, jnp.zeros((), x.dtype))


def _rest(alive, x):
    """What passes by a step that does not exist."""
    return None if alive is None else jnp.where(alive[:, None], jnp.zeros((), x.dtype), x)


def _parts(x, n):
    """``x`` cut into ``n`` along its last axis, in the dtype to compute in."""
    return jnp.split(x.astype(wide(x.dtype)), n, -1)


def _start(ct, like):
    return jnp.zeros_like(like) if ct is None else ct.astype(like.dtype)


def _sigmoid(x):
    """Through tanh, which XLA:CPU evaluates in half the time of an exponential and a division."""
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


def _input_gradients(dgates, x, w_ih, b_ih, needs):
    """For the inputs, their weight, and the bias, from the cotangents of the gates' arguments."""
    rows = _rows(dgates)
    return (
        _product(rows, w_ih, 1, 0).reshape(x.shape) if needs[0] else None,
        _product(rows, _rows(x), 0, 0) if needs[1] else None,
        column_sum(rows).astype(b_ih.dtype) if needs[2] and b_ih is not None else None,
    )


# --- LSTM -----------------------------------------------------------------------------------------


def lstm_step(arguments, h, c, w_hh, w_hr=None):
    """The next state, and the activations i, f, g, o (N, 4H), from the inputs' share of the gates."""
    i, f, g, o = _parts(arguments + _product(h, w_hh, 1, 1), 4)
    i, f, g, o = _sigmoid(i), _sigmoid(f), jnp.tanh(g), _sigmoid(o)
    new_c = f * c.astype(f.dtype) + i * g
    new_h = (o * jnp.tanh(new_c)).astype(h.dtype)
    new_h = new_h if w_hr is None else _product(new_h, w_hr, 1, 1)
    return new_h, new_c.astype(c.dtype), jnp.concatenate([i, f, g, o], -1).astype(h.dtype)


def lstm(x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, alive=None, *, reverse=False):
    """``(y, h, c, cells, gates)``: outputs (T, N, P), the last states, and what the gradient reads.

    ``cells`` (T, N, H) are the cell states, ``gates`` (T, N, 4H) the activations i, f, g, o. With ``w_hr`` (P, H)
    outputs are projected, and ``h0`` (N, P), ``w_hh`` (4H, P); otherwise P = H.
    """
    arguments = from_inputs(x, w_ih, None if b_ih is None else b_ih + b_hh)

    def step(carry, at):
        (h, c), (a, live) = carry, at
        new_h, new_c, active = lstm_step(a, h, c, w_hh, w_hr)
        h, c = _held(live, new_h, h), _held(live, new_c, c)
        return (h, c), (h, c, active)

    (h, c), (y, cells, gates) = lax.scan(step, (h0, c0), (arguments, alive), reverse=reverse)
    return y, h, c, cells, gates


def lstm_vjp(ct, out, x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, alive=None, *, reverse=False, needs):
    """Gradients for the eight arguments from ``x`` to ``w_hr``; of the five cotangents any may be None."""
    ct_y, ct_h, ct_c, ct_cells, ct_gates = ct
    y, _, _, cells, gates = out
    keep_h = needs[7]

    def step(carry, at):
        dh, dc = carry
        live, ct_y, ct_cell, ct_gate, cell, before, a = at
        dh, dc = _plus(ct_y, dh), _plus(ct_cell, dc)
        dh_by, dc_by = _rest(live, dh), _rest(live, dc)
        dh, dc = _zero_unless(live, dh), _zero_unless(live, dc)
        i, f, g, o = _parts(a, 4)
        top = jnp.tanh(cell.astype(i.dtype))
        dm = dh if w_hr is None else _product(dh, w_hr, 1, 0)
        ei, ef, eg, eo = (None,) * 4 if ct_gate is None else _parts(ct_gate, 4)
        dc = dc + dm * o * (1 - top * top)
        args = [
            _plus(ei, dc * g) * i * (1 - i),
            _plus(ef, dc * before) * f * (1 - f),
            _plus(eg, dc * i) * (1 - g * g),
            _plus(eo, dm * top) * o * (1 - o),
        ]
        d = _zero_unless(live, jnp.concatenate(args, -1).astype(a.dtype))
        back = (_plus(dh_by, _product(d, w_hh, 1, 0)), _plus(dc_by, (dc * f).astype(cell.dtype)))
        return back, (d, dh if keep_h else None)

    start = _start(ct_h, h0), _start(ct_c, c0)
    series = (alive, ct_y, ct_cells, ct_gates, cells, _preceding(c0, cells, reverse), gates)
    (dh0, dc0), (d, dh) = lax.scan(step, start, series, reverse=not reverse)
    dx, dw_ih, db = _input_gradients(d, x, w_ih, b_ih, (needs[0], needs[3], needs[5] or needs[6]))
    dw_hh = _product(_rows(d), _rows(_preceding(h0, y, reverse)), 0, 0) if needs[4] else None
    dw_hr = None
    if needs[7]:
        o = gates[..., 3 * c0.shape[-1] :]
        dw_hr = _product(_rows(dh), _rows(o * jnp.tanh(cells)), 0, 0)
    return dx, dh0, dc0, dw_ih, dw_hh, db, db, dw_hr


# --- GRU ------------------------------------------------------------------------------------------


def gru_step(arguments, h, w_hh, b_hh=None):
    """The next state, and r, z, n and n's share of the state (N, 4H), from the inputs' share of the gates."""
    s = _product(h, w_hh, 1, 1)
    ar, az, an = _parts(arguments, 3)
    sr, sz, q = _parts(s if b_hh is None else s + b_hh, 3)
    r, z = _sigmoid(ar + sr), _sigmoid(az + sz)
    n = jnp.tanh(an + r * q)
    return (n + z * (h - n)).astype(h.dtype), jnp.concatenate([r, z, n, q], -1).astype(h.dtype)


def gru(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, alive=None, *, reverse=False):
    """``(y, h, gates)``: outputs (T, N, H), the last state, and r, z, n and n's share of the state (T, N, 4H)."""
    arguments = from_inputs(x, w_ih, b_ih)

    def step(h, at):
        a, live = at
        new, active = gru_step(a, h, w_hh, b_hh)
        h = _held(live, new, h)
        return h, (h, active)

    h, (y, gates) = lax.scan(step, h0, (arguments, alive), reverse=reverse)
    return y, h, gates


def gru_vjp(ct, out, x, h0, w_ih, w_hh, b_ih=None, b_hh=None, alive=None, *, reverse=False, needs):
    """Gradients for the six arguments from ``x`` to ``b_hh``; of the three cotangents any may be None."""
    ct_y, ct_h, ct_gates = ct
    y, _, gates = out
    before = _preceding(h0, y, reverse)
    size = h0.shape[-1]

    def step(dh, at):
        live, ct_y, ct_gate, h, a = at
        dh = _plus(ct_y, dh)
        by = _rest(live, dh)
        dh = _zero_unless(live, dh)
        r, z, n, q = _parts(a, 4)
        er, ez, en, eq = (None,) * 4 if ct_gate is None else _parts(ct_gate, 4)
        dn = _plus(en, dh * (1 - z)) * (1 - n * n)
        dr = _plus(er, dn * q) * r * (1 - r)
        dz = _plus(ez, dh * (h - n)) * z * (1 - z)
        dq = _plus(eq, dn * r)
        d = _zero_unless(live, jnp.concatenate([dr, dz, dq], -1).astype(a.dtype))
        dn = _zero_unless(live, dn.astype(a.dtype))
        back = (dh * z).astype(a.dtype) + _product(d, w_hh, 1, 0)
        return _plus(by, back), (d, dn)

    dh0, (d, dn) = lax.scan(step, _start(ct_h, h0), (alive, ct_y, ct_gates, before, gates), reverse=not reverse)
    need_w, need_b = needs[3], needs[5] and b_hh is not None
    dw_hh = _product(_rows(d), _rows(before), 0, 0) if need_w else None
    db_hh = column_sum(_rows(d)).astype(b_hh.dtype) if need_b else None
    inputs = jnp.concatenate([d[..., : 2 * size], dn], -1)
    dx, dw_ih, db_ih = _input_gradients(inputs, x, w_ih, b_ih, (needs[0], needs[2], needs[4]))
    return dx, dh0, dw_ih, dw_hh, db_ih, db_hh


# --- RNN ------------------------------------------------------------------------------------------


def rnn_step(arguments, h, w_hh, relu=False):
    """The next state from the inputs' share."""
    a = arguments + _product(h, w_hh, 1, 1)
    return jnp.where(a > 0, a, jnp.zeros((), a.dtype)) if relu else jnp.tanh(a)


def rnn(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, alive=None, *, relu=False, reverse=False):
    """``(y, h)``: outputs (T, N, H) and the last state of h' = tanh (or relu) of W x + U h + b."""
    arguments = from_inputs(x, w_ih, None if b_ih is None else b_ih + b_hh)

    def step(h, at):
        a, live = at
        h = _held(live, rnn_step(a, h, w_hh, relu), h)
        return h, h

    h, y = lax.scan(step, h0, (arguments, alive), reverse=reverse)
    return y, h


def rnn_vjp(ct, out, x, h0, w_ih, w_hh, b_ih=None, b_hh=None, alive=None, *, relu=False, reverse=False, needs):
    """Gradients for the six arguments from ``x`` to ``b_hh``; of the two cotangents either may be None."""
    y, _ = out

    def step(dh, at):
        live, ct_y, h = at
        dh = _plus(ct_y, dh)
        d = _zero_unless(live, jnp.where(h > 0, dh, 0) if relu else dh * (1 - h * h))
        return _plus(_rest(live, dh), _product(d, w_hh, 1, 0)), d

    dh0, d = lax.scan(step, _start(ct[1], h0), (alive, ct[0], y), reverse=not reverse)
    dx, dw_ih, db = _input_gradients(d, x, w_ih, b_ih, (needs[0], needs[2], needs[4] or needs[5]))
    dw_hh = _product(_rows(d), _rows(_preceding(h0, y, reverse)), 0, 0) if needs[3] else None
    return dx, dh0, dw_ih, dw_hh, db, db
