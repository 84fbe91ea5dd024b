"""Single steps of recurrent networks."""

import math

from rustorch.eager import ops as T
from rustorch.nn import init
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter


class RNNCellBase(Module):
    """The parameters that the cells share: ``weight_ih`` (gates · H, I), ``weight_hh`` (gates · H, H), two biases.

    >>> import rustorch as torch
    >>> torch.nn.RNNCellBase(3, 4, True, num_chunks=2).weight_ih.shape
    torch.Size([8, 3])
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        like, rows = {"device": device, "dtype": dtype}, num_chunks * hidden_size
        self.weight_ih = Parameter(T.empty((rows, input_size), **like))
        self.weight_hh = Parameter(T.empty((rows, hidden_size), **like))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(T.empty(rows, **like)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new initial values: uniform on ±1/√H."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.__dict__.get("bias", True) is not True:
            text += f", bias={self.bias}"
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _check_rank(self, t, what):
        if t.ndim not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {t.ndim}D instead")

    def _zeros(self, input):
        return T.zeros(input.shape[0], self.hidden_size, dtype=input.dtype, device=input.device)

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _forward_one_state(self, function, input, hx):
        self._check_rank(input, "input")
        if hx is not None:
            self._check_rank(hx, "hidden")
        batched = input.ndim == 2
        if not batched:
            input, hx = input.unsqueeze(0), None if hx is None else hx.unsqueeze(0)
        out = function(input, self._zeros(input) if hx is None else hx, *self._weights())
        return out if batched else out.squeeze(0)


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or max(0, ·) with ``nonlinearity="relu"``.

    Shapes: x (N, I) or (I), h (N, H) or (H), zeros by default → h', as h.
    Errors: ``ValueError`` for another number of dimensions, ``RuntimeError`` for sizes that do not fit.

    >>> import rustorch as torch
    >>> torch.nn.RNNCell(3, 4)(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        function = T.rnn_tanh_cell if self.nonlinearity == "tanh" else T.rnn_relu_cell
        return self._forward_one_state(function, input, hx)


class LSTMCell(RNNCellBase):
    """One step of an ``LSTM``: x (N, I) or (I) and the pair (h, c), zeros by default → the next pair.

    Errors: ``ValueError`` for another number of dimensions, ``RuntimeError`` for sizes that do not fit.

    >>> import rustorch as torch
    >>> [t.shape for t in torch.nn.LSTMCell(3, 4)(torch.ones(2, 3))]
    [torch.Size([2, 4]), torch.Size([2, 4])]
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        self._check_rank(input, "input")
        for i, h in enumerate(hx or ()):
            self._check_rank(h, f"hx[{i}]")
        batched = input.ndim == 2
        if not batched:
            input, hx = input.unsqueeze(0), None if hx is None else tuple(h.unsqueeze(0) for h in hx)
        hx = (self._zeros(input),) * 2 if hx is None else hx
        h, c = T.lstm_cell(input, tuple(hx), *self._weights())
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a ``GRU``: x (N, I) or (I) and h (N, H) or (H), zeros by default → h', as h.

    Errors: ``ValueError`` for another number of dimensions, ``RuntimeError`` for sizes that do not fit.

    >>> import rustorch as torch
    >>> torch.nn.GRUCell(3, 4)(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._forward_one_state(T.gru_cell, input, hx)
