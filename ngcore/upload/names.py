"""What the names of layers give away: pieces of names, and vocabularies of networks in the wild."""

import re
from collections.abc import Iterable

STAGES: tuple[frozenset[str], ...] = (
    frozenset({"input", "stem", "pre", "first", "in"}),
    frozenset({"encoder", "enc", "encode"}),
    frozenset({"conv", "bn", "cnn", "features", "feature", "backbone", "convs"}),
    frozenset({"body", "hidden", "trunk", "layers", "layer", "block", "blocks", "stage", "net", "seq", "mlp", "main"}),
    frozenset({"bottleneck", "neck", "latent"}),
    frozenset({"decoder", "dec", "decode"}),
    frozenset({"fc", "linear", "lin", "dense", "classifier", "cls"}),
    frozenset({"head", "output", "out", "last", "final", "post", "lastlayer", "outputlayer", "finallayer"}),
)
"""Names of parts that follow each other, in that order."""

APART: tuple[frozenset[str], ...] = (
    frozenset({"actor", "critic", "policy", "value", "advantage", "v", "pi"}),
    frozenset({"g", "d", "generator", "discriminator", "gen", "disc", "neta", "netb", "netg", "netd"}),
    frozenset({"teacher", "student", "online", "target", "ema", "emamodel", "modelema", "model", "net"}),
    frozenset({"branch", "tower", "stream", "path", "left", "right", "head", "expert", "experts"}),
    frozenset({"mu", "logvar", "mean", "std", "sigma", "logstd", "fcmu", "fclogvar", "fcvar", "var"}),
    frozenset({"qnet", "qf", "critic", "targetq"}),
)
"""Names of networks, or of parts, that stand side by side rather than in a row."""

AVERAGED = frozenset({"ema", "swa", "averaged", "polyak"})
"""Names of copies of weights that were averaged over a training."""

ATTENTION = (frozenset({"q", "query", "wq", "qproj"}), frozenset({"k", "key", "wk", "kproj"}))
TRANSPOSED = frozenset(
    {"deconv", "deconvs", "deconvolution", "unconv", "convt", "tconv", "convtr", "transconv", "convtrans"}
    | {"transpose", "transposed", "convtranspose"}
    | {"up", "ups", "upconv", "upconvs", "upsample", "upsampling", "upsampler", "upscale", "upblock"}
)
PLAIN = frozenset(
    {"conv", "convs", "cnn", "convnet", "convolution", "down", "downconv", "stem"}
    | {"features", "feature", "backbone", "encoder", "enc", "encode", "classifier", "discriminator"}
)
"""Names of convolutions that shrink a map, or of parts that do."""
GROWING = frozenset(
    {"decoder", "dec", "decode", "generator", "gen", "netg", "g", "synthesis", "expand", "trans", "reconstruction"}
)
"""Names of parts that often enlarge a map, by transposed convolutions among others."""
TABLES = frozenset({"emb", "embed", "embeds", "embedding", "embeddings", "wte", "wpe", "vocab", "lookup", "token"})
NORMS: dict[str, frozenset[str]] = {
    "layer_norm": frozenset({"ln", "layernorm", "lnorm"}),
    "batch_norm": frozenset({"bn", "batchnorm", "bnorm"}),
    "group_norm": frozenset({"gn", "groupnorm"}),
    "instance_norm": frozenset({"instancenorm", "inorm"}),
}


def pieces(prefix: str) -> frozenset[str]:
    """The words of a name, in lower case: those between dots, and between underscores and digits.

    Example:
        >>> sorted(pieces("net.up1.conv_transpose"))
        ['conv', 'convtranspose', 'net', 'transpose', 'up']
    """
    found: set[str] = set()
    for part in prefix.split("."):
        words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", part)
        found |= {word.lower() for word in words} | {"".join(words).lower()}
    return frozenset(found - {""})


def stem(name: str) -> str:
    """A name without digits, underscores and capitals: "conv_2" and "Conv1" are both "conv"."""
    return re.sub(r"[\d_]+", "", name).lower()


def stage_of(name: str) -> int | None:
    """Place of a part among those that follow each other, by its name; None if the name says nothing."""
    return next((place for place, names in enumerate(STAGES) if stem(name) in names), None)


def stand_apart(names: Iterable[str]) -> list[str]:
    """Those of the names that usually belong to parts side by side, if there are at least two of one kind."""
    names = list(names)
    for kind in APART:
        found = [name for name in names if stem(name) in kind]
        if len(found) > 1:
            return found
    return []


def are_attention(prefixes: Iterable[str]) -> bool:
    """Whether names are those of queries and keys."""
    words = [pieces(prefix.rpartition(".")[2]) for prefix in prefixes]
    return all(any(word & kind for word in words) for kind in ATTENTION)
