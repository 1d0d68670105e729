# SPDX-License-Identifier: Apache-2.0
"""What this machine reaches at most with a setting of ``jina-omni bench``."""

from __future__ import annotations

import os
from dataclasses import dataclass

from jina_omni.cli.workloads import Measurement
from jina_omni.native import (
    find_device,
    instruction_sets,
    linear_products,
    measure_memory_reads,
    measure_multiply_adds,
    usable_cpus,
)

__all__ = ["Machine", "Setting", "measure_peak"]

_REPEATS = 3  # of which the highest rate counts: other work on the machine may slow down one of them from end to end


@dataclass(frozen=True)
class Setting:
    """What a user can choose: by ``--threads``, and by ``JINA_OMNI_INSTRUCTION_SET``."""

    n_threads: int
    instruction_set: str

    def __str__(self) -> str:
        return f"{self.instruction_set}, {self.n_threads} thread{'s' * (self.n_threads > 1)}"


@dataclass(frozen=True)
class Machine:
    """The rates that no model can exceed with a setting.

    Attributes
    ----------
    setting : Setting
    peaks : dict of str to float
        Multiply-adds in a second, by product.
    memory : float
        Bytes that are read in a second.
    """

    setting: Setting
    peaks: dict[str, float]
    memory: float

    @classmethod
    def measure(cls, setting: Setting) -> Machine:
        """Measure them, in about two seconds."""
        peaks = {product: measure_peak(setting, product) for product in linear_products(setting.instruction_set)}
        return cls(setting, peaks, max(measure_memory_reads(setting.n_threads) for _ in range(_REPEATS)))

    def __str__(self) -> str:
        used = self.setting.instruction_set
        names = ", ".join(f"{name} (in use)" if name == used else name for name in instruction_sets())
        lines = [
            ("processor", find_device("cpu").description),
            ("instruction sets", names),
            ("threads", f"{self.setting.n_threads}, for {usable_cpus()} usable processors"),
            *((f"peak of {product}", f"{2 * rate / 1e9:.0f} GFLOP/s") for product, rate in self.peaks.items()),
            ("memory", f"{self.memory / 1e9:.1f} GB/s"),
        ]
        if hasattr(os, "getloadavg"):
            lines.append(("load average", f"{os.getloadavg()[0]:.1f}"))
        return "\n".join(f"{name:<18}{value}" for name, value in lines)

    def describe_shares(self, found: Measurement) -> str:
        """Return the share of the peak that the linear layers reach, and that of the memory that their weights do."""
        at_peak = sum(n / self.peaks[product] for product, n in found.multiply_adds.items())
        in_memory = found.weight_bytes / self.memory
        return f"{at_peak / found.median:>7.0%}{in_memory / found.median:>10.0%}"


def measure_peak(setting: Setting, product: str) -> float:
    """Return how many multiply-adds of a product the processor does in a second at most."""
    return max(measure_multiply_adds(setting.instruction_set, product, setting.n_threads) for _ in range(_REPEATS))
