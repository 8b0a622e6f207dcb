"""Vision transformers with the parameter names of torchvision, timm and Hugging Face, in small."""

import torch
from torch import nn
from torch.nn import functional

PATCH = 2


def tokens_of(patches):
    """(batch, width, rows, columns) → (batch, tokens, width)."""
    return patches.flatten(2).mT


def attend(query, key, value, heads, *, is_causal=False):
    """Attention of several heads of (batch, tokens, width)."""
    query, key, value = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    return functional.scaled_dot_product_attention(query, key, value, is_causal=is_causal).transpose(1, 2).flatten(2)


class TorchvisionBlock(nn.Module):
    """An encoder block."""

    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.ln_2 = (nn.LayerNorm(width, 1e-6) for _ in range(2))
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 12), nn.GELU(), nn.Dropout(0.0), nn.Linear(12, width))

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class TorchvisionEncoder(nn.Module):
    """Positions, blocks, a norm."""

    def __init__(self, width, heads, tokens):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, tokens, width))
        self.layers = nn.Sequential()
        for number in range(2):
            self.layers.add_module(f"encoder_layer_{number}", TorchvisionBlock(width, heads))
        self.ln = nn.LayerNorm(width, 1e-6)

    def forward(self, x):
        return self.ln(self.layers(x + self.pos_embedding))


class TorchvisionViT(nn.Module):
    """VisionTransformer."""

    def __init__(self, width=8, heads=2, patches=9):
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.conv_proj = nn.Conv2d(3, width, PATCH, PATCH)
        self.encoder = TorchvisionEncoder(width, heads, patches + 1)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(width, 4))

    def forward(self, x):
        x = tokens_of(self.conv_proj(x))
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
        return self.heads(self.encoder(x)[:, 0])


class TimmAttention(nn.Module):
    """Attention with one Linear for queries, keys and values."""

    def __init__(self, width, heads, bias):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width, bias=bias), nn.Linear(width, width)

    def forward(self, x):
        return self.proj(attend(*self.qkv(x).chunk(3, dim=2), self.heads))


class TimmMlp(nn.Module):
    """Two layers."""

    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 10), nn.Linear(10, width)

    def forward(self, x):
        return self.fc2(functional.gelu(self.fc1(x)))


class Scale(nn.Module):
    """A factor for each channel."""

    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.gamma


class TimmBlock(nn.Module):
    """A block, maybe with layer scale."""

    def __init__(self, width, heads, is_scaled, bias):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, 1e-6), TimmAttention(width, heads, bias)
        self.norm2, self.mlp = nn.LayerNorm(width, 1e-6), TimmMlp(width)
        self.ls1, self.ls2 = ((Scale(width) if is_scaled else nn.Identity()) for _ in range(2))

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class TimmViT(nn.Module):
    """VisionTransformer of timm.

    `pooling` is "token", "mean" (with fc_norm) or "mean_of_all" (no class token, the norm before the mean).
    """

    def __init__(self, *, pooling="token", registers=0, is_for_patches=False, is_scaled=False, bias=True, width=8):
        super().__init__()
        self.pooling, self.is_for_patches, patches = pooling, is_for_patches, 9
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, width, PATCH, PATCH)
        extra = 0
        if pooling != "mean_of_all":
            self.cls_token, extra = nn.Parameter(torch.zeros(1, 1, width)), 1 + registers
        if registers:
            self.reg_token = nn.Parameter(torch.zeros(1, registers, width))
        self.extra = extra
        self.pos_embed = nn.Parameter(torch.zeros(1, patches + (0 if is_for_patches else extra), width))
        self.blocks = nn.Sequential(*(TimmBlock(width, 2, is_scaled, bias) for _ in range(2)))
        norm = nn.LayerNorm(width, 1e-6)
        if pooling == "mean":
            self.fc_norm = norm
        else:
            self.norm = norm
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        x = tokens_of(self.patch_embed.proj(x))
        x = x + self.pos_embed if self.is_for_patches else x
        own = [getattr(self, name).expand(len(x), -1, -1) for name in ("cls_token", "reg_token") if hasattr(self, name)]
        x = torch.cat([*own, x], dim=1)
        x = self.blocks(x if self.is_for_patches else x + self.pos_embed)
        if self.pooling == "mean":
            return self.head(self.fc_norm(x[:, self.extra :].mean(dim=1)))
        x = self.norm(x)
        return self.head(x[:, 0] if self.pooling == "token" else x.mean(dim=1))


def dense(n_in, n_out):
    """A module with a Linear called dense."""
    return nn.ModuleDict({"dense": nn.Linear(n_in, n_out)})


class HuggingFaceLayer(nn.Module):
    """ViTLayer."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        own = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.attention = nn.ModuleDict({"attention": own, "output": dense(width, width)})
        self.intermediate, self.output = dense(width, 12), dense(12, width)
        self.layernorm_before, self.layernorm_after = (nn.LayerNorm(width, 1e-12) for _ in range(2))

    def forward(self, x):
        own, y = self.attention["attention"], self.layernorm_before(x)
        y = attend(own["query"](y), own["key"](y), own["value"](y), self.heads)
        x = x + self.attention["output"]["dense"](y)
        y = functional.gelu(self.intermediate["dense"](self.layernorm_after(x)))
        return x + self.output["dense"](y)


class HuggingFaceViT(nn.Module):
    """ViTModel with its pooler."""

    def __init__(self, width=8, heads=2, patches=9, *, is_pooled=True):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.embeddings.position_embeddings = nn.Parameter(torch.zeros(1, patches + 1, width))
        self.embeddings.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(3, width, PATCH, PATCH)})
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(HuggingFaceLayer(width, heads) for _ in range(2))})
        self.layernorm = nn.LayerNorm(width, 1e-12)
        if is_pooled:
            self.pooler = dense(width, width)

    def forward(self, x):
        x = tokens_of(self.embeddings.patch_embeddings["projection"](x))
        x = torch.cat([self.embeddings.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = x + self.embeddings.position_embeddings
        for layer in self.encoder["layer"]:
            x = layer(x)
        x = self.layernorm(x)
        return (x.mT, torch.tanh(self.pooler["dense"](x[:, 0]))) if hasattr(self, "pooler") else x


class HuggingFaceClassifier(nn.Module):
    """ViTForImageClassification."""

    def __init__(self):
        super().__init__()
        self.vit, self.classifier = HuggingFaceViT(is_pooled=False), nn.Linear(8, 4)

    def forward(self, x):
        return self.classifier(self.vit(x)[:, 0])
