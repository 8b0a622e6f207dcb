"""Vision transformers of torchvision, timm and Hugging Face are read whole from their state dicts."""

import pytest
import torch
from scheme_modules.vits import HuggingFaceClassifier, HuggingFaceViT, TimmViT, TorchvisionViT

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload import Hints, read_network

VARIANTS = {
    "torchvision": TorchvisionViT,
    "timm": TimmViT,
    "timm with the mean over patches": lambda: TimmViT(pooling="mean", is_scaled=True),
    "timm without class token": lambda: TimmViT(pooling="mean_of_all", bias=False),
    "timm with registers": lambda: TimmViT(registers=2, is_for_patches=True, is_scaled=True),
    "Hugging Face": HuggingFaceViT,
    "Hugging Face with a head": HuggingFaceClassifier,
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_vision_transformer_is_read_whole(name, assert_rebuilt):
    image = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    upload, asked = assert_rebuilt(VARIANTS[name](), image, heads=2)
    assert not asked
    assert "Its 9 patches are taken as those of a square image." in upload.notes


def test_the_size_is_asked_for_where_the_patches_make_no_square(assert_rebuilt):
    image = torch.randn(2, 3, 4, 8, dtype=torch.float64)
    _, asked = assert_rebuilt(TorchvisionViT(patches=8), image, heads=2, input_size=(4, 8))
    assert not asked


def test_an_image_of_another_number_of_patches_is_refused(file_of_module):
    with pytest.raises(UnsupportedNetworkError, match="Expected an image of 9 patches of 2 × 2, got 8 × 8"):
        read_network(file_of_module(TorchvisionViT()), hints=Hints(heads=2, input_size=(8, 8)))


def test_norms_of_queries_have_no_place_in_a_vit_of_timm(file_of_state):
    state = TimmViT().state_dict() | {"blocks.0.attn.q_norm.weight": torch.ones(4)}
    with pytest.raises(UnsupportedNetworkError, match=r"a ViT of timm, but 'blocks.0.attn.q_norm.weight' has no place"):
        read_network(file_of_state(state))
