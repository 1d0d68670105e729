# SPDX-License-Identifier: Apache-2.0
"""The native layer, for those who want control: files, devices and the three towers without any preprocessing.

Errors are the library's own; sizes and ids are checked before native code sees them. What is not done here: prompts,
Unicode normalisation, decoding and resizing of media, unit length.
"""

from jina_omni.native.context import CancelToken, Context
from jina_omni.native.devices import (
    Device,
    chosen_instruction_set,
    devices,
    find_device,
    instruction_sets,
    usable_cpus,
    why_no_accelerator,
)
from jina_omni.native.models import Projector, TextModel, mel_rows

__all__ = [
    "CancelToken",
    "Context",
    "Device",
    "Projector",
    "TextModel",
    "chosen_instruction_set",
    "devices",
    "find_device",
    "instruction_sets",
    "mel_rows",
    "usable_cpus",
    "why_no_accelerator",
]
