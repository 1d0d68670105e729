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

// What a row of activations holds that a linear product takes: floats, or integers with one scale per 32 values, up to 127 in
// 8 bits or up to 8191 in 14 bits, or with one per 64 values in 16 bits.
enum class row_format { f32, q8, q14, q16 };

struct linear_operands;

// A way of packing weights for a product, which then spends less time on unpacking them.
struct weight_packing {
    int64_t n_column; // of a panel
    // The bytes of a packed panel; 0 where the product takes such weights only as they lie in the file.
    size_t (*panel_size)(ggml_type type, int64_t n_in);
    // Packs the n_column columns of n_in weights that begin at `columns`.
    void (*pack_panel)(ggml_type type, int64_t n_in, const void * columns, uint8_t * packed);
};

// A way of multiplying rows of activations with weights.
struct linear_product {
    const char * name; // of what it multiplies: "int8", "int16" or "float32"
    row_format   x;

    // Whether it takes weights of this type and size.
    bool (*takes)(ggml_type type, int64_t n_in, int64_t n_out);

    // The bytes of a row of n_in values in its format.
    size_t (*row_size)(int64_t n_in);
    // Writes values [first, first + n) of a row of n_in, whole groups of those that share a scale.
    void (*quantize)(const float * x, int64_t first, int64_t n, int64_t n_in, uint8_t * row);

    // Multiplies rows [row_first, row_first + n_row) with one panel, the columns from out_first on, and nothing else. The rows
    // of the result lie sums_stride floats apart.
    void (*multiply_panel)(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row, float * sums,
                           size_t sums_stride);

    // Repeats the multiply-adds of its micro-kernel on registers alone, without loads, conversions and scales; returns how many
    // it did. Their rate is what the product could reach at most. n_round: up to 10,000, so that integer sums don't overflow.
    int64_t (*repeat_multiply_adds)(int n_round);

    const weight_packing * packing; // or null
};

// y[i] = f(weight * x[i] + bias) + residual[i] for n_row rows: weight has n_out rows of n_in values.
struct linear_operands {
    const linear_product * product;
    ggml_type              type;
    int64_t                n_in;
    int64_t                n_out;
    const void *           weight; // and gate: as in the file, or panel after panel as the product packs them
    bool                   packed;
    const uint8_t *        x;        // rows in the product's format
    size_t                 x_stride; // bytes
    int64_t                n_row;
    const float *          bias;                                       // or null
    void (*activation)(const float * sums, int64_t n, float * result); // f, or null
    const void *           gate;                                       // weights of f = swiglu(gate * x[i], ...), or null
    const float *          residual;                                   // rows of n_out floats, or null
    const linear_product * y_product; // in whose format y is, without a residual; or null: floats
    uint8_t *              y;
    size_t                 y_stride; // bytes
    int                    n_thread; // that share the work
};

// Queries [q_begin, q_begin + q_len) see the keys [kv_begin, kv_begin + kv_len). Causal: the last query sees all of them, the
// one before all but the last, and so on.
struct attention_segment {
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

// n_query queries of a segment, from q_first of it on, in all heads that share a key head: n_attention_row rows at most, one for
// each query and head.
constexpr int n_attention_row = 96; // enough rows to amortise reading the keys
struct attention_tile {
    attention_segment segment;
    int32_t           q_first;
    int32_t           n_query;
    int32_t           kv_head;
    int64_t           packed_first; // where the keys of the segment begin in packed memory, in units
};

// Up to n_key_block keys of a segment in one head, which are packed together.
constexpr int n_key_block = 128;
constexpr int n_packed_unit = 32; // keys: packed memory consists of units of so many
struct attention_key_block {
    int32_t kv_begin;
    int32_t n_key;
    int32_t kv_head;
    int64_t packed_first;
};

struct attention_operands {
    attention_operand q, k, v;
    uint8_t *         packed; // of the methods that pack keys
    float *           out;    // rows of n_head * head_dim
    int               n_head;
    int               n_kv_head;
    int               head_dim;
    bool              causal;
};

// A way of computing attention, a tile at a time; the scratch is that of one thread. The scale is 1 / sqrt(head_dim).
struct attention_method {
    size_t (*scratch)(int head_dim); // floats
    void (*attend_tile)(const attention_operands & p, const attention_tile & tile, float * scratch);

    // Null, or what packs the keys and values before: the bytes of a unit, and one block of keys.
    size_t (*packed_size)(int head_dim);
    void (*pack_keys)(const attention_operands & p, const attention_key_block & block, float * scratch);
};

// The products of an instruction set, the fastest first.
struct linear_products {
    const linear_product * const * first;
    const linear_product * const * last;

    const linear_product * const * begin() const { return first; }
    const linear_product * const * end() const { return last; }
};

struct kernel_set {
    const char * name; // of the instruction set

    // Linear layers: the products; the number of blocks that the work falls into, which are computed in any order and on any
    // thread; and one of them, with the scratch of its thread.
    linear_products products;
    int32_t (*count_linear_blocks)(const linear_operands & p);
    size_t (*linear_scratch)(int64_t n_row); // floats
    void (*compute_linear_block)(const linear_operands & p, int32_t block, float * scratch);

    // Attention in float32, and the fastest, which may round its operands to 16 bits.
    const attention_method * exact_attention;
    const attention_method * fast_attention;

    // Of one row of n values: x / sqrt(mean(x^2) + epsilon) * weight, and
    // (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias
    void (*rms_norm)(const float * x, int64_t n, const float * weight, float epsilon, float * y);
    void (*layer_norm)(const float * x, int64_t n, const float * weight, const float * bias, float epsilon, float * y);

    // A head turned by a row of rotary_table, in place where y is x.
    void (*rotate)(const float * x, int head_dim, const float * table, float * y);

    // Of n values: GELU in its tanh form, 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); GELU itself,
    // 0.5 x (1 + erf(x / sqrt(2))); gate / (1 + e^-gate) * up. Absolute errors under 5e-7 for results of the size of 1.
    void (*gelu_tanh)(const float * x, int64_t n, float * y);
    void (*gelu_erf)(const float * x, int64_t n, float * y);
    void (*swiglu)(const float * gate, const float * up, int64_t n, float * y);
};

// The fastest product that takes such weights, or, with `exact`, the fastest of those that take rows of floats. Null where none
// does.
inline const linear_product * choose_product(const kernel_set & kernels, bool exact, ggml_type type, int64_t n_in,
                                             int64_t n_out) {
    for (const linear_product * product : kernels.products) {
        if ((product->x == row_format::f32 || !exact) && product->takes(type, n_in, n_out)) {
            return product;
        }
    }
    return nullptr;
}

// What this processor runs of those that were compiled, the best first. Never empty.
const std::vector<const kernel_set *> & runnable_kernels();

} // namespace omni
