"""Records of programs of JAX."""
