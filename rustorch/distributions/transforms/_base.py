"""``Transform``, its inverse, and transforms made of transforms: ``ComposeTransform``, ``IndependentTransform``."""

from weakref import ref

from rustorch.distributions import constraints
from rustorch.distributions.utils import sum_rightmost
from rustorch.eager import ops as T
from rustorch.errors import ArgumentValueError


class Transform:
    """A map between sets of values, with the log of its Jacobian determinant.

    A subclass states ``domain`` and ``codomain`` (constraints), ``bijective``, and defines ``_call(x)``,
    ``_inverse(y)`` and ``log_abs_det_jacobian(x, y)``. ``cache_size=1`` keeps the last pair of values: an inverse
    then gives exactly the tensor that went in.

    >>> import rustorch as torch
    >>> t = torch.distributions.ExpTransform()
    >>> t(torch.tensor(0.0)), t.inv(torch.tensor(1.0))
    (tensor(1.), tensor(0.))
    """

    bijective = False
    domain: constraints.Constraint
    codomain: constraints.Constraint

    def __init__(self, cache_size: int = 0):
        if cache_size not in (0, 1):
            raise ArgumentValueError("cache_size must be 0 or 1")
        self._cache_size = cache_size
        self._inv = None
        self._cached_x_y = (None, None)
        super().__init__()

    def __getstate__(self):
        state = self.__dict__.copy()
        state["_inv"] = None
        return state

    @property
    def event_dim(self):
        """Dimensions of an event on both sides.

        Errors: ``ValueError`` if they differ: then ask ``domain`` and ``codomain``.
        """
        if self.domain.event_dim == self.codomain.event_dim:
            return self.domain.event_dim
        raise ArgumentValueError("Please use either .domain.event_dim or .codomain.event_dim")

    @property
    def inv(self):
        """The inverse transform."""
        inverse = None if self._inv is None else self._inv()
        if inverse is None:
            inverse = _InverseTransform(self)
            self._inv = ref(inverse)
        return inverse

    @property
    def sign(self):
        """+1 or -1: does it rise or fall?"""
        raise NotImplementedError

    def with_cache(self, cache_size: int = 1):
        """The same transform with another ``cache_size``."""
        if self._cache_size == cache_size:
            return self
        if type(self).__init__ is Transform.__init__:
            return type(self)(cache_size=cache_size)
        raise NotImplementedError(f"{type(self)}.with_cache is not implemented")

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return not self.__eq__(other)

    def __call__(self, x):
        """The image of ``x``."""
        return self._cached(x, 0, self._call)

    def _inv_call(self, y):
        return self._cached(y, 1, self._inverse)

    def _cached(self, given, side: int, compute):
        """``compute(given)``, unless ``given`` is that side of the pair that was computed last."""
        if self._cache_size == 0:
            return compute(given)
        if given is self._cached_x_y[side]:
            return self._cached_x_y[1 - side]
        found = compute(given)
        self._cached_x_y = (found, given) if side else (given, found)
        return found

    def _call(self, x):
        raise NotImplementedError

    def _inverse(self, y):
        raise NotImplementedError

    def log_abs_det_jacobian(self, x, y):
        """log |det dy/dx| for ``y = self(x)``, one number per event."""
        raise NotImplementedError

    def __repr__(self):
        return type(self).__name__ + "()"

    def forward_shape(self, shape):
        """The shape of the image of a tensor of ``shape``."""
        return shape

    def inverse_shape(self, shape):
        """The shape of what gives an image of ``shape``."""
        return shape


class _InverseTransform(Transform):
    """The inverse of a transform; they share one cache."""

    def __init__(self, transform):
        super().__init__(cache_size=transform._cache_size)
        self._inv = transform

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        """The codomain of what it inverts."""
        return self._inv.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        """The domain of what it inverts."""
        return self._inv.domain

    @property
    def bijective(self):
        """As what it inverts."""
        return self._inv.bijective

    @property
    def sign(self):
        """As what it inverts."""
        return self._inv.sign

    @property
    def inv(self):
        """What it inverts."""
        return self._inv

    def __getstate__(self):
        return self.__dict__.copy()

    def with_cache(self, cache_size: int = 1):
        """The same inverse with another ``cache_size``."""
        return self.inv.with_cache(cache_size).inv

    def __eq__(self, other):
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    def __repr__(self):
        return f"{type(self).__name__}({self._inv!r})"

    def __call__(self, x):
        """What gives ``x``."""
        return self._inv._inv_call(x)

    def log_abs_det_jacobian(self, x, y):
        """Minus that of what it inverts."""
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape):
        """The other's ``inverse_shape``."""
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape):
        """The other's ``forward_shape``."""
        return self._inv.forward_shape(shape)


