"""What L-BFGS is made of: its memory of curvature and its line search."""
