"""Norms over every dimension but one: what weight normalization divides by."""


def norm_except_dim(weight, dim):
    """‖w‖ for each index along ``dim`` with size 1 elsewhere; of the whole tensor, without dimensions, for -1."""
    if dim == -1:
        return weight.norm(2)
    dim = dim % weight.ndim
    others = [d for d in range(weight.ndim) if d != dim]
    return weight.norm(2, dim=others, keepdim=True) if others else weight.abs()


def scaled(direction, size, dim):
    """The weight that has this direction and these norms."""
    return direction * (size / norm_except_dim(direction, dim))
