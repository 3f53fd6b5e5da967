"""The same file in PyTorch and in JAX, beside what gradcli finds."""
