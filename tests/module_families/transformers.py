"""Networks of tokens: mixers and transformers of every kind."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class MixerBlock(nn.Module):
    """An MLP over the tokens, then one over the channels (Tolstikhin et al. 2021)."""

    def __init__(self, tokens: int, dim: int, *, by_convolutions: bool = False) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.by_convolutions = by_convolutions
        make = (lambda a, b: nn.Conv1d(a, b, 1)) if by_convolutions else nn.Linear
        self.mix_tokens = nn.Sequential(make(tokens, 5), nn.GELU(), make(5, tokens))
        self.mix_channels = nn.Sequential(nn.Linear(dim, 7), nn.GELU(), nn.Linear(7, dim))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + (self.mix_tokens(y) if self.by_convolutions else self.mix_tokens(y.transpose(1, 2)).transpose(1, 2))
        return x + self.mix_channels(self.norm2(x))


class Mixer(nn.Module):
    """Patches by a strided convolution, or cut out by a reshape."""

    def __init__(self, *, by_reshape: bool = False, by_convolutions: bool = False) -> None:
        super().__init__()
        self.by_reshape = by_reshape
        self.stem = nn.Linear(12, 6) if by_reshape else nn.Conv2d(3, 6, 2, 2)
        self.blocks = nn.Sequential(*(MixerBlock(9, 6, by_convolutions=by_convolutions) for _ in range(2)))
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        if self.by_reshape:
            b, c, h, w = x.shape
            patches = x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(b, 9, 12)
            x = self.stem(patches)
        else:
            x = self.stem(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(x)).mean(dim=1))


class Attention(nn.Module):
    """Self-attention with one Linear layer for queries, keys and values, fused or written out."""

    def __init__(self, dim: int, heads: int, *, written_out: bool = False, is_causal: bool = False) -> None:
        super().__init__()
        self.heads, self.written_out, self.is_causal = heads, written_out, is_causal
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if self.written_out:
            attention = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1)
            y = self.drop(attention.softmax(dim=-1)) @ v
        else:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=self.is_causal)
        return self.proj(y.transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):
    """Attention and an MLP, each after a norm and with a shortcut."""

    def __init__(self, dim: int, heads: int, *, written_out: bool = False, scale: bool = False) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(dim), Attention(dim, heads, written_out=written_out)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * dim, dim))
        self.ls1 = nn.Parameter(torch.full((dim,), 0.5)) if scale else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.attn(self.norm1(x))
        x = x + (y if self.ls1 is None else y * self.ls1)
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """Patches as tokens (Dosovitskiy et al. 2021); the answer from a class token or the mean."""

    def __init__(self, *, class_token: bool, written_out: bool = False, scale: bool = False) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 8, 4, 4)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 8)) if class_token else None
        self.pos_embed = nn.Parameter(torch.randn(1, 4 + class_token, 8))
        self.blocks = nn.ModuleList(Block(8, 2, written_out=written_out, scale=scale) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        x = x + self.pos_embed
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.head(x[:, 0] if self.cls_token is not None else x.mean(dim=1))


class ViTWithEncoder(nn.Module):
    """A class token and torch's own encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 8, 4, 4)
        self.token, self.positions = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 5, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True, norm_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x)
        x = x.reshape(x.shape[0], 8, 4).permute(0, 2, 1)
        x = torch.cat((self.token.repeat(x.shape[0], 1, 1), x), dim=1) + self.positions
        return self.head(self.encoder(x)[:, 0])


class BertSelfAttention(nn.Module):
    """Separate queries, keys and values; scores divided by √d."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.dense, self.norm, self.heads = nn.Linear(dim, dim), nn.LayerNorm(dim, eps=1e-12), heads

    def split(self, x: Tensor) -> Tensor:
        return x.view(*x.size()[:-1], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.size(-1))
        context = torch.matmul(functional.softmax(scores, dim=-1), v).permute(0, 2, 1, 3).contiguous()
        return self.norm(self.dense(context.view(*x.size())) + x)


class Bert(nn.Module):
    """Words, positions and kinds embedded; layers; a head of the first token (Devlin et al. 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions, self.kinds = nn.Embedding(13, 8), nn.Embedding(10, 8), nn.Embedding(2, 8)
        self.register_buffer("position_ids", torch.arange(10)[None], persistent=False)
        self.norm, self.attention = nn.LayerNorm(8), BertSelfAttention(8, 2)
        self.intermediate, self.output, self.last = nn.Linear(8, 12), nn.Linear(12, 8), nn.LayerNorm(8)
        self.pooler = nn.Linear(8, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        kinds = torch.zeros_like(tokens)
        x = self.words(tokens) + self.positions(self.position_ids[:, : tokens.shape[1]]) + self.kinds(kinds)
        x = self.attention(self.norm(x))
        x = self.last(self.output(functional.gelu(self.intermediate(x))) + x)
        return torch.tanh(self.pooler(x[:, 0]))


class Sinusoidal(nn.Module):
    """Positions as sines and cosines (Vaswani et al. 2017)."""

    def __init__(self, dim: int, length: int) -> None:
        super().__init__()
        angles = torch.arange(length)[:, None] * torch.exp(torch.arange(0, dim, 2) * (-math.log(1e4) / dim))
        table = torch.zeros(1, length, dim)
        table[0, :, 0::2], table[0, :, 1::2] = angles.sin(), angles.cos()
        self.register_buffer("pe", table)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pe[:, : x.size(1)]


class TorchEncoder(nn.Module):
    """nn.TransformerEncoder, batch first or not."""

    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.embed, self.positions, self.batch_first = nn.Embedding(13, 8), Sinusoidal(8, 12), batch_first
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.positions(self.embed(tokens) * math.sqrt(8))
        x = self.encoder(x) if self.batch_first else self.encoder(x.transpose(0, 1)).transpose(0, 1)
        return self.head(x.mean(dim=1))


class CausalSelfAttention(nn.Module):
    """nanoGPT's: fused, or with a triangle of ones as a mask."""

    def __init__(self, dim: int, heads: int, *, masked: bool) -> None:
        super().__init__()
        self.c_attn, self.c_proj, self.heads, self.masked = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim), heads, masked
        if masked:
            self.register_buffer("mask", torch.tril(torch.ones(10, 10)).view(1, 1, 10, 10))

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.size()
        q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in self.c_attn(x).split(c, dim=2))
        if self.masked:
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
            y = functional.softmax(scores, dim=-1) @ v
        else:
            y = functional.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c))


