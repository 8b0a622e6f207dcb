"""GPT-2 with the names and layouts of Hugging Face, and nanoGPT, in small."""

import torch
from torch import nn
from torch.nn import functional


class Conv1D(nn.Module):
    """A Linear whose weight stands as inputs × outputs."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(inputs, outputs)), nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class Attention(nn.Module):
    """Causal attention of several heads."""

    def __init__(self, width, heads, make, mask=None):
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = make(width, 3 * width), make(width, width)
        if mask is not None:
            self.register_buffer("bias", mask)

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = (
            part.view(batch, tokens, self.heads, -1).transpose(1, 2) for part in self.c_attn(x).split(width, dim=2)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    """Two layers."""

    def __init__(self, width, make, approximate):
        super().__init__()
        self.c_fc, self.c_proj, self.approximate = make(width, 2 * width), make(2 * width, width), approximate

    def forward(self, x):
        return self.c_proj(functional.gelu(self.c_fc(x), approximate=self.approximate))


class Block(nn.Module):
    """Attention and an MLP, the norms first."""

    def __init__(self, width, heads, make, approximate, mask):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width), Attention(width, heads, make, mask)
        self.ln_2, self.mlp = nn.LayerNorm(width), Mlp(width, make, approximate)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    """GPT2LMHeadModel, or GPT of nanoGPT."""

    def __init__(self, *, is_nano=False, is_tied=True, mask=None, width=16, heads=2, depth=2, vocabulary=11, most=9):
        super().__init__()
        make, approximate = (nn.Linear, "none") if is_nano else (Conv1D, "tanh")
        blocks = [Block(width, heads, make, approximate, mask) for _ in range(depth)]
        parts = {"wte": nn.Embedding(vocabulary, width), "wpe": nn.Embedding(most, width)}
        self.transformer = nn.ModuleDict(parts | {"h": nn.ModuleList(blocks), "ln_f": nn.LayerNorm(width)})
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        if is_tied:
            self.lm_head.weight = self.transformer["wte"].weight

    def forward(self, tokens):
        parts = self.transformer
        x = parts["wte"](tokens) + parts["wpe"](torch.arange(tokens.shape[1]))
        for block in parts["h"]:
            x = block(x)
        return self.lm_head(parts["ln_f"](x))
