// SPDX-License-Identifier: Apache-2.0
// A strip of the weights is converted and laid out once, and then meets all rows of its part of x (Goto and van de Geijn 2008,
// "Anatomy of high-performance matrix multiplication").
#include "linear.h"

#include "k_blocks.h"
#include "multiply_codes.h"
#include "multiply_pairs.h"

namespace omni::OMNI_VARIANT {

namespace {

// Of each row of the weights, so much at a time: enough that reading and writing y between costs little, and few enough that a strip
// of n_lane columns stays near.
constexpr int64_t n_in_f32     = 256;
constexpr int64_t n_in_codes   = 512;
constexpr int64_t n_in_pairs   = 256;
constexpr int64_t n_in_convert = 256; // whole blocks of every type
constexpr int64_t n_row_part   = 512; // rows of one block of work; two threads share even the narrowest layer

// Asks for part `part` of `n_part` of the strip that this thread is likely to get next, since few rows leave no time to wait for
// the memory. A strip's columns lie one after the other: in their order, not that of the panels, memory is several times as fast.
void prefetch_strip(const linear_operands & p, size_t row_size, int64_t out_first, int64_t part, int64_t n_part) {
    constexpr size_t n_line = 64;
    out_first += n_lane * p.n_thread;
    if (out_first < p.n_out) {
        const size_t n = n_lane * row_size / n_line;
        const char * strip = (const char *) p.weight + out_first * row_size;
        for (size_t i = part * n / n_part; i < (part + 1) * n / n_part; i++) {
            simd::prefetch(strip + i * n_line);
        }
    }
}

// The panel of columns [out_first, out_first + n_lane) and values [in_first, in_first + n_in). Types that come in blocks go
// through `values`, which holds n_in_convert of each column from the last multiple of that on.
void make_panel(const linear_operands & p, int64_t out_first, int64_t in_first, int64_t n_in, float * values, float * panel) {
    const int64_t first = out_first * p.n_in + in_first;
    if (p.type == GGML_TYPE_F32) {
        return transpose_strip((const float *) p.weight + first, p.n_in, n_in, panel);
    }
    if (p.type == GGML_TYPE_F16) {
        return transpose_strip((const simd::f16 *) p.weight + first, p.n_in, n_in, panel);
    }
    if (p.type == GGML_TYPE_BF16) {
        return transpose_strip((const simd::bf16 *) p.weight + first, p.n_in, n_in, panel);
    }
    const int64_t at = in_first % n_in_convert;
    if (at == 0) {
        const auto to_float = ggml_get_type_traits(p.type)->to_float;
        for (int64_t o = 0; o < n_lane; o++) {
            to_float((const uint8_t *) p.weight + ggml_row_size(p.type, first + o * p.n_in), values + o * n_in_convert,
                     smaller(n_in_convert, p.n_in - in_first));
        }
    }
    transpose_strip(values + at, n_in_convert, n_in, panel);
}

void run_f32(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row) {
    alignas(64) float values[n_lane * n_in_convert];
    alignas(64) float panel[n_lane * n_in_f32];
    const float * x = (const float *) (p.x + row_first * p.x_stride);
    float *       y = p.y + row_first * p.n_out + out_first;
    const size_t  row_size = ggml_row_size(p.type, p.n_in);
    const int64_t n_block  = (p.n_in + n_in_f32 - 1) / n_in_f32;
    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_f32) {
        const int64_t n_in = smaller(n_in_f32, p.n_in - in_first);
        prefetch_strip(p, row_size, out_first, in_first / n_in_f32, n_block);
        make_panel(p, out_first, in_first, n_in, values, panel);
        multiply((int) n_row, x + in_first, p.x_stride / sizeof(float), panel, n_lane, (int) n_in, y, (size_t) p.n_out,
                 in_first > 0);
    }
}

#if OMNI_HAS_PAIR_PRODUCTS

void run_pairs(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row) {
    alignas(64) float   values[n_lane * n_in_convert];
    alignas(64) float   group[n_lane * n_q16_group];
    alignas(64) int16_t codes[n_lane * n_in_pairs];
    alignas(64) float   scales[n_lane * n_in_pairs / n_q16_group];
    const int16_t * x = (const int16_t *) (p.x + row_first * p.x_stride);
    const float *   x_scales = (const float *) (x + p.n_in);
    float *         y = p.y + row_first * p.n_out + out_first;
    const size_t    row_size = ggml_row_size(p.type, p.n_in);
    const int64_t   n_group  = p.n_in / n_q16_group;
    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_pairs) {
        const int64_t first_group = in_first / n_q16_group, n = smaller(n_in_pairs / n_q16_group, n_group - first_group);
        for (int64_t g = 0; g < n; g++) {
            prefetch_strip(p, row_size, out_first, first_group + g, n_group);
            make_panel(p, out_first, in_first + g * n_q16_group, n_q16_group, values, group);
            make_pairs(group, codes + g * n_q16_group * n_lane, scales + g * n_lane);
        }
        multiply_pairs((int) n_row, x + in_first, x_scales + first_group, p.x_stride, {codes, scales, (int) n}, y, (size_t) p.n_out,
                       in_first > 0);
    }
}

#endif

#if OMNI_HAS_CODE_PRODUCTS

// The panel of columns [out_first, out_first + n_lane) and values [in_first, in_first + n_in).
struct code_panel_memory {
    static constexpr int64_t n_scale = n_in_codes / 16;
    alignas(64) uint8_t codes[n_lane * n_in_codes];
    alignas(64) float   scales[n_lane * n_scale];
    alignas(64) float   minima[n_lane * n_scale];

