"""The reference Molmo: `pixmo.molmo.folder.open_model` is the way in. Needs the extra `molmo`."""

from pixmo.errors import MissingExtra

try:
    import safetensors
    import torch
except ImportError as error:
    raise MissingExtra("molmo", "a Molmo") from error

del safetensors, torch