class GPTBlock(nn.Module):
    """Attention and an MLP."""

    def __init__(self, dim: int, attention: nn.Module) -> None:
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(dim, bias=False), attention, nn.LayerNorm(dim)
        self.c_fc, self.gelu, self.c_proj = nn.Linear(dim, 12), nn.GELU("tanh"), nn.Linear(12, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.c_proj(self.gelu(self.c_fc(self.ln_2(x))))


class GPT(nn.Module):
    """Learned positions; the last layer's weights are those of the embedding (Radford et al. 2019)."""

    def __init__(self, *, masked: bool, tied: bool) -> None:
        super().__init__()
        self.wte, self.wpe, self.drop = nn.Embedding(13, 8), nn.Embedding(10, 8), nn.Dropout(0.1)
        self.h = nn.ModuleList(GPTBlock(8, CausalSelfAttention(8, 2, masked=masked)) for _ in range(2))
        self.ln_f, self.lm_head = nn.LayerNorm(8), nn.Linear(8, 13, bias=not tied)
        if tied:
            self.wte.weight = self.lm_head.weight

    def forward(self, tokens: Tensor) -> Tensor:
        positions = torch.arange(0, tokens.shape[1], dtype=torch.long, device=tokens.device)
        x = self.drop(self.wte(tokens) + self.wpe(positions))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def rotate_half(x: Tensor) -> Tensor:
    first, second = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-second, first), dim=-1)


def interleaved(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class RMSNorm(nn.Module):
    """Llama's, written out."""

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


class RotaryAttention(nn.Module):
    """Attention with rotary positions and maybe fewer heads of keys (Su et al. 2021; Ainslie et al. 2023)."""

    def __init__(self, dim: int, heads: int, kv_heads: int, *, style: str = "half", grouping: str = "repeat") -> None:
        super().__init__()
        self.heads, self.kv_heads, self.width = heads, kv_heads, dim // heads
        self.style, self.grouping = style, grouping
        self.q_proj, self.k_proj = nn.Linear(dim, dim, bias=False), nn.Linear(dim, kv_heads * self.width, bias=False)
        self.v_proj, self.o_proj = nn.Linear(dim, kv_heads * self.width, bias=False), nn.Linear(dim, dim, bias=False)
        frequencies = 1.0 / (100.0 ** (torch.arange(0, self.width, 2).float() / self.width))
        self.register_buffer("inv_freq", frequencies, persistent=False)

    def turned(self, x: Tensor) -> Tensor:
        angles = torch.arange(x.shape[2], device=x.device)[:, None] * self.inv_freq[None]
        if self.style == "interleaved":
            return interleaved(x, angles.cos()[None, None], angles.sin()[None, None])
        angles = torch.cat((angles, angles), dim=-1)
        return x * angles.cos() + rotate_half(x) * angles.sin()

    def grouped(self, x: Tensor) -> Tensor:
        if self.grouping == "repeat":
            return x.repeat_interleave(self.heads // self.kv_heads, dim=1)
        b, h, t, d = x.shape
        return x[:, :, None].expand(b, h, self.heads // h, t, d).reshape(b, self.heads, t, d)

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q = self.turned(self.q_proj(x).view(b, t, self.heads, self.width).transpose(1, 2))
        k = self.turned(self.k_proj(x).view(b, t, self.kv_heads, self.width).transpose(1, 2))
        v = self.v_proj(x).view(b, t, self.kv_heads, self.width).transpose(1, 2)
        if self.grouping == "enable_gqa":
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        else:
            y = functional.scaled_dot_product_attention(q, self.grouped(k), self.grouped(v), is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1))


class RotaryGPT(nn.Module):
    """A GPT with rotary instead of learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.block = nn.Embedding(13, 8), GPTBlock(8, RotaryAttention(8, 2, 2, style="interleaved"))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 13)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.block(self.embed(tokens))))


class SwiGLU(nn.Module):
    """silu(gate) · up, then down (Shazeer 2020)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(dim, hidden, bias=False), nn.Linear(dim, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Llama(nn.Module):
    """RMS norms, rotary positions, grouped keys, SwiGLU (Touvron et al. 2023)."""

    def __init__(self, *, grouping: str, built_in_norm: bool = False, style: str = "half") -> None:
        super().__init__()
        norm = (lambda dim: nn.RMSNorm(dim, eps=1e-6)) if built_in_norm else RMSNorm
        self.embed_tokens = nn.Embedding(13, 16)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "input_layernorm": norm(16),
                    "self_attn": RotaryAttention(16, 4, 2, grouping=grouping, style=style),
                    "post_attention_layernorm": norm(16),
                    "mlp": SwiGLU(16, 12),
                }
            )
            for _ in range(2)
        )
        self.norm, self.lm_head = norm(16), nn.Linear(16, 13, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = x + layer["self_attn"](layer["input_layernorm"](x))
            x = x + layer["mlp"](layer["post_attention_layernorm"](x))
        return self.lm_head(self.norm(x))


class Translator(nn.Module):
    """nn.Transformer with embeddings, sines and a head."""

    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.source, self.target, self.batch_first = nn.Embedding(11, 8), nn.Embedding(12, 8), batch_first
        self.positions = Sinusoidal(8, 10)
        self.transformer = nn.Transformer(8, 2, 1, 2, 12, batch_first=batch_first)
        self.head = nn.Linear(8, 12)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1], dtype=self.head.weight.dtype)
        read, written = self.positions(self.source(source)), self.positions(self.target(target))
        if not self.batch_first:
            read, written = read.transpose(0, 1), written.transpose(0, 1)
        x = self.transformer(read, written, tgt_mask=mask, tgt_is_causal=True)
        return self.head(x if self.batch_first else x.transpose(0, 1))


