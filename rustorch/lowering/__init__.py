"""The lowering: everything that touches JAX. Its public face is observability."""

from rustorch.lowering.compile import interpret as interpret
from rustorch.lowering.observe import counters as counters, explain as explain
