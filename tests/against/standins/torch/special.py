"""`torch.special`: nothing of it is asked for."""
