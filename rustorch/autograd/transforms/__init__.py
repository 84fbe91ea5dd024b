"""Transforms of recorded functions: reverse and forward mode, batches, Jacobians. Public as ``rustorch.func``."""
