"""Learning-rate schedules, under PyTorch's names."""

from rustorch.optim._lr.base import LRScheduler as LRScheduler
from rustorch.optim._lr.combine import (
    ChainedScheduler as ChainedScheduler,
    SequentialLR as SequentialLR,
)
from rustorch.optim._lr.cosine import (
    CosineAnnealingLR as CosineAnnealingLR,
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
)
from rustorch.optim._lr.cycle import CyclicLR as CyclicLR, OneCycleLR as OneCycleLR
from rustorch.optim._lr.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from rustorch.optim._lr.scaling import (
    ConstantLR as ConstantLR,
    ExponentialLR as ExponentialLR,
    LambdaLR as LambdaLR,
    LinearLR as LinearLR,
    MultiplicativeLR as MultiplicativeLR,
    MultiStepLR as MultiStepLR,
    PolynomialLR as PolynomialLR,
    StepLR as StepLR,
)

_LRScheduler = LRScheduler  # the name before 2.0
