"""Models that carry real images: untrained they test a network on them, their marks are as worked by hand."""

import math

import pytest
import torch

from ngcore.errors import NeuralGraphError, ShapeMismatchError
from ngcore.models import build_model, preset
from ngcore.models.probe_features import Answers
from ngcore.networks import Network, mlp, small_cnn
from ngcore.testing import assert_invariant, random_network

CNN = small_cnn((1, 3, 3), image_size=(8, 8), num_classes=3)


def model_of(name, **changes):
    return build_model(preset(name, num_probes=6, **changes), [CNN]).eval().double()


def images(count=12):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 1, 8, 8, generator=generator, dtype=torch.float64), torch.arange(count) % 3


@pytest.mark.parametrize("name", ["output-accuracy-256-examples", "ng-sweep-accuracy-256-examples"])
def test_an_untrained_model_is_a_test_on_its_images(name):
    model, network, (pictures, labels) = model_of(name), random_network(CNN, 5), images()
    exam = next(module for module in model.modules() if hasattr(module, "take_examples"))
    exam.take_examples(pictures, labels)
    right = (network(exam.images).argmax(-1) == exam.labels).double().sum(1)
    expected = ((right + 0.5) / 7).logit()
    torch.testing.assert_close(model(network)[:, 0], expected, rtol=0, atol=1e-6)
    assert_invariant(model, network)


def test_marks_are_as_worked_by_hand():
    """Two images of classes 0 and 1, logits (2, 0, 0) and (0, 0, 1): right, and wrong."""
    exam = model_of("output-accuracy-256-examples")
    exam.labels = torch.tensor([0, 1])
    logits = torch.tensor([[[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]], dtype=torch.float64)
    marks = exam.marks(Answers(logits, []))[0]
    p, q = math.exp(2) / (math.exp(2) + 2), 1 / (2 + math.e)
    spread = (2 * math.sqrt(2) / 3 + math.sqrt(2) / 3) / 2
    assert marks[0] == 0.5
    assert marks[1] == pytest.approx((1 / (1 + math.exp(-8 / spread)) + 1 / (1 + math.exp(4 / spread))) / 2, abs=1e-6)
    assert marks[2] == pytest.approx((p + q) / 2, abs=1e-6)
    assert marks[3] == pytest.approx((math.log(p) + math.log(q)) / 10, abs=1e-6)
    assert marks[5] == pytest.approx((p + math.e * q) / 2, abs=1e-6)
    assert marks[-3:].tolist() == [1, 0, 0]


def test_images_are_the_first_of_each_class_and_others_are_refused():
    exam, (pictures, labels) = model_of("output-accuracy-256-examples"), images()
    exam.take_examples(pictures, labels)
    assert torch.equal(exam.images, pictures[:6]) and exam.labels.tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(ShapeMismatchError, match="Expected images of shape"):
        exam.take_examples(pictures[..., :4], labels)
    with pytest.raises(ShapeMismatchError, match="Expected 2 images of class 0, got 1"):
        exam.take_examples(pictures[:3], labels[:3])
    with pytest.raises(NeuralGraphError, match="images of one shape, got 2 shapes"):
        build_model(preset("output-accuracy-256-examples"), [CNN, mlp((4, 3))])
    other = small_cnn((1, 3, 3), image_size=(8, 8), num_classes=2)
    wide = build_model(preset("output-accuracy-256-examples"), [CNN, other])
    with pytest.raises(ShapeMismatchError, match="Expected networks with 3 outputs"):
        wide(Network.unflatten(other, torch.randn(1, other.num_parameters)))
