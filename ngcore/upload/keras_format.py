"""Keras archives (`.keras`) and HDF5 files (`.h5`) as contents of a network: their tensors, and Keras's own config."""

from collections.abc import Callable

from ngcore.errors import UploadError
from ngcore.upload.contents import Contents, Format
from ngcore.upload.limits import PUBLIC, Limits
from ngcore.upload.recipes import KERAS_TO_NPZ
from ngcore.upload.weights import hdf5_source
from ngcore.upload.weights.opening import open_weights
from ngcore.upload.weights.source import WeightFormat


def read(data: bytes, limits: Limits) -> Contents:
    """All tensors of floats; what is set aside is named.

    Raises:
        UploadError: If a rule is broken or the file is damaged; its recipe is for Keras.
    """
    try:
        file = open_weights(data, public=limits is PUBLIC)
    except UploadError as error:
        error.recipe = error.recipe or KERAS_TO_NPZ
        raise
    aside = tuple(one.name for one in file.aside)
    return Contents(file.state_dict(), file.metadata, file.notes, is_ordered=False, aside=aside)


def _format(own: WeightFormat) -> Format:
    matches: Callable[[bytes], bool] = own.matches
    return Format(own.name, matches, read)


FORMATS = (_format(hdf5_source.KERAS_FORMAT), _format(hdf5_source.FORMAT))
