"""``Generator``: a key and a counter. A draw is a pure function of both, so it can be replayed.

The key is a tensor (an input of every program that draws), the counter a runtime number: a new
seed or the next draw never compiles anew.
"""

from __future__ import annotations

import secrets
import threading
import warnings
from contextlib import contextmanager

import numpy as np

from rustorch.devices import Device
from rustorch.eager.recorder import from_host, value_of
from rustorch.eager.state import local
from rustorch.eager.tensor import Tensor
from rustorch.errors import RustorchRuntimeError
from rustorch.lowering.placement import canonical

_MASK = (1 << 64) - 1
_DEFAULT_SEED = 67280421310721  # what PyTorch starts from


class Generator:
    """A source of random numbers with a seed and a position.

    Example:
        >>> import rustorch
        >>> g = rustorch.Generator().manual_seed(1)
        >>> g.initial_seed()
        1
    """

    def __init__(self, device="cpu"):
        self._device = Device(device)
        self._lock = threading.Lock()
        self._keys: dict = {}
        self._seed = _DEFAULT_SEED
        self.counter = 0

    @property
    def device(self) -> Device:
        """The device whose draws this generator serves."""
        return self._device

    @property
    def key(self) -> Tensor:
        """The key as a uint32 tensor of two words."""
        return self.key_on(canonical(self._device))

    def key_on(self, device: Device) -> Tensor:
        """The key as a tensor on ``device``."""
        key = self._keys.get(device)
        if key is None:
            words = np.array([self._seed & 0xFFFFFFFF, self._seed >> 32], np.uint32)
            key = self._keys[device] = from_host(words, device)
        return key

    def draw(self, device: Device) -> tuple[Tensor, int]:
        """The key and the counter of one draw; the counter moves on."""
        with self._lock:
            counter = self.counter
            self.counter = counter + 1
        key = self.key_on(device)
        if local.recorder is not None:
            local.recorder.drew(self, key, counter, device)
        return key, counter

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``."""
        seed = int(seed)
        if not -(1 << 63) <= seed <= _MASK:
            raise RustorchRuntimeError(f"Overflow when unpacking long long. Received: seed {seed}")
        with self._lock:
            self._seed, self._keys, self.counter = seed & _MASK, {}, 0
        return self

    def seed(self) -> int:
        """Start again from a seed that the system gives; returns it."""
        seed = secrets.randbits(63)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed this generator started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """Seed and position as a tensor of bytes."""
        return from_host(
            np.frombuffer(np.array([self._seed, self.counter], np.uint64).tobytes(), np.uint8).copy(), Device("cpu")
        )

    def set_state(self, new_state: Tensor) -> Generator:
        """Go to a position that ``get_state`` returned.

        Raises:
            RuntimeError: not such a tensor.
        """
        if not isinstance(new_state, Tensor) or new_state.dtype.name != "uint8":
            raise TypeError("expected a torch.ByteTensor")
        data = np.asarray(value_of(new_state))
        if data.size != 16:
            raise RustorchRuntimeError(f"RNG state is wrong size: a rustorch state has 16 bytes. Received: {data.size}")
        seed, counter = np.frombuffer(data.tobytes(), np.uint64)
        with self._lock:
            if int(seed) != self._seed:
                self._seed, self._keys = int(seed), {}
            self.counter = int(counter)
        return self

    def clone_state(self) -> Generator:
        """Another generator at the same position."""
        other = Generator(self._device)
        other._seed, other.counter = self._seed, self.counter
        return other

    def __reduce__(self):
        return _rebuild, (str(self._device), self._seed, self.counter)

    def __repr__(self) -> str:
        return f"<torch.Generator device={self._device} seed={self._seed} counter={self.counter}>"


def _rebuild(device, seed, counter):
    g = Generator(device)
    g._seed, g.counter = seed, counter
    return g


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, which serves all devices."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the system; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's seed and position."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Put the default generator where ``get_rng_state`` found it."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices=None, enabled=True, device_type="cuda", **_names):
    """Draws inside leave the default generator as it was."""
    if not enabled:
        yield
        return
    if _names:
        warnings.warn(f"fork_rng: ignored {', '.join(_names)}", stacklevel=3)
    g = default_generator
    before = (g._seed, g._keys, g.counter)
    try:
        yield
    finally:
        g._seed, g._keys, g.counter = before
