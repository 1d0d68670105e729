// SPDX-License-Identifier: Apache-2.0
// The product in 16 bits on AMX: weights of all types but float32, quantized like the rows of q16_rows.h that they are
// multiplied with.
#include "memory_ahead.h"
#include "micro_kernel_amx_q16.h"
#include "weight_blocks.h"
#include "weight_panels.h"

namespace omni::OMNI_VARIANT {

namespace {

// Values of a column in a panel. The panel, the sums, and 16 rows as long take 32 KB of the 48 that the first level of the
// cache of Sapphire Rapids has.
constexpr int64_t n_in_panel = n_in_convert;
constexpr int64_t n_panel_group = n_in_panel / n_q16_group;

bool takes(ggml_type type, int64_t n_in, int64_t n_out) {
    return fits_panels(type, n_out) && type != GGML_TYPE_F32 && n_in % n_q16_group == 0 && isa::permit_tiles();
}

template <typename value> void widen(const value * from, int64_t n, float * to) {
    for (int64_t i = 0; i < n; i += simd::width) {
        simd::store(to + i, simd::load(from + i));
    }
}

// Values [first, first + n) of the weights as floats.
void convert_values(const linear_operands & p, int64_t first, int64_t n, float * values) {
    switch (p.type) {
        case GGML_TYPE_F16:  return widen((const simd::f16 *) p.weight + first, n, values);
        case GGML_TYPE_BF16: return widen((const simd::bf16 *) p.weight + first, n, values);
        default:
            return ggml_get_type_traits(p.type)->to_float((const uint8_t *) p.weight + ggml_row_size(p.type, first), values, n);
    }
}

struct q16_panel_memory {
    alignas(64) uint8_t high[n_column * n_in_panel];
    alignas(64) uint8_t low[n_column * n_in_panel];
    alignas(64) float scales[n_column * n_panel_group];

    // Lays out columns [out_first, out_first + n_column) and values [in_first, in_first + n).
    q16_panel lay_out(const linear_operands & p, size_t row_size, int64_t out_first, int64_t in_first, int64_t n) {
        alignas(64) float   values[n_in_panel];
        alignas(64) uint8_t columns[n_column][2 * n_in_panel + n_panel_group * sizeof(float)];
        const int64_t       n_panel = (p.n_in + n_in_panel - 1) / n_in_panel;
        for (int64_t c = 0; c < n_column; c++) {
            const int64_t piece = in_first / n_in_panel * n_column + c;
            next_panel(p, n_column * row_size, out_first, piece, piece + 1, n_panel * n_column).step();
            convert_values(p, (out_first + c) * p.n_in + in_first, n, values);
            quantize_q16(values, 0, n, n, columns[c]);
            for (int64_t g = 0; g < n / n_q16_group; g++) {
                float scale;
                std::memcpy(&scale, columns[c] + 2 * n + g * sizeof(scale), sizeof(scale));
                scales[g * n_column + c] = 256.0f * scale;
            }
        }
        // the rows of codes are as columns of blocks
        const weight_blocks rows = {columns[0], sizeof(columns[0])};
        for (int64_t i = 0; i < n; i += 4 * n_unit_codes) {
            const int unit = (int) i / n_unit_codes;
            rows.each_unit(i, [&](int u, int v, simd::ivec four) { put_unit(high, unit + u, v, four); });
            rows.each_unit(n + i, [&](int u, int v, simd::ivec four) { put_unit(low, unit + u, v, four); });
        }
        return {high, low, scales, (int) (n / n_q16_group)};
    }
};

void multiply_panel(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row, float * sums,
                    size_t sums_stride) {
    q16_panel_memory memory;
    const uint8_t *  x = p.x + row_first * p.x_stride;
    const float *    x_scales = (const float *) (x + 2 * p.n_in);
    const size_t     weight_row_size = ggml_row_size(p.type, p.n_in);
    isa::configure_tiles(tile_sizes_q16((int) n_row));
    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_panel) {
        const int64_t   n_in = smaller(n_in_panel, p.n_in - in_first);
        const q16_panel panel = memory.lay_out(p, weight_row_size, out_first, in_first, n_in);
        multiply_amx_q16((int) n_row, x + in_first, x + p.n_in + in_first, x_scales + in_first / n_q16_group, p.x_stride, panel,
                         sums, sums_stride, in_first > 0);
    }
    isa::release_tiles();
}

// Three products of bytes make one of 16 bits.
int64_t repeat_multiply_adds(int n_round) { return repeat_tile_products(n_round) / 3; }

} // namespace

extern const linear_product product_amx_q16;
const linear_product        product_amx_q16 = {"16-bit tiles", row_format::q16,      takes,  q16_row_size, quantize_q16,
                                               multiply_panel, repeat_multiply_adds, nullptr};

} // namespace omni::OMNI_VARIANT
