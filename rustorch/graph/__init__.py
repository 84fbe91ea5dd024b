"""The graph: immutable nodes that say what to compute. Pure data, no JAX."""

from rustorch.graph.aval import Aval as Aval
from rustorch.graph.aval import aval as aval
from rustorch.graph.node import FREED as FREED
from rustorch.graph.node import NO_TAPE as NO_TAPE
from rustorch.graph.node import ON_TAPE as ON_TAPE
from rustorch.graph.node import Meta as Meta
from rustorch.graph.node import Node as Node
from rustorch.graph.node import Sig as Sig
