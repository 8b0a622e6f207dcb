"""Networks with a part of their structure taken away, to see what a model makes of that part."""

import dataclasses

from ngcore.networks import Activation, Add, Architecture, Network
from ngcore.networks.architecture import Step


def hide_activations(network: Network) -> Network:
    """The same weights with a ReLU in place of every activation, so that a model of weights cannot tell them apart.

    Those inside recurrences are part of their kind and stay.
    """
    steps = tuple(
        dataclasses.replace(step, layer=Activation("relu")) if isinstance(step.layer, Activation) else step
        for step in network.architecture.steps
    )
    return Network(dataclasses.replace(network.architecture, steps=steps), network.parameters)


def hide_residuals(network: Network) -> Network:
    """The same network without residual connections: of values that an `Add` joins, only the last is kept.

    What is added that does not come from an input, as a table of positions, stays. Layers that nothing reads any more,
    as the projections of shortcuts, go.
    """
    architecture = network.architecture
    stands_for = list(range(architecture.num_inputs))
    comes_from_input = [True] * architecture.num_inputs
    for number, step in enumerate(architecture.steps, architecture.num_inputs):
        comes_from_input.append(any(comes_from_input[value] for value in step.reads))
        is_residual = isinstance(step.layer, Add) and all(comes_from_input[value] for value in step.reads)
        stands_for.append(stands_for[step.reads[-1]] if is_residual else number)
    plain = _without_unread(architecture, stands_for)
    return Network(plain, {name: network.parameters[name] for name in plain.parameter_shapes})


def _without_unread(architecture: Architecture, stands_for: list[int]) -> Architecture:
    """The architecture with each value read in place of those that it stands for, and the steps that are still read."""
    first = architecture.num_inputs
    waiting, read = [stands_for[value] for value in architecture.outputs], set[int]()
    while waiting:
        value = waiting.pop()
        if value not in read:
            read.add(value)
            if value >= first:
                waiting += [stands_for[other] for other in architecture.steps[value - first].reads]
    kept = [value for value in range(first, len(stands_for)) if value in read]
    numbers = {value: value for value in range(first)} | {value: first + i for i, value in enumerate(kept)}
    steps = []
    for value in kept:
        step = architecture.steps[value - first]
        reads = tuple(numbers[stands_for[other]] for other in step.reads)
        steps.append(Step(step.layer, reads, step.name))
    outputs = tuple(numbers[stands_for[value]] for value in architecture.outputs)
    return dataclasses.replace(architecture, steps=tuple(steps), outputs=outputs)
