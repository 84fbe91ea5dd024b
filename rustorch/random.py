"""The default generator: seed it, save and restore its position."""

from rustorch.eager.generator import default_generator as default_generator
from rustorch.eager.generator import fork_rng as fork_rng
from rustorch.eager.generator import get_rng_state as get_rng_state
from rustorch.eager.generator import initial_seed as initial_seed
from rustorch.eager.generator import manual_seed as manual_seed
from rustorch.eager.generator import seed as seed
from rustorch.eager.generator import set_rng_state as set_rng_state
