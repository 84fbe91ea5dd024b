"""Learning-rate schedules, under PyTorch's names."""

from rustorch.optim._lr.base import LRScheduler as LRScheduler
from rustorch.optim._lr.combine import (
    ChainedScheduler as ChainedScheduler,
)
from rustorch.optim._lr.combine import (
    SequentialLR as SequentialLR,
)
from rustorch.optim._lr.cosine import (
    CosineAnnealingLR as CosineAnnealingLR,
)
from rustorch.optim._lr.cosine import (
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
)
from rustorch.optim._lr.cycle import CyclicLR as CyclicLR
from rustorch.optim._lr.cycle import OneCycleLR as OneCycleLR
from rustorch.optim._lr.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from rustorch.optim._lr.scaling import (
    ConstantLR as ConstantLR,
)
from rustorch.optim._lr.scaling import (
    ExponentialLR as ExponentialLR,
)
from rustorch.optim._lr.scaling import (
    LambdaLR as LambdaLR,
)
from rustorch.optim._lr.scaling import (
    LinearLR as LinearLR,
)
from rustorch.optim._lr.scaling import (
    MultiplicativeLR as MultiplicativeLR,
)
from rustorch.optim._lr.scaling import (
    MultiStepLR as MultiStepLR,
)
from rustorch.optim._lr.scaling import (
    PolynomialLR as PolynomialLR,
)
from rustorch.optim._lr.scaling import (
    StepLR as StepLR,
)

_LRScheduler = LRScheduler  # the name before 2.0
