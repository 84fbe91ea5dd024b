"""Recurrent networks over whole sequences."""

import math
import numbers
import warnings

from rustorch.eager import ops as T
from rustorch.eager.dynamic import host
from rustorch.nn import init
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter
from rustorch.nn.utils.rnn import PackedSequence

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _check_sizes(mode, dropout, bias, batch_first, input_size, hidden_size, num_layers, proj_size):
    """Raise PyTorch's error for an argument of the wrong type or size."""
    number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    for name, value, kind in (
        ("bias", bias, bool),
        ("batch_first", batch_first, bool),
        ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        if kind is int and value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise ValueError("Unrecognized RNN mode: " + mode)


class RNNBase(Module):
    """The arguments, checks and parameters that ``RNN``, ``LSTM`` and ``GRU`` share.

    Parameters, for each layer k and, with suffix ``_reverse``, its backward direction: ``weight_ih_lk`` (gates · H, I),
    ``weight_hh_lk`` (gates · H, P), ``bias_ih_lk``, ``bias_hh_lk`` (gates · H), ``weight_hr_lk`` (P, H) with a
    projection; all start uniform on ±1/√H.

    >>> import rustorch as torch
    >>> [name for name, _ in torch.nn.RNNBase("GRU", 3, 4, bias=False).named_parameters()]
    ['weight_ih_l0', 'weight_hh_l0']
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        _check_sizes(mode, dropout, bias, batch_first, input_size, hidden_size, num_layers, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights = []
        gates, out = _GATES[mode] * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            inputs = out * self._directions if layer else input_size
            shapes = {"weight_ih": (gates, inputs), "weight_hh": (gates, out)}
            if bias:
                shapes.update(bias_ih=(gates,), bias_hh=(gates,))
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in ("", "_reverse")[: self._directions]:
                names = {f"{name}_l{layer}{suffix}": shape for name, shape in shapes.items()}
                for name, shape in names.items():
                    setattr(self, name, Parameter(T.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(list(names))
        self.reset_parameters()

    @property
    def _directions(self):
        return 2 if self.bidirectional else 1

    @property
    def _flat_weights_names(self):
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self):
        """All weights in order, read anew at each call, so that swapped ones count."""
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self):
        """The parameters of each layer and direction, as a list of lists."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self):
        """Does nothing: PyTorch lays weights out for cuDNN here, XLA needs no layout."""

    def reset_parameters(self):
        """Draw new initial values: uniform on ±1/√H."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def check_input(self, input, batch_sizes):
        """Raise PyTorch's error for an input of the wrong dtype or shape."""
        dtype = self._flat_weights[0].dtype
        if input.dtype is not dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        expected = 3 if batch_sizes is None else 2
        if input.ndim != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def _batch_size(self, input, batch_sizes):
        if batch_sizes is not None:
            return int(host(batch_sizes)[0])  # of the host's array: an index would be one more program
        return input.shape[0 if self.batch_first else 1]

    def get_expected_hidden_size(self, input, batch_sizes):
        """The shape of the state h: (layers · directions, N, P)."""
        batch = self._batch_size(input, batch_sizes)
        return self.num_layers * self._directions, batch, self.proj_size or self.hidden_size

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        """Raise PyTorch's error for a state of another shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def check_forward_args(self, input, hidden, batch_sizes):
        """Check the input and the state(s)."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        """The state(s) with the sequences in another order; as they are without one."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def _zeros(self, input, batch_sizes, size):
        layers = self.num_layers * self._directions
        return T.zeros(layers, self._batch_size(input, batch_sizes), size, dtype=input.dtype, device=input.device)

    def _options(self, batch_sizes):
        """The arguments of the recurrent functions behind the state."""
        options = self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional
        return options if batch_sizes is not None else (*options, self.batch_first)

    def _run(self, function, input, hx, batch_sizes):
        head = (input, hx) if batch_sizes is None else (input, batch_sizes, hx)
        return function(*head, *self._options(batch_sizes))

    def _check_rank(self, input, name, what=""):
        """Is it a batch? Raises PyTorch's error unless the input has two or three dimensions."""
        if input.ndim not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.ndim}D {what}instead")
        return input.ndim == 3

    def _forward_one_state(self, function, name, what, input, hx):
        """``forward`` of the networks whose state is one tensor."""
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, back = input
            hx = self._zeros(data, batch_sizes, self.hidden_size) if hx is None else self.permute_hidden(hx, order)
            self.check_forward_args(data, hx, batch_sizes)
            out, hidden = self._run(function, data, hx, batch_sizes)
            return PackedSequence(out, batch_sizes, order, back), self.permute_hidden(hidden, back)
        batched = self._check_rank(input, name, what)
        if hx is not None and hx.ndim != input.ndim:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(f"For {kind} input, hx should also be {input.ndim}-D but got {hx.ndim}-D tensor")
        axis = 0 if self.batch_first else 1
        if not batched:
            input, hx = input.unsqueeze(axis), None if hx is None else hx.unsqueeze(1)
        hx = self._zeros(input, None, self.hidden_size) if hx is None else hx
        self.check_forward_args(input, hx, None)
        out, hidden = self._run(function, input, hx, None)
        return (out, hidden) if batched else (out.squeeze(axis), hidden.squeeze(1))

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        for name, usual in (
            ("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0),
            ("bidirectional", False),
        ):  # fmt: skip
            value = getattr(self, name)
            if value != usual:
                text += f", {name}={value}"
        return text

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("proj_size", 0)


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or max(0, ·) with ``nonlinearity="relu"``.

    Arguments:
        input_size, hidden_size: I and H; num_layers: each layer's outputs are the next one's inputs.
        nonlinearity: "tanh" or "relu"; bias: whether there are b_ih and b_hh.
        batch_first: (N, T, I) in and out instead of (T, N, I); states are (layers · directions, N, H) all the same.
        dropout: probability of dropping an output between layers while training.
        bidirectional: a second direction reads from the end; outputs of both are concatenated.

    Shapes: x (T, N, I), (T, I) or a ``PackedSequence`` → outputs (T, N, directions · H) and the last states
    (layers · directions, N, H); the first states ``hx`` are zeros by default.
    Errors: ``ValueError``, ``TypeError`` for arguments out of range, ``RuntimeError`` for shapes that do not fit.
    Source: Elman, 1990; PyTorch definition.

    >>> import rustorch as torch
    >>> out, last = torch.nn.RNN(3, 4)(torch.ones(5, 2, 3))
    >>> out.shape, last.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        nonlinearity="tanh",
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        *,
        proj_size=None,
        device=None,
        dtype=None,
    ):
        if proj_size is not None:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = "RNN_" + nonlinearity.upper()
        like = {"device": device, "dtype": dtype}
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, **like
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        function = T.rnn_tanh if self.mode == "RNN_TANH" else T.rnn_relu
        return self._forward_one_state(function, "RNN", "tensor ", input, hx)


