"""Implicit neural representations: fitting SIRENs to images and rendering them."""

from ngcore.inr.edits import IMAGE_EDITS as IMAGE_EDITS
from ngcore.inr.edits import ImageEdit as ImageEdit
from ngcore.inr.edits import edit_images as edit_images
from ngcore.inr.edits import edit_weights as edit_weights
from ngcore.inr.edits import find_image_edit as find_image_edit
from ngcore.inr.fit import BLOCK_SIZE as BLOCK_SIZE
from ngcore.inr.fit import CHEAP_RECIPE as CHEAP_RECIPE
from ngcore.inr.fit import MATCHED_RECIPE as MATCHED_RECIPE
from ngcore.inr.fit import FitConfig as FitConfig
from ngcore.inr.fit import FitResult as FitResult
from ngcore.inr.fit import fit_sirens as fit_sirens
from ngcore.inr.fit import is_siren as is_siren
from ngcore.inr.fit_edit import edit_by_fitting as edit_by_fitting
from ngcore.inr.move import coordinate_matrix as coordinate_matrix
from ngcore.inr.move import move_images as move_images
from ngcore.inr.render import is_inr as is_inr
from ngcore.inr.render import psnr as psnr
from ngcore.inr.render import render as render
from ngcore.inr.render import render_at as render_at
from ngcore.inr.siren import SIREN_OUTPUT_OFFSET as SIREN_OUTPUT_OFFSET
from ngcore.inr.siren import image_coordinates as image_coordinates
from ngcore.inr.siren import initial_siren as initial_siren

__all__ = [
    "BLOCK_SIZE",
    "CHEAP_RECIPE",
    "IMAGE_EDITS",
    "MATCHED_RECIPE",
    "SIREN_OUTPUT_OFFSET",
    "FitConfig",
    "FitResult",
    "ImageEdit",
    "coordinate_matrix",
    "edit_by_fitting",
    "edit_images",
    "edit_weights",
    "find_image_edit",
    "fit_sirens",
    "image_coordinates",
    "initial_siren",
    "is_inr",
    "is_siren",
    "move_images",
    "psnr",
    "render",
    "render_at",
]
