// SPDX-License-Identifier: Apache-2.0
// The operations of the towers for the CPU, compiled once for each of several instruction sets; the processor decides which of
// them run. All operands are float32 unless said otherwise. A row's result depends on that row alone, to the bit: not on how
// many rows there are, nor on the threads. Between instruction sets the last bits differ.
#pragma once

#include "ggml.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace omni {

// The rows that meet the weights of a linear layer: floats, or whole steps of a size that 32 values share, up to 127 or 8191.
enum class row_format { f32, q8, q16 };

// y[i] = weight * x[i] + bias + residual[i] for n_row rows: weight n_out rows of n_in values; y and residual rows of n_out floats.
struct linear_operands {
    const void *    weight;
    ggml_type       type;
    int64_t         n_in;
    int64_t         n_out;
    const uint8_t * x;
    row_format      x_format;
    size_t          x_stride; // bytes
    const float *   bias;     // or null
    const float *   residual; // or null
    float *         y;
    int64_t         n_row;
    int             n_thread; // that share the work
};

// Queries [q_begin, q_begin + q_len) see the keys [kv_begin, kv_begin + kv_len). Causal: the last query sees all of them, the
// one before all but the last, and so on.
struct attention_span {
    int32_t q_begin;
    int32_t q_len;
    int32_t kv_begin;
    int32_t kv_len;
};

// Row i of head h begins at data + i * row_stride + h * head_stride, in floats.
struct attention_operand {
    const float * data;
    size_t        row_stride;
    size_t        head_stride;
};

// n_query queries of a span, from q_first of it on, in all heads that share a key head; their product is at most n_attention_row.
constexpr int n_attention_row = 96; // so many that laying out the keys costs little
struct attention_tile {
    attention_span span;
    int32_t        q_first;
    int32_t        n_query;
    int32_t        kv_head;
};

struct attention_operands {
    attention_operand q, k, v;
    float *           out; // rows of n_head * head_dim
    int               n_head;
    int               n_kv_head;
    int               head_dim;
    bool              causal;
};

struct kernel_set {
    const char * name; // of the instruction set

    // Linear layers. Whether weights of this type and shape multiply such rows, and faster than those of a more exact format; the
    // number of blocks that the work falls into, in any order and on any thread; and one of them.
    bool    (*linear_takes)(row_format x, ggml_type type, int64_t n_in, int64_t n_out);
    int32_t (*linear_blocks)(const linear_operands & p);
    void    (*linear_block)(const linear_operands & p, int32_t block);

    // A row of n_in values, a multiple of 32, in one of the formats that linear_takes has named.
    size_t  (*row_size)(row_format format, int64_t n_in);
    void    (*quantize)(row_format format, const float * x, int64_t n_in, uint8_t * out);

    // Attention, a tile at a time; the scratch is that of one thread. The scale is 1 / sqrt(head_dim).
    size_t  (*attention_scratch)(int head_dim); // floats
    void    (*attention_tile)(const attention_operands & p, const omni::attention_tile & tile, float * scratch);

    // Of one row of n values: x / sqrt(mean(x^2) + epsilon) * weight, and (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias
    void    (*rms_norm)(const float * x, int64_t n, const float * weight, float epsilon, float * y);
    void    (*layer_norm)(const float * x, int64_t n, const float * weight, const float * bias, float epsilon, float * y);

    // A head turned by a row of rotary_table, in place where y is x.
    void    (*rotate)(const float * x, int head_dim, const float * table, float * y);

    // Of n values: GELU in its tanh form, 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); GELU itself, 0.5 x (1 + erf(x / sqrt(2)));
    // gate / (1 + e^-gate) * up. Absolute errors under 5e-7 for results of the size of 1.
    void    (*gelu_tanh)(const float * x, int64_t n, float * y);
    void    (*gelu_erf)(const float * x, int64_t n, float * y);
    void    (*swiglu)(const float * gate, const float * up, int64_t n, float * y);
};

// The fastest format of rows for such weights, which the kernels take as float32 at least.
inline row_format fastest_rows(const kernel_set & kernels, ggml_type type, int64_t n_in, int64_t n_out) {
    for (const row_format format : {row_format::q8, row_format::q16}) {
        if (kernels.linear_takes(format, type, n_in, n_out)) {
            return format;
        }
    }
    return row_format::f32;
}

// What this processor runs of those that were compiled, the best first. Never empty.
const std::vector<const kernel_set *> & runnable_kernels();

} // namespace omni
