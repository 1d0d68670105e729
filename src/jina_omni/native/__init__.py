# SPDX-License-Identifier: Apache-2.0
"""The native layer, for those who want control: files, devices and the three towers without any preprocessing.

Sizes and ids are checked before native code sees them: a wrong argument is a `TypeError` or a `ValueError`, everything
else an error of the library's own. What is not done here: prompts, Unicode normalisation, decoding and resizing of
media, unit length.
"""

from jina_omni.native.context import MAX_THREADS, PRIORITIES, CancelToken, Context, Priority
from jina_omni.native.devices import Device, devices, find_device, find_devices, why_no_accelerator
from jina_omni.native.machine import measure_memory_reads, measure_multiply_adds
from jina_omni.native.models import Projector, TextModel, audio_token_count
from jina_omni.native.processors import chosen_instruction_set, instruction_sets, linear_products, usable_cpus

__all__ = [
    "MAX_THREADS",
    "PRIORITIES",
    "CancelToken",
    "Context",
    "Device",
    "Priority",
    "Projector",
    "TextModel",
    "audio_token_count",
    "chosen_instruction_set",
    "devices",
    "find_device",
    "find_devices",
    "instruction_sets",
    "linear_products",
    "measure_memory_reads",
    "measure_multiply_adds",
    "usable_cpus",
    "why_no_accelerator",
]
