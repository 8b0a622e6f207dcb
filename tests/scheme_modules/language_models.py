"""BERT and Llama with the parameter names of Hugging Face, in small."""

import torch
from torch import nn
from torch.nn import functional

from scheme_modules.vits import attend, dense

VOCABULARY, WIDTH, HEADS, MOST = 11, 8, 2, 9


def normed(n_in, n_out, eps):
    """A module with a Linear called dense and a norm."""
    return nn.ModuleDict({"dense": nn.Linear(n_in, n_out), "LayerNorm": nn.LayerNorm(n_out, eps)})


class BertLayer(nn.Module):
    """Attention and an MLP, a norm after each."""

    def __init__(self, eps):
        super().__init__()
        own = nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH) for name in ("query", "key", "value")})
        self.attention = nn.ModuleDict({"self": own, "output": normed(WIDTH, WIDTH, eps)})
        self.intermediate, self.output = dense(WIDTH, 12), normed(12, WIDTH, eps)

    def forward(self, x):
        own, output = self.attention["self"], self.attention["output"]
        y = attend(own["query"](x), own["key"](x), own["value"](x), HEADS)
        x = output["LayerNorm"](output["dense"](y) + x)
        y = functional.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](self.output["dense"](y) + x)


class Bert(nn.Module):
    """BertModel or RobertaModel; returns the last states and the pooled one."""

    def __init__(self, *, is_pooled=True, eps=1e-12, first=0):
        super().__init__()
        tables = {"word": VOCABULARY, "position": MOST + first, "token_type": 2}
        self.first = first
        self.embeddings = nn.ModuleDict({f"{name}_embeddings": nn.Embedding(n, WIDTH) for name, n in tables.items()})
        self.embeddings["LayerNorm"] = nn.LayerNorm(WIDTH, eps)
        self.embeddings.register_buffer("position_ids", torch.arange(MOST)[None])
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(BertLayer(eps) for _ in range(2))})
        if is_pooled:
            self.pooler = dense(WIDTH, WIDTH)

    def forward(self, tokens, types):
        tables, places = self.embeddings, torch.arange(tokens.shape[1]) + self.first
        x = tables["word_embeddings"](tokens) + tables["token_type_embeddings"](types)
        x = tables["LayerNorm"](x + tables["position_embeddings"](places))
        for layer in self.encoder["layer"]:
            x = layer(x)
        return (x, torch.tanh(self.pooler["dense"](x[:, 0]))) if hasattr(self, "pooler") else (x, None)


class BertAlone(Bert):
    """BertModel, its results as values are shown."""

    def forward(self, tokens, types):
        x, pooled = super().forward(tokens, types)
        return x.mT, pooled


class BertForPreTraining(nn.Module):
    """Scores of tokens by the table again, and of the next sentence."""

    def __init__(self):
        super().__init__()
        self.bert = Bert()
        transform = normed(WIDTH, WIDTH, 1e-12)
        self.cls = nn.ModuleDict({"predictions": nn.ModuleDict({"transform": transform})})
        predictions = self.cls["predictions"]
        predictions["decoder"] = nn.Linear(WIDTH, VOCABULARY)
        predictions["decoder"].weight = self.bert.embeddings["word_embeddings"].weight
        predictions.register_parameter("bias", predictions["decoder"].bias)
        self.cls["seq_relationship"] = nn.Linear(WIDTH, 2)

    def forward(self, tokens, types):
        x, pooled = self.bert(tokens, types)
        own = self.cls["predictions"]
        y = own["transform"]["LayerNorm"](functional.gelu(own["transform"]["dense"](x)))
        return own["decoder"](y).mT, self.cls["seq_relationship"](pooled)


