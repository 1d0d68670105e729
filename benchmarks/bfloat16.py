"""torch's modules in bfloat16 that take and give float32."""

from __future__ import annotations

from typing import Any


def to_bfloat16(model: Any) -> None:
    """Convert a module's weights, and what goes in and comes out of it at every call.

    Parameters
    ----------
    model
        A `torch.nn.Module` that returns one of transformers' outputs. Its buffers, such as the rotary frequencies, stay
        as they are, as they do when transformers loads a file in bfloat16.
    """
    import torch

    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)

    def narrow(value: Any) -> Any:
        floats = isinstance(value, torch.Tensor) and value.dtype == torch.float32
        return value.to(torch.bfloat16) if floats else value

    def before(_: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return tuple(map(narrow, args)), {key: narrow(value) for key, value in kwargs.items()}

    def after(_: Any, __: Any, output: Any) -> None:
        for key, value in output.items():
            if isinstance(value, torch.Tensor):
                output[key] = value.float()

    model.register_forward_pre_hook(before, with_kwargs=True)
    model.register_forward_hook(after)
