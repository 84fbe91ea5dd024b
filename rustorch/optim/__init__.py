"""Optimizers: one file per method; a step is one node whatever the number of parameters."""

from rustorch.optim import lr_scheduler as lr_scheduler
from rustorch.optim.adam import Adam as Adam
from rustorch.optim.adamw import AdamW as AdamW
from rustorch.optim.lbfgs import LBFGS as LBFGS
from rustorch.optim.optimizer import Optimizer as Optimizer
from rustorch.optim.sgd import SGD as SGD
from rustorch.optim.sparse_adam import SparseAdam as SparseAdam