class GRU(RNNBase):
    """r, z = σ(W x_t + U h_{t-1} + b); n = tanh(W_n x_t + b_n + r (U_n h_{t-1} + c_n)); h_t = (1 - z) n + z h_{t-1}.

    Arguments, shapes and errors as for ``RNN``; each weight holds the rows of r, z and n in this order.
    Source: Cho et al., 2014, with the reset gate after the product.

    >>> import rustorch as torch
    >>> out, last = torch.nn.GRU(3, 4, 2, bidirectional=True)(torch.ones(5, 2, 3))
    >>> out.shape, last.shape
    (torch.Size([5, 2, 8]), torch.Size([4, 2, 4]))
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        *,
        proj_size=None,
        device=None,
        dtype=None,
    ):
        if proj_size is not None:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        like = {"device": device, "dtype": dtype}
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, **like
        )  # fmt: skip

    def forward(self, input, hx=None):
        return self._forward_one_state(T.gru, "GRU", "", input, hx)


class LSTM(RNNBase):
    """i, f, g, o = W x_t + U h_{t-1} + b; c_t = σ(f) c_{t-1} + σ(i) tanh(g); h_t = σ(o) tanh(c_t).

    Arguments, shapes and errors as for ``RNN``, besides: the state is the pair (h, c); ``proj_size`` P > 0 makes
    outputs and h W_hr h_t, of size P. Each weight holds the rows of i, f, g and o in this order.
    Source: Hochreiter and Schmidhuber, 1997; Sak et al., 2014.

    >>> import rustorch as torch
    >>> out, (h, c) = torch.nn.LSTM(3, 4, batch_first=True, proj_size=2)(torch.ones(2, 5, 3))
    >>> out.shape, h.shape, c.shape
    (torch.Size([2, 5, 2]), torch.Size([1, 2, 2]), torch.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def get_expected_cell_size(self, input, batch_sizes):
        """The shape of the state c: (layers · directions, N, H)."""
        return self.num_layers * self._directions, self._batch_size(input, batch_sizes), self.hidden_size

    def check_forward_args(self, input, hidden, batch_sizes):
        """Check the input and both states."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], expected, "Expected hidden[0] size {}, got {}")
        expected = self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[1], expected, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx, permutation):
        """Both states with the sequences in another order."""
        return tuple(super(LSTM, self).permute_hidden(h, permutation) for h in hx)

    def _first(self, input, hx, batch_sizes):
        if hx is not None:
            return hx
        sizes = self.proj_size or self.hidden_size, self.hidden_size
        return tuple(self._zeros(input, batch_sizes, n) for n in sizes)

    def forward(self, input, hx=None):
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, back = input
            hx = self._first(data, hx if hx is None else self.permute_hidden(hx, order), batch_sizes)
            self.check_forward_args(data, hx, batch_sizes)
            out, *hidden = self._run(T.lstm, data, hx, batch_sizes)
            return PackedSequence(out, batch_sizes, order, back), self.permute_hidden(hidden, back)
        batched = self._check_rank(input, "LSTM")
        if hx is not None and not hx[0].ndim == hx[1].ndim == input.ndim:
            kind = "batched 3-D input, hx and cx should also be 3-D" if batched else (
                "unbatched 2-D input, hx and cx should also be 2-D")  # fmt: skip
            raise RuntimeError(f"For {kind} but got ({hx[0].ndim}-D, {hx[1].ndim}-D) tensors")
        axis = 0 if self.batch_first else 1
        if not batched:
            input, hx = input.unsqueeze(axis), None if hx is None else tuple(h.unsqueeze(1) for h in hx)
        hx = self._first(input, hx, None)
        self.check_forward_args(input, hx, None)
        out, h, c = self._run(T.lstm, input, hx, None)
        return (out, (h, c)) if batched else (out.squeeze(axis), (h.squeeze(1), c.squeeze(1)))
