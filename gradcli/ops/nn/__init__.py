"""What networks are made of: convolutions, pooling, norms, losses, random layers."""
