// SPDX-License-Identifier: Apache-2.0
// The product of 16-bit rows with a panel of 16-bit weights on AMX: integer sums inside a group of 64, float32 sums over the
// groups. A product of two codes is that of the high bytes, and the two of a high with a low byte; the product of the low bytes
// is left out. For normally distributed operands, whose largest of 64 is 2.6 deviations, this is an error of
// (256 / sqrt(12))^2 / (32639 / 2.6)^2 = 3.5e-5, in the root of the mean square; rounding a side to 16 bits is one of
// 1 / sqrt(12) / (32639 / 2.6) = 2.3e-5. All three are 4.8e-5, where the product in 14 bits has 1.2e-4. Split into parts of
// bfloat16, the weights would need the same three products, which take twice as long: a tile has half as many of their values.
#pragma once

#include "amx.h"
#include "q16_rows.h"

namespace omni::OMNI_VARIANT {

// n_column columns of weights: high and low bytes, 4 of every column and then the next 4, and of each group a scale of every
// column, which is that of its high codes.
struct q16_panel {
    const uint8_t * high;
    const uint8_t * low;
    const float *   scales;
    int             n_group;
};

// The sums of a group: of high bytes, 256 times as much, and of high with low.
static_assert(n_q16_group * 128 * 128 * (256 + 2) <= INT32_MAX, "a sum overflows");

// The tiles: 0 and 1 have the high and the low bytes of the rows, 2 and 3 of the weights. 4 and 5 sum the products of high
// bytes for a vector of columns each, 6 and 7 those of high with low.
inline tile_configuration tile_sizes_q16(int n_row) {
    const int          n_tile = smaller(n_row, n_tile_row);
    tile_configuration sizes;
    for (int part = 0; part < 2; part++) {
        sizes.set_size(part, n_tile, n_q16_group);
        sizes.set_size(2 + part, n_q16_group / 4, n_tile_bytes);
        sizes.set_size(4 + part, n_tile, n_tile_bytes);
        sizes.set_size(6 + part, n_tile, n_tile_bytes);
    }
    return sizes;
}

// The products of a group with a vector of columns, v.
template <int v>
inline void sum_columns_q16(const uint8_t * high, const uint8_t * low, int32_t * high_sums, int32_t * mixed_sums) {
    constexpr size_t stride = n_column * sizeof(int32_t);
    isa::zero_tile<4 + v>();
    isa::zero_tile<6 + v>();
    isa::load_tile<2>(high + v * n_tile_bytes, panel_stride);
    isa::load_tile<3>(low + v * n_tile_bytes, panel_stride);
    isa::dot_tiles<4 + v, 0, 2>();
    isa::dot_tiles<6 + v, 0, 3>();
    isa::dot_tiles<6 + v, 1, 2>();
    isa::store_tile<4 + v>(high_sums + v * simd::width, stride);
    isa::store_tile<6 + v>(mixed_sums + v * simd::width, stride);
}

// y[r][0..n_column) (+)= row r times the panel, for rows [n_done, n_done + n_row) of a tile. x: the high bytes of its first
// row, x_low: the low ones, x_scales: the scales, x_stride bytes from a row to the next.
inline void multiply_rows_amx_q16(const uint8_t * x, const uint8_t * x_low, const float * x_scales, size_t x_stride, int n_done,
                                  int n_row, const q16_panel & panel, float * y, size_t y_stride, bool accumulate) {
    using namespace simd;
    alignas(64) int32_t sums[2][2][n_tile_row * n_column]; // two groups; of high bytes, and of high with low

    const auto sum_tiles = [&](int g) {
        const uint8_t * high = panel.high + g * n_q16_group * n_column;
        const uint8_t * low = panel.low + g * n_q16_group * n_column;
        isa::load_tile<0>(x + g * n_q16_group, x_stride);
        isa::load_tile<1>(x_low + g * n_q16_group, x_stride);
        sum_columns_q16<0>(high, low, sums[g % 2][0], sums[g % 2][1]);
        sum_columns_q16<1>(high, low, sums[g % 2][0], sums[g % 2][1]);
    };

    sum_tiles(0);
    for (int g = 0; g < panel.n_group; g++) {
        if (g + 1 < panel.n_group) {
            sum_tiles(g + 1); // meanwhile these are scaled
        }
        const vec scales[2] = {load(panel.scales + g * n_column), load(panel.scales + g * n_column + width)};
        for (int r = 0; r < n_row; r++) {
            float scale;
            std::memcpy(&scale, (const char *) (x_scales + g) + (n_done + r) * x_stride, sizeof(scale));
            for (int v = 0; v < 2; v++) {
                const int  at = (n_done + r) * n_column + v * width;
                const ivec sum = (load_int(sums[g % 2][0] + at) << 8) + load_int(sums[g % 2][1] + at);
                float *    out = y + r * y_stride + v * width;
                const vec  before = accumulate || g > 0 ? load(out) : vec{};
                store(out, before + to_float(sum) * (splat(scale) * scales[v]));
            }
        }
    }
}

// The same for any number of rows, with tiles of the sizes that tile_sizes_q16 gives for it.
inline void multiply_amx_q16(int n_row, const uint8_t * x, const uint8_t * x_low, const float * x_scales, size_t x_stride,
                             const q16_panel & panel, float * y, size_t y_stride, bool accumulate) {
    for (int first = 0; first < n_row; first += n_tile_row) {
        const tile_rows tile = place_tile(n_row, n_tile_row, first);
        const size_t    at = tile.first * x_stride;
        multiply_rows_amx_q16(x + at, x_low + at, (const float *) ((const char *) x_scales + at), x_stride, tile.n_done,
                              smaller(n_row - first, n_tile_row), panel, y + first * y_stride, y_stride, accumulate);
    }
}

} // namespace omni::OMNI_VARIANT
