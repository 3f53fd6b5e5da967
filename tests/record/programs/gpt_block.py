"""A small GPT: embeddings, causal attention by hand, tied weights."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.drop = nn.Dropout(0.1)
        self.register_buffer(
            "mask", torch.tril(torch.ones(length, length)).view(1, 1, length, length)
        )

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.qkv(x).split(C, dim=2)
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in (q, k, v))
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
        att = self.drop(F.softmax(att, dim=-1))
        y = (att @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.proj(y)


class Block(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, length)
        self.ln2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(
            {
                "fc": nn.Linear(width, 4 * width),
                "act": nn.GELU(),
                "proj": nn.Linear(4 * width, width),
            }
        )

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        m = self.mlp
        return x + m["proj"](m["act"](m["fc"](self.ln2(x))))


class GPT(nn.Module):
    def __init__(self, vocabulary=11, width=8, heads=2, length=6, layers=2):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads, length) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.size(1)))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_f(x))


torch.manual_seed(0)
model = GPT()
tokens = torch.randint(0, 11, (2, 7))
logits = model(tokens[:, :-1])
loss = F.cross_entropy(logits.reshape(-1, 11), tokens[:, 1:].reshape(-1))
loss.backward()
