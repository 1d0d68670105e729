"""ctypes mirrors of the structs of libllama and libmtmd that are passed as they are.

`build.py` compiles a probe against the tree's headers and refuses a tree whose layouts differ from these, so a newer
tree can't silently shift a field.
"""

from __future__ import annotations

import ctypes as c


class ModelParams(c.Structure):
    """``struct llama_model_params``."""

    _fields_ = [
        ("devices", c.c_void_p),
        ("tensor_buft_overrides", c.c_void_p),
        ("n_gpu_layers", c.c_int32),
        ("split_mode", c.c_int),
        ("load_mode", c.c_int),
        ("lazy_mode", c.c_int),
        ("main_gpu", c.c_int32),
        ("tensor_split", c.c_void_p),
        ("progress_callback", c.c_void_p),
        ("progress_callback_user_data", c.c_void_p),
        ("kv_overrides", c.c_void_p),
        ("vocab_only", c.c_bool),
        ("check_tensors", c.c_bool),
        ("use_extra_bufts", c.c_bool),
        ("no_host", c.c_bool),
        ("no_alloc", c.c_bool),
        ("load_mtp", c.c_bool),
    ]


class ContextParams(c.Structure):
    """``struct llama_context_params``."""

    _fields_ = [
        ("n_ctx", c.c_uint32),
        ("n_batch", c.c_uint32),
        ("n_ubatch", c.c_uint32),
        ("n_seq_max", c.c_uint32),
        ("n_rs_seq", c.c_uint32),
        ("n_outputs_max", c.c_uint32),
        ("n_outputs_max_per_seq", c.c_uint32),
        ("n_threads", c.c_int32),
        ("n_threads_batch", c.c_int32),
        ("ctx_type", c.c_int),
        ("rope_scaling_type", c.c_int),
        ("pooling_type", c.c_int),
        ("attention_type", c.c_int),
        ("flash_attn_type", c.c_int),
        ("rope_freq_base", c.c_float),
        ("rope_freq_scale", c.c_float),
        ("yarn_ext_factor", c.c_float),
        ("yarn_attn_factor", c.c_float),
        ("yarn_beta_fast", c.c_float),
        ("yarn_beta_slow", c.c_float),
        ("yarn_orig_ctx", c.c_uint32),
        ("defrag_thold", c.c_float),
        ("cb_eval", c.c_void_p),
        ("cb_eval_user_data", c.c_void_p),
        ("type_k", c.c_int),
        ("type_v", c.c_int),
        ("abort_callback", c.c_void_p),
        ("abort_callback_data", c.c_void_p),
        ("embeddings", c.c_bool),
        ("offload_kqv", c.c_bool),
        ("no_perf", c.c_bool),
        ("op_offload", c.c_bool),
        ("swa_full", c.c_bool),
        ("kv_unified", c.c_bool),
        ("samplers", c.c_void_p),
        ("n_samplers", c.c_size_t),
        ("ctx_other", c.c_void_p),
    ]


class ImatrixData(c.Structure):
    """``struct llama_model_imatrix_data``."""

    _fields_ = [
        ("name", c.c_char_p),
        ("data", c.POINTER(c.c_float)),
        ("size", c.c_size_t),
    ]


class QuantizeParams(c.Structure):
    """``struct llama_model_quantize_params``."""

    _fields_ = [
        ("nthread", c.c_int32),
        ("ftype", c.c_int),
        ("output_tensor_type", c.c_int),
        ("token_embedding_type", c.c_int),
        ("allow_requantize", c.c_bool),
        ("quantize_output_tensor", c.c_bool),
        ("only_copy", c.c_bool),
        ("pure", c.c_bool),
        ("keep_split", c.c_bool),
        ("dry_run", c.c_bool),
        ("imatrix", c.POINTER(ImatrixData)),
        ("kv_overrides", c.c_void_p),
        ("tt_overrides", c.c_void_p),
        ("prune_layers", c.c_void_p),
        ("max_buf_size", c.c_size_t),
    ]


