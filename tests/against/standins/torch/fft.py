"""`torch.fft`: nothing of it is asked for."""
