"""The backward pass as a derivation, step by step and path by path."""