class BertClassifier(nn.Module):
    """BertForSequenceClassification, or for tokens where it isn't pooled."""

    def __init__(self, *, is_pooled=True):
        super().__init__()
        self.bert, self.classifier = Bert(is_pooled=is_pooled), nn.Linear(WIDTH, 3)

    def forward(self, tokens, types):
        x, pooled = self.bert(tokens, types)
        return self.classifier(x).mT if pooled is None else self.classifier(pooled)


class RobertaClassifier(nn.Module):
    """RobertaForSequenceClassification."""

    def __init__(self):
        super().__init__()
        self.roberta = Bert(is_pooled=False, eps=1e-5, first=2)
        self.classifier = nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH), "out_proj": nn.Linear(WIDTH, 3)})

    def forward(self, tokens, types):
        x, _ = self.roberta(tokens, types)
        return self.classifier["out_proj"](torch.tanh(self.classifier["dense"](x[:, 0])))


class RmsNorm(nn.Module):
    """Division by the root mean square."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * x * (x.square().mean(dim=-1, keepdim=True) + 1e-5).rsqrt()


def rotated(x, head, base):
    """Rotary positions of (batch, tokens, heads · head), tables in float32, halves of a head turned into each other."""
    tokens = x.shape[1]
    frequencies = 1.0 / (base ** (torch.arange(0, head, 2).float() / head))
    angles = torch.cat([torch.arange(tokens).float()[:, None] * frequencies] * 2, dim=1)
    cos, sin = (table.to(x.dtype)[None, :, None] for table in (angles.cos(), angles.sin()))
    heads = x.unflatten(2, (-1, head))
    one, other = heads.chunk(2, dim=3)
    return (heads * cos + torch.cat([-other, one], dim=3) * sin).flatten(2)


class LlamaLayer(nn.Module):
    """Attention with rotary positions and shared keys, a gated MLP, the norms first."""

    def __init__(self, width, heads, kv_heads, bias, base):
        super().__init__()
        self.heads, self.kv_heads, self.head, self.base = heads, kv_heads, width // heads, base
        sizes = {"q": heads, "k": kv_heads, "v": kv_heads}
        own = {f"{name}_proj": nn.Linear(width, count * self.head, bias=bias) for name, count in sizes.items()}
        self.self_attn = nn.ModuleDict(own | {"o_proj": nn.Linear(width, width, bias=False)})
        inner = {f"{name}_proj": nn.Linear(width, 12, bias=False) for name in ("gate", "up")}
        self.mlp = nn.ModuleDict(inner | {"down_proj": nn.Linear(12, width, bias=False)})
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(width), RmsNorm(width)

    def forward(self, x):
        y, own = self.input_layernorm(x), self.self_attn
        q, k = (rotated(own[f"{name}_proj"](y), self.head, self.base) for name in "qk")
        repeats = self.heads // self.kv_heads
        k, v = (
            z.unflatten(2, (self.kv_heads, -1)).repeat_interleave(repeats, dim=2).flatten(2)
            for z in (k, own["v_proj"](y))
        )
        x = x + own["o_proj"](attend(q, k, v, self.heads, is_causal=True))
        y = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](functional.silu(self.mlp["gate_proj"](y)) * self.mlp["up_proj"](y))


class Llama(nn.Module):
    """LlamaForCausalLM; without a head it is tied to the table of tokens."""

    def __init__(self, *, kv_heads=2, has_head=True, bias=False, base=10_000.0, width=16, heads=4):
        super().__init__()
        layers = nn.ModuleList(LlamaLayer(width, heads, kv_heads, bias, base) for _ in range(2))
        parts = {"embed_tokens": nn.Embedding(VOCABULARY, width), "layers": layers, "norm": RmsNorm(width)}
        self.model = nn.ModuleDict(parts)
        if has_head:
            self.lm_head = nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, tokens):
        x = self.model["embed_tokens"](tokens)
        for layer in self.model["layers"]:
            x = layer(x)
        x = self.model["norm"](x)
        return self.lm_head(x) if hasattr(self, "lm_head") else x @ self.model["embed_tokens"].weight.mT
