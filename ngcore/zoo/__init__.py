"""Zoos: many trained networks with labels; building them from real images, storing them, reading them."""

from ngcore.zoo.cnn_training import CNNTrainConfig as CNNTrainConfig
from ngcore.zoo.cnn_zoo import CNN_ZOOS as CNN_ZOOS
from ngcore.zoo.cnn_zoo import build_cnn_zoo as build_cnn_zoo
from ngcore.zoo.contact_sheet import contact_sheet as contact_sheet
from ngcore.zoo.contact_sheet import write_contact_sheet as write_contact_sheet
from ngcore.zoo.images import CLASS_NAMES as CLASS_NAMES
from ngcore.zoo.images import ImageSet as ImageSet
from ngcore.zoo.images import fetch_images as fetch_images
from ngcore.zoo.info import describe_zoo as describe_zoo
from ngcore.zoo.inr_zoo import INR_ZOOS as INR_ZOOS
from ngcore.zoo.inr_zoo import build_inr_zoo as build_inr_zoo
from ngcore.zoo.locate import ZooListing as ZooListing
from ngcore.zoo.locate import default_zoo_folder as default_zoo_folder
from ngcore.zoo.locate import find_zoo as find_zoo
from ngcore.zoo.locate import list_zoos as list_zoos
from ngcore.zoo.locate import survey_zoos as survey_zoos
from ngcore.zoo.metadata import SPLITS as SPLITS
from ngcore.zoo.sample import write_sample as write_sample
from ngcore.zoo.storage import Zoo as Zoo
from ngcore.zoo.storage import ZooWriter as ZooWriter
from ngcore.zoo.verification import find_problems as find_problems

__all__ = [
    "CLASS_NAMES",
    "CNN_ZOOS",
    "INR_ZOOS",
    "SPLITS",
    "CNNTrainConfig",
    "ImageSet",
    "Zoo",
    "ZooListing",
    "ZooWriter",
    "build_cnn_zoo",
    "build_inr_zoo",
    "contact_sheet",
    "default_zoo_folder",
    "describe_zoo",
    "fetch_images",
    "find_problems",
    "find_zoo",
    "list_zoos",
    "survey_zoos",
    "write_contact_sheet",
    "write_sample",
]