class CrossAttention(nn.Module):
    """A decoder written out, that attends to itself and to what another part has read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Linear(3, 8)
        self.embed = nn.Embedding(12, 8)
        self.itself, self.other = (nn.MultiheadAttention(8, 2, batch_first=True, bias=b) for b in (True, False))
        self.mixed = nn.MultiheadAttention(8, 4, kdim=3, vdim=3, batch_first=True)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 12)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        t = target.shape[1]
        mask = torch.triu(torch.ones(t, t, dtype=torch.bool), diagonal=1)
        x, memory = self.embed(target), self.read(source)
        x = x + self.itself(x, x, x, attn_mask=mask, need_weights=False)[0]
        x = x + self.other(x, memory, memory)[0]
        x = x + self.mixed(x, source, source)[0]
        return self.head(self.norm(x))


def words(count: int, length: int) -> Tensor:
    return torch.randint(count, (2, length))


BUILDERS = {
    "mixer/convolution": lambda: (Mixer(), (torch.randn(2, 3, 6, 6),)),
    "mixer/reshape": lambda: (Mixer(by_reshape=True), (torch.randn(2, 3, 6, 6),)),
    "mixer/token convolutions": lambda: (Mixer(by_convolutions=True), (torch.randn(2, 3, 6, 6),)),
    "vit/class token": lambda: (ViT(class_token=True, scale=True), (torch.randn(2, 3, 8, 8),)),
    "vit/pooled": lambda: (ViT(class_token=False, written_out=True), (torch.randn(2, 3, 8, 8),)),
    "vit/torch encoder": lambda: (ViTWithEncoder(), (torch.randn(2, 3, 8, 8),)),
    "bert/hand-written": lambda: (Bert(), (words(13, 6),)),
    "bert/torch encoder": lambda: (TorchEncoder(batch_first=True), (words(13, 6),)),
    "bert/sequence first": lambda: (TorchEncoder(batch_first=False), (words(13, 6),)),
    "gpt/tied": lambda: (GPT(masked=False, tied=True), (words(13, 6),)),
    "gpt/masked": lambda: (GPT(masked=True, tied=False), (words(13, 6),)),
    "gpt/rotary": lambda: (RotaryGPT(), (words(13, 6),)),
    "llama/repeated keys": lambda: (Llama(grouping="repeat"), (words(13, 6),)),
    "llama/expanded keys": lambda: (Llama(grouping="expand", built_in_norm=True), (words(13, 6),)),
    "llama/grouped attention": lambda: (Llama(grouping="enable_gqa", style="interleaved"), (words(13, 6),)),
    "translator/batch first": lambda: (Translator(batch_first=True), (words(11, 5), words(12, 4))),
    "translator/sequence first": lambda: (Translator(batch_first=False), (words(11, 5), words(12, 4))),
    "translator/cross attention": lambda: (CrossAttention(), (torch.randn(2, 5, 3), words(12, 4))),
}
