"""Vision transformers (Dosovitskiy et al. 2021) as torchvision, timm and Hugging Face name them."""

import math

from ngcore.networks import Concat, PositionPool, Reshape, Slice
from ngcore.upload.schemes.asking import ask_heads, image_of_patches
from ngcore.upload.schemes.layers import (
    activation,
    add_positions,
    attention,
    constant,
    convolution,
    first_token,
    fused_attention,
    in_projection,
    layer_norm,
    linear,
    mlp,
    residual,
    scaled,
)
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.scheme import Scheme


def _patches(plan: Plan, projection: str, patches: int) -> int:
    """The image, cut into patches: (width, patches)."""
    _, channels, *kernel = plan.shape(f"{projection}.weight", rank=4)
    height, width = image_of_patches(plan, patches, tuple(kernel))
    (x,) = plan.read((channels, height, width))
    if kernel[0] != kernel[1]:
        raise MisfitError(f"its patches of {kernel[0]} × {kernel[1]} are not square")
    x = convolution(plan, x, projection, stride=kernel[0], padding=0)
    return plan.step(Reshape((math.prod(plan.values[x][1:]),)), x)


def _positions(plan: Plan, tensor: str) -> int:
    return plan.shape(tensor, rank=3)[1]


def build_torchvision(plan: Plan, prefix: str) -> tuple[int, ...]:
    """torchvision: the class token's answer."""
    encoder, positions = f"{prefix}encoder", f"{prefix}encoder.pos_embedding"
    width = plan.shape(f"{prefix}conv_proj.weight", rank=4)[0]
    heads = ask_heads(plan, width)
    eps = plan.default("eps", 1e-6, of="torchvision")
    x = _patches(plan, f"{prefix}conv_proj", _positions(plan, positions) - 1)
    x = plan.step(Concat(axis=1), constant(plan, f"{prefix}class_token", (width, 1)), x)
    x = add_positions(plan, x, positions)
    number = 0
    while plan.has(name := f"{encoder}.layers.encoder_layer_{number}"):
        own = f"{name}.self_attention"
        y = layer_norm(plan, x, f"{name}.ln_1", eps=eps)
        y = fused_attention(plan, y, f"{own}.in_proj", heads=heads, **in_projection(own))
        x = residual(plan, x, linear(plan, y, f"{own}.out_proj"))
        first, second = ("linear_1", "linear_2") if plan.has(f"{name}.mlp.linear_1") else ("0", "3")
        y = layer_norm(plan, x, f"{name}.ln_2", eps=eps)
        x = residual(plan, x, mlp(plan, y, f"{name}.mlp.{first}", f"{name}.mlp.{second}", "gelu"))
        number += 1
    x = first_token(plan, layer_norm(plan, x, f"{encoder}.ln", eps=eps))
    if plan.has(f"{prefix}heads.pre_logits"):
        x = activation(plan, linear(plan, x, f"{prefix}heads.pre_logits"), "tanh")
    return (linear(plan, x, f"{prefix}heads.head") if plan.has(f"{prefix}heads.head") else x,)


def build_timm(plan: Plan, prefix: str) -> tuple[int, ...]:
    """timm: the class token's answer, or the mean over patches; with layer scale where there is one."""
    width = plan.shape(f"{prefix}patch_embed.proj.weight", rank=4)[0]
    heads = ask_heads(plan, width)
    eps = plan.default("eps", 1e-6, of="timm")
    tokens = [name for name in ("cls_token", "reg_token") if plan.has(prefix + name)]
    extra = sum(_positions(plan, prefix + name) for name in tokens)
    table = f"{prefix}pos_embed"
    is_for_patches = _is_square(_positions(plan, table)) and not _is_square(_positions(plan, table) - extra)
    x = _patches(plan, f"{prefix}patch_embed.proj", _positions(plan, table) - (0 if is_for_patches else extra))
    x = add_positions(plan, x, table) if is_for_patches else x
    if tokens:
        own = [constant(plan, prefix + name, (width, _positions(plan, prefix + name))) for name in tokens]
        x = plan.step(Concat(axis=1), *own, x)
    x = x if is_for_patches else add_positions(plan, x, table)
    for number in range(plan.count(f"{prefix}blocks")):
        name = f"{prefix}blocks.{number}"
        y = fused_attention(plan, layer_norm(plan, x, f"{name}.norm1", eps=eps), f"{name}.attn.qkv", heads=heads)
        x = residual(plan, x, scaled(plan, linear(plan, y, f"{name}.attn.proj"), f"{name}.ls1.gamma"))
        y = mlp(plan, layer_norm(plan, x, f"{name}.norm2", eps=eps), f"{name}.mlp.fc1", f"{name}.mlp.fc2", "gelu")
        x = residual(plan, x, scaled(plan, y, f"{name}.ls2.gamma"))
    return (_timm_head(plan, x, prefix, extra, eps),)


