// SPDX-License-Identifier: Apache-2.0
// The product in 14 bits: weights of all types but float32, rounded to 14 bits, with the rows of q14_rows.h. It is nearly twice
// as fast as in float32.
#include "micro_kernel_q14.h"
#include "peak.h"
#include "weight_panels.h"

namespace omni::OMNI_VARIANT {

namespace {

constexpr int64_t n_in_panel = 256; // values of a column in a panel

bool takes(ggml_type type, int64_t n_in, int64_t n_out) {
    return fits_panels(type, n_out) && type != GGML_TYPE_F32 && n_in % n_q14_group == 0;
}

// A packed panel is one of codes and scales. Types of fewer bits would grow too much.
size_t packed_panel_size(ggml_type type, int64_t n_in) {
    return type == GGML_TYPE_F16 || type == GGML_TYPE_BF16 ? n_column * q14_row_size(n_in) : 0;
}

// Writes the codes and scales of groups [first, first + n) of the columns from out_first on.
void quantize_panel(const linear_operands & p, int64_t out_first, int64_t first, int64_t n, int16_t * codes, float * scales) {
    alignas(64) float values[n_column * n_in_convert];
    alignas(64) float group[n_column * n_q14_group];
    for (int64_t g = 0; g < n; g++) {
        convert_panel(p, out_first, (first + g) * n_q14_group, n_q14_group, values, group);
        quantize_q14_columns(group, codes + g * n_q14_group * n_column, scales + g * n_column);
    }
}

void multiply_panel(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row, float * sums,
                    size_t sums_stride) {
    alignas(64) int16_t codes[n_column * n_in_panel];
    alignas(64) float   scales[n_column * n_in_panel / n_q14_group];
    const int16_t *     x = (const int16_t *) (p.x + row_first * p.x_stride);
    const float *       x_scales = (const float *) (x + p.n_in);
    const size_t        packed_size = packed_panel_size(p.type, p.n_in);
    const size_t        panel_size = p.packed ? packed_size : n_column * ggml_row_size(p.type, p.n_in);
    const int64_t       n_group = p.n_in / n_q14_group;
    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_panel) {
        const int64_t first_group = in_first / n_q14_group, n = smaller(n_in_panel / n_q14_group, n_group - first_group);
        q14_panel     panel = {codes, scales, (int) n};
        if (p.packed) {
            const uint8_t * packed = (const uint8_t *) p.weight + out_first / n_column * packed_size;
            panel.codes = (const int16_t *) packed + in_first * n_column;
            panel.scales = (const float *) ((const int16_t *) packed + p.n_in * n_column) + first_group * n_column;
        } else {
            quantize_panel(p, out_first, first_group, n, codes, scales);
        }
        multiply_q14((int) n_row, x + in_first, x_scales + first_group, p.x_stride, panel, sums, sums_stride, in_first > 0,
                     next_panel(p, panel_size, out_first, first_group, first_group + n, n_group));
    }
}

void pack_panel(ggml_type type, int64_t n_in, const void * columns, uint8_t * packed) {
    linear_operands p = {};
    p.type = type;
    p.n_in = n_in;
    p.n_out = n_column;
    p.weight = columns;
    int16_t * codes = (int16_t *) packed;
    quantize_panel(p, 0, 0, n_in / n_q14_group, codes, (float *) (codes + n_in * n_column));
}

constexpr weight_packing packing_q14 = {n_column, packed_panel_size, pack_panel};

int64_t repeat_multiply_adds(int n_round) {
    using namespace simd;
    // small numbers in every value
    return repeat_dots(n_round, 2, splat_int(0x00150015), splat_int(0x00130013),
                       [](ivec sum, ivec column, ivec row) { return isa::dot_i16(sum, column, row); });
}

} // namespace

extern const linear_product product_q14;
const linear_product        product_q14 = {"int16",        row_format::q14,      takes,       q14_row_size, quantize_q14,
                                           multiply_panel, repeat_multiply_adds, &packing_q14};

} // namespace omni::OMNI_VARIANT
