"""The graph: immutable nodes that say what to compute. Pure data, no JAX."""

from rustorch.graph.aval import Aval as Aval, aval as aval
from rustorch.graph.node import (
    FREED as FREED,
    NO_TAPE as NO_TAPE,
    ON_TAPE as ON_TAPE,
    Meta as Meta,
    Node as Node,
    Sig as Sig,
)
