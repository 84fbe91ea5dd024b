"""Optimizers: one file per method; a step is one node whatever the number of parameters."""

from rustorch.optim import lr_scheduler as lr_scheduler, swa_utils as swa_utils
from rustorch.optim._optax import from_optax as from_optax, to_optax as to_optax
from rustorch.optim.adadelta import Adadelta as Adadelta
from rustorch.optim.adafactor import Adafactor as Adafactor
from rustorch.optim.adagrad import Adagrad as Adagrad
from rustorch.optim.adam import Adam as Adam
from rustorch.optim.adamax import Adamax as Adamax
from rustorch.optim.adamw import AdamW as AdamW
from rustorch.optim.asgd import ASGD as ASGD
from rustorch.optim.lbfgs import LBFGS as LBFGS
from rustorch.optim.muon import Muon as Muon
from rustorch.optim.nadam import NAdam as NAdam
from rustorch.optim.optimizer import Optimizer as Optimizer
from rustorch.optim.radam import RAdam as RAdam
from rustorch.optim.rmsprop import RMSprop as RMSprop
from rustorch.optim.rprop import Rprop as Rprop
from rustorch.optim.sgd import SGD as SGD
from rustorch.optim.sparse_adam import SparseAdam as SparseAdam

AdaGrad = Adagrad  # another spelling
