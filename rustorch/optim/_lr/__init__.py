"""The learning-rate schedulers behind ``optim.lr_scheduler``, by family."""
