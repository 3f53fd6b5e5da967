"""PyTorch's own encoder layer, and attention with a mask of padding."""

import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.TransformerEncoder(
    nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True, norm_first=True), 2
)
x = torch.randn(3, 5, 8)
padding = torch.zeros(3, 5, dtype=torch.bool)
padding[1, 3:] = True
y = encoder(x, src_key_padding_mask=padding)
loss = y.pow(2).mean()
loss.backward()
