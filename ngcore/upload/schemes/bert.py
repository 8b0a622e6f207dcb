"""BERT and RoBERTa as Hugging Face names them, with the heads that come with them."""

from ngcore.networks import Add, Linear
from ngcore.upload.schemes.asking import ask_heads, ask_length
from ngcore.upload.schemes.layers import (
    activation,
    add_positions,
    attention,
    constant,
    embedding,
    first_token,
    layer_norm,
    linear,
    mlp,
    residual,
)
from ngcore.upload.schemes.plan import Plan
from ngcore.upload.schemes.scheme import Scheme

ROBERTA = "roberta."
NUM_PADDING = 2  # rows of positions that RoBERTa keeps for padding, before that of its first token


def build(plan: Plan, prefix: str) -> tuple[int, ...]:
    """Tokens, their types and positions, blocks with the norm after each branch (Devlin et al. 2019)."""
    table, first = f"{prefix}embeddings", NUM_PADDING if prefix.endswith(ROBERTA) else 0
    vocabulary, width = plan.shape(f"{table}.word_embeddings.weight", rank=2)
    positions = plan.shape(f"{table}.position_embeddings.weight", rank=2)[0]
    library = "RoBERTa" if first else "BERT"
    plan.family = f"{library} of Hugging Face"
    eps = plan.default("eps", 1e-5 if first else 1e-12, of=library, keys=("layer_norm_eps",))
    function = plan.default("activation", "gelu", of=library, keys=("hidden_act",))
    heads = ask_heads(plan, width, keys=("num_attention_heads",))
    length = ask_length(plan, positions - first)
    kinds = plan.shape(f"{table}.token_type_embeddings.weight", rank=2)[0]
    tokens, types = plan.read((vocabulary, length), (kinds, length))
    x = embedding(plan, tokens, f"{table}.word_embeddings")
    x = residual(plan, x, embedding(plan, types, f"{table}.token_type_embeddings"))
    name = f"{table}.position_embeddings"
    x = add_positions(plan, x, f"{name}.weight", step=name, first=first)
    x = layer_norm(plan, x, f"{table}.LayerNorm", eps=eps)
    for number in range(plan.count(f"{prefix}encoder.layer")):
        name = f"{prefix}encoder.layer.{number}"
        own = [f"{name}.attention.self.{role}" for role in ("query", "key", "value")]
        y = residual(plan, x, attention(plan, x, [*own, f"{name}.attention.output.dense"], heads=heads))
        x = layer_norm(plan, y, f"{name}.attention.output.LayerNorm", eps=eps)
        y = mlp(plan, x, f"{name}.intermediate.dense", f"{name}.output.dense", function)
        x = layer_norm(plan, residual(plan, x, y), f"{name}.output.LayerNorm", eps=eps)
    return _outputs(plan, x, prefix, eps, function)


def _outputs(plan: Plan, x: int, prefix: str, eps: float, function: str) -> tuple[int, ...]:
    """What the heads make, in the order of Hugging Face; without any the last states, and the pooled one."""
    top = prefix.rpartition(".")[0].rpartition(".")[0]
    top = f"{top}." if top else ""
    table, pooler = f"{prefix}embeddings.word_embeddings", f"{prefix}pooler.dense"
    pooled = None
    if plan.has(f"{pooler}.weight"):
        pooled = activation(plan, linear(plan, first_token(plan, x), pooler), "tanh")
    made = []
    if plan.has(f"{top}cls.predictions"):
        own = f"{top}cls.predictions"
        made.append(
            _token_scores(plan, x, f"{own}.transform.dense", f"{own}.transform.LayerNorm", own, table, eps, function)
        )
    if plan.has(f"{top}lm_head.layer_norm"):
        own = f"{top}lm_head"
        made.append(_token_scores(plan, x, f"{own}.dense", f"{own}.layer_norm", own, table, eps, "gelu"))
    if pooled is not None and plan.has(f"{top}cls.seq_relationship"):
        made.append(linear(plan, pooled, f"{top}cls.seq_relationship"))
    if plan.has(f"{top}classifier.out_proj"):
        y = activation(plan, linear(plan, first_token(plan, x), f"{top}classifier.dense"), "tanh")
        made.append(linear(plan, y, f"{top}classifier.out_proj"))
    elif plan.has(f"{top}classifier.weight"):
        made.append(linear(plan, x if pooled is None else pooled, f"{top}classifier"))
    if plan.has(f"{top}qa_outputs.weight"):
        made.append(linear(plan, x, f"{top}qa_outputs"))
    return tuple(made) or ((x,) if pooled is None else (x, pooled))


def _token_scores(plan: Plan, x: int, dense: str, norm: str, head: str, table: str, eps: float, function: str) -> int:
    """Scores of all tokens, by the table of tokens again unless the decoder's weight is another one."""
    y = activation(plan, linear(plan, x, dense), function)  # type: ignore[arg-type]
    y = layer_norm(plan, y, norm, eps=eps)
    rows, width = plan.shape(f"{table}.weight", rank=2)
    decoder, bias = f"{head}.decoder.weight", f"{head}.bias"
    if plan.has(decoder) and not plan.are_equal(decoder, f"{table}.weight"):
        plan.set_aside(f"{head}.decoder.bias", "the bias of the head again")
        return linear(plan, y, f"{head}.decoder", bias=bias)
    if plan.has(decoder):
        plan.copies[decoder] = f"{table}.weight"
    if plan.has(f"{head}.decoder.bias"):
        plan.copies[f"{head}.decoder.bias"] = bias
    y = plan.step(Linear(width, rows, bias=False), y, name=table)
    return plan.step(Add(), y, constant(plan, bias, (rows,)))


SCHEMES = (Scheme("BERT", ("encoder.layer.0.attention.self.query.weight", "embeddings.word_embeddings.weight"), build),)
