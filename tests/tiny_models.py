"""Models with the presets' parts but few numbers, for tests."""

import dataclasses

import torch

from ngcore.models import PRESETS, build_model


def tiny_config(name, **changes):
    """A preset with every size made small."""
    sizes = {"d_node": 8, "d_edge": 6, "d_hidden": 8, "d_out": 3, "num_layers": 2, "num_heads": 2, "d_attention": 8}
    full = PRESETS[name].to_dict()
    sizes |= {"fourier_frequencies": 5, "num_probes": min(4, full.get("num_probes", 0))}
    sizes["num_layers"] = 1 if full.get("is_width_stable") else sizes["num_layers"]
    own = {field: size for field, size in sizes.items() if field in full}
    return dataclasses.replace(PRESETS[name], **(own | changes))


def tiny_model(name, architectures, *, seed=0, dtype=torch.float64, **changes):
    """A small model with all parameters and statistics random, so that nothing passes for being zero."""
    model = build_model(tiny_config(name, **changes), architectures, seed=seed).to(dtype).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(dtype))
        whole = getattr(model, "graph", model)  # of a joined model
        inner = getattr(whole, "encoder", getattr(whole, "editor", whole))
        for head in getattr(inner, "heads", ()):
            head.scales.fill_(0.01)  # a stage that changes a network beyond measure is chaotic in the next
        normaliser = inner.normaliser
        if normaliser.is_centred:
            normaliser.mean.normal_(0, 0.2, generator=generator)
        normaliser.std.uniform_(0.5, 1.5, generator=generator)
    return model


# Presets that differ in their sizes alone make one small model; the first of them stands for all.
# A lattice of probes and learned descent look at an image, and are of no use to networks that draw none; examples are
# of use to classifiers alone (test_example_probes.py).
ANY_NETWORK = [
    name
    for name, config in PRESETS.items()
    if config.kind.startswith("ng-")
    and not getattr(config, "has_lattice", False)
    and not getattr(config, "has_examples", False)
    and not getattr(config, "num_steps", 0)
]
GRAPH_PRESETS = list({tiny_config(name): name for name in reversed(ANY_NETWORK)}.values())[::-1]
LAYOUT_PRESETS = [n for n in GRAPH_PRESETS if PRESETS[n].kind != "ng-sweep" and not PRESETS[n].joins_outputs]
INVARIANT = [name for name in GRAPH_PRESETS if PRESETS[name].head == "invariant"]
EQUIVARIANT = [name for name in GRAPH_PRESETS if PRESETS[name].head == "parameters"]
