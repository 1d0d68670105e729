# SPDX-License-Identifier: Apache-2.0
"""``jina-omni bench``."""

from __future__ import annotations

import argparse

from jina_omni.cli.machine import Machine, Setting
from jina_omni.cli.model_choice import ModelChoice, open_model
from jina_omni.cli.options import add_model_options
from jina_omni.cli.settings import Trials, advise, try_settings
from jina_omni.cli.workloads import make_workloads, measure

HELP = "Measure how fast a model is on this machine, and which threads and instruction set to take."
EXAMPLES = """\
examples:
  jina-omni bench --model small-retrieval
  jina-omni bench --model text.gguf --mmproj vision-mmproj.gguf audio-mmproj.gguf --threads 4
  JINA_OMNI_INSTRUCTION_SET=avx2 jina-omni bench --model model/

Each line is the median of several calls. Other work on the machine slows them down. The inputs are synthetic: their
content does not affect the time.
"""

_MIN_SECONDS = 1.5  # of all calls of a workload together
_MIN_CALLS = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the machine reaches, a line for each workload, a line for each setting, and advice."""
    with open_model(ModelChoice.from_options(args), args) as model:
        info = model.info
        print(info, end="\n\n")
        machine = None
        if info.device == "cpu":
            machine = Machine.measure(Setting(info.n_threads, info.instruction_set))
            print(machine, end="\n\n")
        header = f"{'work':<28}{'median':>10}  {'rate':<17}"
        print(header + f"{'of peak':>7}{'of memory':>10}" if machine else header.rstrip())
        for workload in make_workloads(model):
            found = measure(model, workload.inputs, min_calls=_MIN_CALLS, min_seconds=_MIN_SECONDS)
            rate = f"{workload.count(model) / found.median:.1f} {workload.unit}/s"
            shares = machine.describe_shares(found) if machine else ""
            print(f"{workload.name:<28}{found.median * 1000:>7.1f} ms  {rate:<17}{shares}".rstrip(), flush=True)
    if machine:
        _print_trials(try_settings(info, machine.setting), machine.setting)
    return 0


def _print_trials(trials: Trials, in_use: Setting) -> None:
    print(f"\n{'setting':<28}{'a query':>14}{'a long text':>24}")
    for setting, seconds in trials.query.items():
        text = f"under {trials.n_text_tokens / trials.text_at_peak[setting]:.0f}"
        if setting in trials.text:
            text = f"{trials.n_text_tokens / trials.text[setting]:.1f}"
        print(f"{setting!s:<28}{1 / seconds:>6.1f} inputs/s{text:>15} tokens/s")
    print(f"\n{advise(trials, in_use)}")
