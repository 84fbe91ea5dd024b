"""The lowering: everything that touches JAX. Its public face is observability."""

from rustorch.lowering.compile import interpret as interpret
from rustorch.lowering.observe import counters as counters
from rustorch.lowering.observe import explain as explain
