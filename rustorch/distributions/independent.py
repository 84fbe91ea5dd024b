"""``Independent``."""

from rustorch.distributions import constraints
from rustorch.distributions.distribution import Distribution
from rustorch.distributions.utils import sum_rightmost
from rustorch.errors import ArgumentValueError
from rustorch.size import Size


class Independent(Distribution):
    """A distribution whose rightmost batch dimensions belong to the event.

    Arguments: base_distribution; reinterpreted_batch_ndims: how many dimensions.
    Errors: ``ValueError`` if there are not that many.

    >>> import rustorch as torch
    >>> d = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(3), 1.0), 1)
    >>> d.batch_shape, d.event_shape, d.log_prob(torch.zeros(3))
    (torch.Size([]), torch.Size([3]), tensor(-2.7568))
    """

    arg_constraints: dict = {}
    _batched: dict = {}

    def __init__(self, base_distribution, reinterpreted_batch_ndims: int, validate_args=None):
        n = reinterpreted_batch_ndims
        batch = base_distribution.batch_shape
        if n > len(batch):
            raise ArgumentValueError(
                f"Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual {n} vs {len(batch)}"
            )
        cut = len(batch) - n
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = n
        super().__init__(batch[:cut], batch[cut:] + base_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        """As ``Distribution.expand``."""
        new = self._get_checked_instance(Independent, _instance)
        batch_shape = Size(batch_shape)
        new.base_dist = self.base_dist.expand(batch_shape + self._event_shape[: self.reinterpreted_batch_ndims])
        new.reinterpreted_batch_ndims = self.reinterpreted_batch_ndims
        return self._finish(new, batch_shape)

    @property
    def has_rsample(self):
        """As the base's."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self):
        """As the base's, if nothing is reinterpreted."""
        return False if self.reinterpreted_batch_ndims > 0 else self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self):
        """The base's, over more dimensions."""
        n = self.reinterpreted_batch_ndims
        return constraints.independent(self.base_dist.support, n) if n else self.base_dist.support

    @property
    def mean(self):
        """The base's."""
        return self.base_dist.mean

    @property
    def mode(self):
        """The base's."""
        return self.base_dist.mode

    @property
    def variance(self):
        """The base's."""
        return self.base_dist.variance

    def sample(self, sample_shape=()):
        """The base's draws."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape=()):
        """The base's draws."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value):
        """The sum of the base's over the event."""
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self):
        """The sum of the base's over the event."""
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True):
        """The base's, if nothing is reinterpreted.

        Errors: ``NotImplementedError`` otherwise.
        """
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"