    void make(const linear_operands & p, size_t row_size, int64_t out_first, int64_t in_first, int64_t n_in) {
        const uint8_t * rows = (const uint8_t *) p.weight + out_first * row_size;
        const int64_t n_k = p.n_in / n_k_block, first_k = in_first / n_k_block;
        for (int64_t k = 0; k * n_k_block < n_in; k++) {
            uint8_t *     to = codes + k * n_k_block * n_lane;
            const int64_t at = k * n_k_block / n_q8_group * n_lane;
            const int64_t n_half = p.type == GGML_TYPE_Q6_K ? 2 : 1;
            const uint8_t * blocks = rows + ggml_row_size(p.type, in_first + k * n_k_block);
            if (!lay_out_k_blocks(p.type, blocks, row_size, to, scales + n_half * at, minima + at)) {
                return make_by_columns(p, row_size, out_first, in_first, n_in);
            }
            prefetch_strip(p, row_size, out_first, first_k + k, n_k);
        }
    }

    void make_by_columns(const linear_operands & p, size_t row_size, int64_t out_first, int64_t in_first, int64_t n_in) {
        alignas(64) uint8_t column_codes[n_lane * n_in_codes];
        float column_scales[n_lane * n_scale];
        const int64_t n_block = (p.n_in + n_in_codes - 1) / n_in_codes;
        for (int64_t o = 0; o < n_lane; o++) {
            prefetch_strip(p, row_size, out_first, in_first / n_in_codes * n_lane + o, n_block * n_lane);
            unpack_codes(p.type, (const uint8_t *) p.weight + (out_first + o) * row_size, in_first, n_in,
                         column_codes + o * n_in_codes, column_scales + o * n_scale);
        }
        lay_out_codes(column_codes, n_in_codes, n_in, codes);
        transpose_strip(column_scales, n_scale, n_in / n_q8_group, scales);
    }
};

void run_codes(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row) {
    code_form form = {};
    code_form_of(p.type, &form);
    code_panel_memory memory;
    const uint8_t * x = p.x + row_first * p.x_stride;
    float *         y = p.y + row_first * p.n_out + out_first;
    const size_t    row_size = ggml_row_size(p.type, p.n_in);
    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_codes) {
        const int64_t n_in = smaller(n_in_codes, p.n_in - in_first);
        memory.make(p, row_size, out_first, in_first, n_in);
        const code_panel panel = {memory.codes, memory.scales, memory.minima, (int) (n_in / n_q8_group)};
        const auto multiply = form == code_form::offset        ? multiply_codes<code_form::offset>
                              : form == code_form::offset_half ? multiply_codes<code_form::offset_half>
                                                               : multiply_codes<code_form::minimum>;
        multiply((int) n_row, (const int8_t *) x + in_first, (const q8_group *) (x + p.n_in) + in_first / n_q8_group,
                 p.x_stride, panel, y, (size_t) p.n_out, in_first > 0);
    }
}

#endif

// Adds what comes after the product, while the block is in the cache.
void add_rest(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row) {
    using namespace simd;
    for (int64_t row = row_first; row < row_first + n_row; row++) {
        for (int64_t o = out_first; o < out_first + n_lane; o += width) {
            vec v = load(p.y + row * p.n_out + o);
            v = p.bias ? v + load(p.bias + o) : v;
            v = p.residual ? v + load(p.residual + row * p.n_out + o) : v;
            store(p.y + row * p.n_out + o, v);
        }
    }
}

} // namespace

bool linear_takes(row_format x, ggml_type type, int64_t n_in, int64_t n_out) {
    if (n_out % n_lane != 0 || n_in_convert % ggml_blck_size(type) != 0) {
        return false;
    }
    [[maybe_unused]] code_form form;
    switch (x) {
        case row_format::f32: return true;
#if OMNI_HAS_CODE_PRODUCTS
        case row_format::q8: return code_form_of(type, &form) && n_in % n_q8_group == 0;
#endif
#if OMNI_HAS_PAIR_PRODUCTS
        case row_format::q16: return type != GGML_TYPE_F32 && n_in % n_q16_group == 0;
#endif
        default: return false;
    }
}

size_t row_size(row_format format, int64_t n_in) {
    return format == row_format::q8    ? q8_row_size(n_in)
           : format == row_format::q16 ? q16_row_size(n_in)
                                       : n_in * sizeof(float);
}

void quantize(row_format format, const float * x, int64_t n_in, uint8_t * out) {
    switch (format) {
        case row_format::q8: return q8_quantize(x, n_in, out);
        case row_format::q16: return q16_quantize(x, n_in, out);
        case row_format::f32: std::memcpy(out, x, n_in * sizeof(float));
    }
}

int32_t linear_blocks(const linear_operands & p) {
    return (int32_t) (p.n_out / n_lane * ((p.n_row + n_row_part - 1) / n_row_part));
}

void linear_block(const linear_operands & p, int32_t block) {
    const int64_t n_strip = p.n_out / n_lane;
    const int64_t out_first = block % n_strip * n_lane, row_first = block / n_strip * n_row_part;
    const int64_t n_row = smaller(n_row_part, p.n_row - row_first);
    switch (p.x_format) {
        case row_format::f32: run_f32(p, out_first, row_first, n_row); break;
#if OMNI_HAS_CODE_PRODUCTS
        case row_format::q8: run_codes(p, out_first, row_first, n_row); break;
#endif
#if OMNI_HAS_PAIR_PRODUCTS
        case row_format::q16: run_pairs(p, out_first, row_first, n_row); break;
#endif
        default: break; // linear_takes has named no other
    }
    if (p.bias || p.residual) {
        add_rest(p, out_first, row_first, n_row);
    }
}

} // namespace omni::OMNI_VARIANT
