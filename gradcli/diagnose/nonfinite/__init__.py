"""Values and gradients that are nan or infinite."""
