"""GPT-2 as Hugging Face names it, and nanoGPT."""

from ngcore.networks import Add
from ngcore.upload.schemes.asking import ask_heads, ask_length
from ngcore.upload.schemes.heads import language_head
from ngcore.upload.schemes.layers import (
    activation,
    add_positions,
    embedding,
    fused_attention,
    layer_norm,
    linear,
)
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.scheme import Scheme

HEADS = ("num_attention_heads", "n_head", "num_heads")


def build(plan: Plan, prefix: str) -> tuple[int, ...]:
    """Tokens and positions, blocks of causal attention with the norm first (Radford et al. 2019), a head of tokens.

    Hugging Face keeps its weights as inputs × outputs, nanoGPT as outputs × inputs.
    """
    (vocabulary, width), (most, _) = (plan.shape(f"{prefix}{name}.weight", rank=2) for name in ("wte", "wpe"))
    rows, columns = plan.shape(f"{prefix}h.0.attn.c_attn.weight", rank=2)
    if (rows, columns) not in ((width, 3 * width), (3 * width, width)):
        raise MisfitError(f"the queries, keys and values of shape {(rows, columns)} are not three times {width}")
    is_turned = rows == width
    library = "GPT-2 of Hugging Face" if is_turned else "nanoGPT"
    plan.family = library
    eps = plan.default("eps", 1e-5, of=library, keys=("layer_norm_epsilon",))
    usual = "gelu_tanh" if is_turned else "gelu"
    function = plan.default("activation", usual, of=library, keys=("activation_function",))
    heads, length = ask_heads(plan, width, keys=HEADS), ask_length(plan, most)
    (x,) = plan.read((vocabulary, length))
    x = add_positions(plan, embedding(plan, x, f"{prefix}wte"), f"{prefix}wpe.weight", step=f"{prefix}wpe")
    for number in range(plan.count(f"{prefix}h")):
        name = f"{prefix}h.{number}"
        for mask in ("attn.bias", "attn.masked_bias"):
            plan.set_aside(f"{name}.{mask}", "mask")
        y = layer_norm(plan, x, f"{name}.ln_1", eps=eps)
        y = fused_attention(plan, y, f"{name}.attn.c_attn", heads=heads, is_causal=True, is_turned=is_turned)
        x = plan.step(Add(), x, linear(plan, y, f"{name}.attn.c_proj", is_turned=is_turned))
        y = linear(plan, layer_norm(plan, x, f"{name}.ln_2", eps=eps), f"{name}.mlp.c_fc", is_turned=is_turned)
        y = linear(plan, activation(plan, y, function), f"{name}.mlp.c_proj", is_turned=is_turned)
        x = plan.step(Add(), x, y)
    x = layer_norm(plan, x, f"{prefix}ln_f", eps=eps)
    return (language_head(plan, x, f"{prefix.removesuffix('transformer.')}lm_head", f"{prefix}wte"),)


SCHEMES = (Scheme("GPT-2", ("h.0.attn.c_attn.weight", "wte.weight", "wpe.weight"), build),)
