"""A softmax over many classes in two steps: the frequent classes, then clusters of rare ones."""

from collections import namedtuple

from rustorch.eager import ops as T
from rustorch.eager.known import known_values
from rustorch.nn import functional as F
from rustorch.nn.modules.container import ModuleList, Sequential
from rustorch.nn.modules.linear import Linear
from rustorch.nn.modules.module import Module

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """log p(target) where p = p_head(class), or p_head(cluster) · p_cluster(class) for classes behind the first cutoff.

    Arguments:
        in_features: size of an input row; ``n_classes``: how many classes, sorted by falling frequency.
        cutoffs: where the clusters of rarer classes begin, increasing, within 1 … n_classes - 1.
        div_value: cluster i works on in_features / div_valueⁱ⁺¹ features.
        head_bias: has the head a bias?

    Shapes: input (N, in_features) and target (N), or (in_features) and (); results ``output`` (N) or (), the
    targets' log-probabilities, and ``loss`` (), their negative mean.

    Every cluster is computed for every row, as shapes may not depend on values inside a program: the parameters of a
    cluster without targets get zeros as gradients where PyTorch gives none.

    Errors: ``ValueError`` for other cutoffs, ``RuntimeError`` for shapes that do not agree and for targets outside
    the classes (NaN, where their values are not computed yet).

    Source: Grave et al. (2016), "Efficient softmax approximation for GPUs".

    >>> import rustorch as torch
    >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[5, 10])
    >>> output, loss = layer(torch.ones(3, 8), torch.tensor([1, 7, 19]))
    >>> output.shape, loss.shape
    (torch.Size([3]), torch.Size([]))
    """

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None):
        super().__init__()
        like = {"device": device, "dtype": dtype}
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(set(cutoffs))
            or cutoffs[0] <= 0
            or cutoffs[-1] > n_classes - 1
            or any(int(c) != c for c in cutoffs)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where "
                "each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **like)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **like), Linear(width, high - low, bias=False, **like)
                )
            )

    def reset_parameters(self):
        """Draw all weights anew."""
        self.head.reset_parameters()
        for narrow, wide in self.tail:
            narrow.reset_parameters()
            wide.reset_parameters()

    def _check(self, input, target):
        if target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if target.ndim == 1 and input.shape[0] != target.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if input.ndim != target.ndim + 1:
            raise RuntimeError(
                f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, "
                f"but found inputs with size {input.shape}"
            )
        values = known_values(target)
        if values is not None and values.size and not (values.min() >= 0 and values.max() < self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], "
                f"but values in range [{values.min()}, {values.max()}] were found. "
            )

    def forward(self, input_, target_):
        self._check(input_, target_)
        single = target_.ndim == 0
        input, target = (input_.unsqueeze(0), target_.unsqueeze(0)) if single else (input_, target_)
        bounds = [*self.cutoffs[:-1]]
        cluster = sum((target >= bound).to(target.dtype) for bound in bounds)
        in_head = T.where(cluster == 0, target, self.shortlist_size + cluster - 1).clamp(0, self.head_size - 1)
        output = F.log_softmax(self.head(input), dim=1).gather(1, in_head.unsqueeze(1)).squeeze(1)
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            inside = (target - low).clamp(0, high - low - 1)
            found = F.log_softmax(self.tail[i](input), dim=1).gather(1, inside.unsqueeze(1)).squeeze(1)
            output = output + T.where(cluster == i + 1, found, 0.0)
        output = T.where((target >= 0) & (target < self.n_classes), output, float("nan"))
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if single else output, loss)

    def log_prob(self, input):
        """Log-probabilities of all classes: (N, in_features) → (N, n_classes)."""
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            parts.append(F.log_softmax(tail(input), dim=1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return T.cat(parts, 1)

    def predict(self, input):
        """The most probable class of each row; where the head prefers no cluster, it decides: (N, in_features) → (N)."""
        head = self.head(input)
        best = head.argmax(1)
        return T.where(best < self.shortlist_size, best, self.log_prob(input).argmax(1))
