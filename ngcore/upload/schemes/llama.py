"""Llama and its relatives (Mistral, Qwen2, TinyLlama) as Hugging Face names them."""

import math

import torch

from ngcore.errors import UnsupportedNetworkError
from ngcore.networks import Attend, Multiply, Rotary
from ngcore.upload.schemes.asking import ask_length
from ngcore.upload.schemes.heads import language_head
from ngcore.upload.schemes.layers import activation, embedding, linear, residual, rms_norm
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.scheme import Scheme

LARGE = 3_072  # channels from which on heads mostly have 128 of them rather than 64

MAX_HEAD = 1_024  # channels of a head, by which tables of rotary positions grow


def build(plan: Plan, prefix: str) -> tuple[int, ...]:
    """Tokens, blocks of causal attention with rotary positions and a gated MLP, RMS norms first, a head of tokens."""
    vocabulary, width = plan.shape(f"{prefix}embed_tokens.weight", rank=2)
    queries, keys = (plan.shape(f"{prefix}layers.0.self_attn.{name}_proj.weight", rank=2)[0] for name in "qk")
    head = _ask_head(plan, queries, keys, width)
    length = ask_length(plan)
    reason = "no weight shows it; Llama 1 and 2 have 10,000, Llama 3 has 500,000, Qwen2 and Mistral 1,000,000"
    base = plan.ask("rotary_base", "Base of the rotary positions", 10_000.0, reason=reason, keys=("rope_theta",))
    reason = "no weight shows it; Llama 1 and Qwen2 have 1e-6, Llama 2 and 3 have 1e-5"
    eps = plan.ask("eps", "Eps of the norms", 1e-5, reason=reason, keys=("rms_norm_eps",))
    function = plan.default("activation", "silu", of="Llama", keys=("hidden_act",))
    (x,) = plan.read((vocabulary, length))
    x = embedding(plan, x, f"{prefix}embed_tokens")
    for number in range(plan.count(f"{prefix}layers")):
        name = f"{prefix}layers.{number}"
        y = rms_norm(plan, x, f"{name}.input_layernorm", eps=eps)
        x = residual(plan, x, _attention(plan, y, f"{name}.self_attn", head, base))
        y = rms_norm(plan, x, f"{name}.post_attention_layernorm", eps=eps)
        gate = activation(plan, linear(plan, y, f"{name}.mlp.gate_proj"), function)
        y = plan.step(Multiply(), gate, linear(plan, y, f"{name}.mlp.up_proj"))
        x = residual(plan, x, linear(plan, y, f"{name}.mlp.down_proj"))
    x = rms_norm(plan, x, f"{prefix}norm", eps=eps)
    return (language_head(plan, x, f"{prefix.removesuffix('model.')}lm_head", f"{prefix}embed_tokens"),)


def _ask_head(plan: Plan, queries: int, keys: int, width: int) -> int:
    """Channels of a head, by the number of heads; keys have fewer heads where they have fewer channels.

    Raises:
        UnsupportedNetworkError: If the answer divides the queries or the keys into no whole heads.
    """
    usual = 128 if width >= LARGE else 64
    common = math.gcd(queries, keys)
    fitting = [channels for channels in range(2, usual + 1, 2) if common % channels == 0]
    if not fitting:
        raise MisfitError(f"its {queries} and {keys} channels of queries and keys are no heads of an even size")
    usual = usual if usual in fitting else fitting[-1]
    reason = f"weights do not show the heads; {queries} channels make {queries // usual} of {usual}"
    heads = plan.ask("heads", "Attention heads", queries // usual, reason=reason, keys=("num_attention_heads",))
    head = queries // heads
    if queries % heads or head % 2 or head > MAX_HEAD or keys % head:
        raise UnsupportedNetworkError(
            f"Expected heads of an even number of channels, at most {MAX_HEAD}, that divides {queries} and {keys}, "
            f"got {heads} heads."
        )
    return head


def _attention(plan: Plan, x: int, name: str, head: int, base: float) -> int:
    q, k, v = (linear(plan, x, f"{name}.{part}_proj") for part in "qkv")
    plan.set_aside(f"{name}.rotary_emb.inv_freq", "frequencies of rotary positions")
    q, k = (_rotated(plan, y, f"{name}.{part}_rotary", head, base) for y, part in ((q, "q"), (k, "k")))
    layer = Attend(plan.values[q][0] // head, plan.values[k][0] // head, is_causal=True)
    return linear(plan, plan.step(layer, q, k, v), f"{name}.o_proj")


def _rotated(plan: Plan, x: int, name: str, head: int, base: float) -> int:
    length = plan.values[x][1]
    frequencies = 1.0 / (base ** (torch.arange(0, head, 2).float() / head))  # in float32, as the library has them
    angles = frequencies[:, None] * torch.arange(length).float()
    plan.fixed |= {f"{name}.cos": angles.cos(), f"{name}.sin": angles.sin()}
    return plan.step(Rotary(head, length), x, name=name)


SCHEMES = (
    Scheme(
        "Llama", ("embed_tokens.weight", "layers.0.self_attn.q_proj.weight", "layers.0.mlp.gate_proj.weight"), build
    ),
)