class Batch(c.Structure):
    """``struct llama_batch``."""

    _fields_ = [
        ("n_tokens", c.c_int32),
        ("token", c.c_void_p),
        ("embd", c.c_void_p),
        ("pos", c.c_void_p),
        ("n_seq_id", c.c_void_p),
        ("seq_id", c.c_void_p),
        ("logits", c.c_void_p),
    ]


class MtmdContextParams(c.Structure):
    """``struct mtmd_context_params``."""

    _fields_ = [
        ("use_gpu", c.c_bool),
        ("device", c.c_void_p),
        ("print_timings", c.c_bool),
        ("n_threads", c.c_int),
        ("image_marker", c.c_char_p),
        ("media_marker", c.c_char_p),
        ("flash_attn_type", c.c_int),
        ("warmup", c.c_bool),
        ("image_min_tokens", c.c_int),
        ("image_max_tokens", c.c_int),
        ("cb_eval", c.c_void_p),
        ("cb_eval_user_data", c.c_void_p),
        ("batch_max_tokens", c.c_int32),
        ("progress_callback", c.c_void_p),
        ("progress_callback_user_data", c.c_void_p),
    ]


class MtmdInputText(c.Structure):
    """``struct mtmd_input_text``."""

    _fields_ = [
        ("text", c.c_char_p),
        ("text_len", c.c_size_t),
        ("add_special", c.c_bool),
        ("parse_special", c.c_bool),
    ]


STRUCTS: dict[str, dict[str, type[c.Structure]]] = {
    "llama": {
        "llama_model_params": ModelParams,
        "llama_context_params": ContextParams,
        "llama_model_imatrix_data": ImatrixData,
        "llama_model_quantize_params": QuantizeParams,
        "llama_batch": Batch,
    },
    "mtmd": {
        "mtmd_context_params": MtmdContextParams,
        "mtmd_input_text": MtmdInputText,
    },
}
"""The mirrors, by header."""

Layout = dict[str, dict[str, list[int]]]


def expected(header: str) -> Layout:
    """Return ``{struct: {field: [offset, size]}}`` of the mirrors, with ``""`` for the struct itself.

    Parameters
    ----------
    header
        A key of `STRUCTS`.

    Returns
    -------
    dict
        In the form that the probe prints.
    """
    out: Layout = {}
    for name, struct in STRUCTS[header].items():
        fields = {"": [0, c.sizeof(struct)]}
        for field in struct._fields_:
            descriptor = getattr(struct, field[0])
            fields[field[0]] = [descriptor.offset, descriptor.size]
        out[name] = fields
    return out


def probe_source(header: str) -> str:
    """Return a C program that prints the tree's layouts as JSON.

    Parameters
    ----------
    header
        A key of `STRUCTS`.

    Returns
    -------
    str
        C source. It does not compile when the tree lacks a field that a mirror has.
    """
    lines = [f'#include "{header}.h"', "#include <stdio.h>", "int main(void) {", '    printf("{");']
    for i, (name, struct) in enumerate(STRUCTS[header].items()):
        sep = "," if i else ""
        lines.append(f'    printf("{sep}\\"{name}\\": {{\\"\\": [0, %zu]", sizeof(struct {name}));')
        for field in struct._fields_:
            at, size = f"offsetof(struct {name}, {field[0]})", f"sizeof(((struct {name} *) 0)->{field[0]})"
            lines.append(f'    printf(", \\"{field[0]}\\": [%zu, %zu]", {at}, {size});')
        lines.append('    printf("}");')
    lines += ['    printf("}\\n");', "    return 0;", "}", ""]
    return "\n".join(lines)


def differences(header: str, found: Layout) -> list[str]:
    """Say where the tree's layouts differ from the mirrors.

    Parameters
    ----------
    header
        A key of `STRUCTS`.
    found
        What its probe printed.

    Returns
    -------
    list of str
        One line per difference; empty when they agree.
    """
    out = []
    for name, fields in expected(header).items():
        for field, want in fields.items():
            got = found.get(name, {}).get(field)
            if got != want:
                what = f"{name}.{field}" if field else f"sizeof {name}"
                out.append(f"{what}: the tree has [offset, size] {got}, layouts.py has {want}")
    return out
