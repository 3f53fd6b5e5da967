"""Runs of PyTorch programs as files."""