class ComposeTransform(Transform):
    """Transforms one after the other, the first of ``parts`` first.

    >>> import rustorch as torch
    >>> D = torch.distributions
    >>> D.ComposeTransform([D.ExpTransform(), D.AffineTransform(1.0, 2.0)])(torch.tensor(0.0))
    tensor(3.)
    """

    def __init__(self, parts, cache_size: int = 0):
        if cache_size:
            parts = [p.with_cache(cache_size) for p in parts]
        super().__init__(cache_size=cache_size)
        self.parts = parts

    def __eq__(self, other):
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        """The first part's, over as many dimensions as any later part needs."""
        if not self.parts:
            return constraints.real
        dim = self.parts[-1].codomain.event_dim
        for p in reversed(self.parts):
            dim = max(dim + p.domain.event_dim - p.codomain.event_dim, p.domain.event_dim)
        return _over(self.parts[0].domain, dim)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        """The last part's, over as many dimensions as any earlier part makes."""
        if not self.parts:
            return constraints.real
        dim = self.parts[0].domain.event_dim
        for p in self.parts:
            dim = max(dim + p.codomain.event_dim - p.domain.event_dim, p.codomain.event_dim)
        return _over(self.parts[-1].codomain, dim)

    @property
    def bijective(self):
        """Are all parts?"""
        return all(p.bijective for p in self.parts)

    @property
    def sign(self):
        """The product of the parts' signs."""
        sign = 1
        for p in self.parts:
            sign = sign * p.sign
        return sign

    @property
    def inv(self):
        """The inverses in the other order."""
        inverse = None if self._inv is None else self._inv()
        if inverse is None:
            inverse = ComposeTransform([p.inv for p in reversed(self.parts)])
            self._inv, inverse._inv = ref(inverse), lambda: self  # the inverse keeps its origin, not the reverse
        return inverse

    def with_cache(self, cache_size: int = 1):
        """The same composition with another ``cache_size``."""
        return self if self._cache_size == cache_size else ComposeTransform(self.parts, cache_size=cache_size)

    def __call__(self, x):
        """All parts applied."""
        for p in self.parts:
            x = p(x)
        return x

    def log_abs_det_jacobian(self, x, y):
        """The sum over the parts."""
        if not self.parts:
            return T.zeros_like(x)
        values = [x]
        for p in self.parts[:-1]:
            values.append(p(values[-1]))
        values.append(y)
        total, dim = 0, self.domain.event_dim
        for p, x, y in zip(self.parts, values, values[1:]):
            total = total + sum_rightmost(p.log_abs_det_jacobian(x, y), dim - p.domain.event_dim)
            dim += p.codomain.event_dim - p.domain.event_dim
        return total

    def forward_shape(self, shape):
        """Through all parts."""
        for p in self.parts:
            shape = p.forward_shape(shape)
        return shape

    def inverse_shape(self, shape):
        """Back through all parts."""
        for p in reversed(self.parts):
            shape = p.inverse_shape(shape)
        return shape

    def __repr__(self):
        return type(self).__name__ + "(\n    " + ",\n    ".join(repr(p) for p in self.parts) + "\n)"


def _over(constraint, dim: int):
    """The constraint over events of ``dim`` dimensions."""
    extra = dim - constraint.event_dim
    return constraints.independent(constraint, extra) if extra > 0 else constraint


class IndependentTransform(Transform):
    """A transform whose rightmost batch dimensions belong to the event: its Jacobian is summed over them.

    >>> import rustorch as torch
    >>> t = torch.distributions.IndependentTransform(torch.distributions.ExpTransform(), 1)
    >>> x = torch.tensor([1.0, 2.0])
    >>> t.log_abs_det_jacobian(x, t(x))
    tensor(3.)
    """

    def __init__(self, base_transform, reinterpreted_batch_ndims: int, cache_size: int = 0):
        super().__init__(cache_size=cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def with_cache(self, cache_size: int = 1):
        """The same transform with another ``cache_size``."""
        if self._cache_size == cache_size:
            return self
        return IndependentTransform(self.base_transform, self.reinterpreted_batch_ndims, cache_size=cache_size)

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        """The base's, over more dimensions."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        """The base's, over more dimensions."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self):
        """As the base."""
        return self.base_transform.bijective

    @property
    def sign(self):
        """As the base."""
        return self.base_transform.sign

    def _call(self, x):
        if x.dim() < self.domain.event_dim:
            raise ArgumentValueError("Too few dimensions on input")
        return self.base_transform(x)

    def _inverse(self, y):
        if y.dim() < self.codomain.event_dim:
            raise ArgumentValueError("Too few dimensions on input")
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x, y):
        """The base's, summed over the dimensions."""
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"

    def forward_shape(self, shape):
        """As the base."""
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape):
        """As the base."""
        return self.base_transform.inverse_shape(shape)


identity_transform = ComposeTransform([])