def _timm_head(plan: Plan, x: int, prefix: str, extra: int, eps: float) -> int:
    if plan.has(f"{prefix}norm.weight"):
        x = layer_norm(plan, x, f"{prefix}norm", eps=eps)
    if plan.has(f"{prefix}fc_norm.weight") or not plan.has(f"{prefix}cls_token"):
        x = plan.step(Slice(extra, plan.values[x][1], axis=1), x) if extra else x
        x = plan.step(PositionPool("mean", (1,)), x)
        x = layer_norm(plan, x, f"{prefix}fc_norm", eps=eps) if plan.has(f"{prefix}fc_norm.weight") else x
    else:
        x = first_token(plan, x)
    return linear(plan, x, f"{prefix}head") if plan.has(f"{prefix}head.weight") else x


def _is_square(count: int) -> bool:
    return math.isqrt(count) ** 2 == count


def build_hugging_face(plan: Plan, prefix: str) -> tuple[int, ...]:
    """Hugging Face: ViTModel with its pooler, or ViTForImageClassification."""
    table, projection = f"{prefix}embeddings.position_embeddings", f"{prefix}embeddings.patch_embeddings.projection"
    width = plan.shape(f"{projection}.weight", rank=4)[0]
    heads = ask_heads(plan, width, keys=("num_attention_heads",))
    eps = plan.default("eps", 1e-12, of="the ViT of Hugging Face", keys=("layer_norm_eps",))
    function = plan.default("activation", "gelu", of="the ViT of Hugging Face", keys=("hidden_act",))
    x = _patches(plan, projection, _positions(plan, table) - 1)
    x = plan.step(Concat(axis=1), constant(plan, f"{prefix}embeddings.cls_token", (width, 1)), x)
    x = add_positions(plan, x, table)
    plan.set_aside(f"{prefix}embeddings.mask_token", "mask of the pre-training")
    for number in range(plan.count(f"{prefix}encoder.layer")):
        name = f"{prefix}encoder.layer.{number}"
        own = [f"{name}.attention.attention.{role}" for role in ("query", "key", "value")]
        y = layer_norm(plan, x, f"{name}.layernorm_before", eps=eps)
        x = residual(plan, x, attention(plan, y, [*own, f"{name}.attention.output.dense"], heads=heads))
        y = layer_norm(plan, x, f"{name}.layernorm_after", eps=eps)
        y = mlp(plan, y, f"{name}.intermediate.dense", f"{name}.output.dense", function)
        x = residual(plan, x, y)
    x = layer_norm(plan, x, f"{prefix}layernorm", eps=eps)
    head, pooler = f"{prefix.removesuffix('vit.')}classifier", f"{prefix}pooler.dense"
    if plan.has(f"{head}.weight"):
        return (linear(plan, first_token(plan, x), head),)
    if plan.has(f"{pooler}.weight"):
        return x, activation(plan, linear(plan, first_token(plan, x), pooler), "tanh")
    return (x,)


SCHEMES = (
    Scheme(
        "a ViT of torchvision", ("encoder.layers.encoder_layer_0.ln_1.weight", "conv_proj.weight"), build_torchvision
    ),
    Scheme("a ViT of timm", ("blocks.0.attn.qkv.weight", "patch_embed.proj.weight", "pos_embed"), build_timm),
    Scheme(
        "a ViT of Hugging Face",
        ("embeddings.patch_embeddings.projection.weight", "encoder.layer.0.layernorm_before.weight"),
        build_hugging_face,
    ),
)
