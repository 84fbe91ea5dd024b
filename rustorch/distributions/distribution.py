"""``Distribution``: the base of all distributions."""

import warnings

from rustorch.autograd import no_grad
from rustorch.distributions import constraints
from rustorch.distributions._look import holds
from rustorch.distributions.utils import is_tensor_like, lazy_property
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError
from rustorch.size import Size


class Distribution:
    """A distribution over events of shape ``event_shape``, one for each index of ``batch_shape``.

    A class states its parameters and their sets in ``arg_constraints``, its ``support``, and in ``_batched`` the
    attributes that are expanded with the batch, with the number of their trailing event dimensions.

    >>> import rustorch as torch
    >>> d = torch.distributions.Normal(torch.zeros(3), 1.0)
    >>> d.batch_shape, d.event_shape, d.sample((2,)).shape
    (torch.Size([3]), torch.Size([]), torch.Size([2, 3]))
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    _batched: dict = {}
    _shared: tuple = ()  # attributes that an expanded copy shares

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Turn the checks of parameters and values on or off for distributions made from now on.

        Errors: ``ValueError`` if ``value`` is not a bool.
        """
        if value not in (True, False):
            raise ArgumentValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()

    def _check_parameters(self) -> None:
        try:
            required = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize "
                "the distribution with `validate_args=False` to turn off validation.",
                stacklevel=4,
            )
            return
        for name, constraint in required.items():
            derived = name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property)
            if constraints.is_dependent(constraint) or derived:
                continue
            value = getattr(self, name)
            if not holds(constraint, value):
                raise ArgumentValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def _get_checked_instance(self, cls, _instance=None):
        """The instance to fill in ``expand``."""
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    def expand(self, batch_shape, _instance=None):
        """The same distribution with its batch broadcast to ``batch_shape``; nothing is copied.

        >>> import rustorch as torch
        >>> torch.distributions.Normal(0.0, 1.0).expand((2, 3))
        Normal(loc: torch.Size([2, 3]), scale: torch.Size([2, 3]))
        """
        owner = next((c for c in type(self).__mro__ if c is not Distribution and "_batched" in vars(c)), None)
        if owner is None:
            raise NotImplementedError
        new = self._get_checked_instance(owner, _instance)
        batch_shape = Size(batch_shape)
        for name, dims in self._batched.items():
            if name in self.__dict__:
                value = self.__dict__[name]
                new.__dict__[name] = value.expand(batch_shape + value.shape[value.ndim - dims :])
        for name in self._shared:
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name]
        return self._finish(new, batch_shape)

    def _finish(self, new, batch_shape):
        """Give an expanded copy its shapes; its parameters have been checked already."""
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def batch_shape(self):
        """The shape over which parameters differ."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of a single event."""
        return self._event_shape

    @property
    def arg_constraints(self):
        """For each parameter's name the set it must lie in."""
        raise NotImplementedError

    @property
    def support(self):
        """The set of possible values."""
        raise NotImplementedError

    @property
    def mean(self):
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self):
        """The most likely value."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self):
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self):
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape=()):
        """Draws of shape ``sample_shape + batch_shape + event_shape``, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draws through which gradients flow to the parameters."""
        raise NotImplementedError

    def sample_n(self, n: int):
        """``n`` draws; deprecated: ``sample((n,))``."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", category=FutureWarning, stacklevel=2
        )
        return self.sample(Size((n,)))

    def log_prob(self, value):
        """The log of the density (or of the probability) at ``value``."""
        raise NotImplementedError

    def cdf(self, value):
        """The probability of at most ``value``."""
        raise NotImplementedError

    def icdf(self, value):
        """The inverse of ``cdf``."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True):
        """All possible values along a new first dimension; with ``expand`` over the batch too."""
        raise NotImplementedError

    def _enumerated(self, values, expand: bool):
        """One-dimensional ``values`` in the shape that ``enumerate_support`` gives."""
        values = values.reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1,) + tuple(self._batch_shape)) if expand else values

    def entropy(self):
        """The entropy, in nats."""
        raise NotImplementedError

    def perplexity(self):
        """The exponential of the entropy."""
        return T.exp(self.entropy())

    def _extended_shape(self, sample_shape=()):
        return Size(Size(sample_shape) + self._batch_shape + self._event_shape)

    def _validate_sample(self, value):
        """Check that ``value`` may be given to ``log_prob`` and the like.

        Errors: ``ValueError`` if it is no tensor, its shape does not fit, or something lies outside the support.
        """
        if not is_tensor_like(value):
            raise ArgumentValueError("The value argument to log_prob must be a Tensor")
        start = value.ndim - len(self._event_shape)
        if value.shape[max(start, 0) :] != self._event_shape:
            raise ArgumentValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        wanted = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.shape), reversed(wanted)):
            if i != 1 and j != 1 and i != j:
                raise ArgumentValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {wanted}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not holds(support, value):
            raise ArgumentValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _checked(self, value) -> None:
        """Check ``value`` if this distribution checks."""
        if self._validate_args:
            self._validate_sample(value)

    def __repr__(self):
        def shown(p):
            return p if p.numel() == 1 else p.size()

        names = [k for k in self.arg_constraints if k in self.__dict__]
        return f"{type(self).__name__}({', '.join(f'{p}: {shown(self.__dict__[p])}' for p in names)})"
