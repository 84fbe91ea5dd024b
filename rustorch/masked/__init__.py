"""``torch.masked``: reductions and normalisations that leave masked-out elements aside, and masked tensors."""

from rustorch.masked.filling import output_mask as _output_mask
from rustorch.masked.reductions import (
    amax as amax,
    amin as amin,
    argmax as argmax,
    argmin as argmin,
    logaddexp as logaddexp,
    logsumexp as logsumexp,
    mean as mean,
    median as median,
    norm as norm,
    prod as prod,
    std as std,
    sum as sum,
    var as var,
)
from rustorch.masked.running import (
    cumprod as cumprod,
    cumsum as cumsum,
    log_softmax as log_softmax,
    normalize as normalize,
    softmax as softmax,
    softmin as softmin,
)
