"""`torch.linalg`: nothing of it is asked for."""
