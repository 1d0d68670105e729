// SPDX-License-Identifier: Apache-2.0
// The product of micro_kernel_q8.h on AMX. Tiles give the integer sums of a group; these are scaled and added as there, in the
// same order, so that the results have the same bits.
#pragma once

#include "amx.h"
#include "micro_kernel_q8.h"

namespace omni::OMNI_VARIANT {

// Rows of a tile. Accumulators of 16 would need every register. With 12, the scaling of a group's sums takes 72 instructions,
// or 36 cycles of two vector units, beside which the tile unit has 32 to do at most: 16 for each product of two tiles.
constexpr int n_tile_row_q8 = 12;

// The values that a tile sums. Tile 0 has the rows; 1 and 2 have the weights, a vector of columns each; 3 and 4 the sums.
template <code_form form> constexpr int n_value_amx_q8 = form == code_form::offset_half ? 16 : 32;

template <code_form form> inline tile_configuration tile_sizes_q8(int n_row) {
    constexpr int      n_value = n_value_amx_q8<form>;
    const int          n_tile = smaller(n_row, n_tile_row_q8);
    tile_configuration sizes;
    sizes.set_size(0, n_tile, n_value);
    for (int v = 0; v < 2; v++) {
        sizes.set_size(1 + v, n_value / 4, n_tile_bytes);
        sizes.set_size(3 + v, n_tile, n_tile_bytes);
    }
    return sizes;
}

// y[r][0..n_column) (+)= row r times the panel, whose codes are signed. x and groups: the first row of the tile, of which
// n_done are left alone.
template <int n_row, code_form form>
inline void multiply_rows_amx_q8(const int8_t * x, const q8_group * groups, size_t x_stride, int n_done, const q8_panel & panel,
                                 float * y, size_t y_stride, bool accumulate) {
    using namespace simd;
    constexpr int       n_value = n_value_amx_q8<form>, n_half = (int) n_q8_group / n_value;
    const int           n_sum = panel.n_group * n_half;
    alignas(64) int32_t sums[2][n_tile_row_q8 * n_column];
    int32_t *           now = sums[0] + n_done * n_column; // of the first row that is not done
    int32_t *           next = sums[1] + n_done * n_column;

    const auto sum_tiles = [&](int i, int32_t * out) {
        const uint8_t * codes = panel.codes + (size_t) i * n_value * n_column;
        out -= n_done * n_column;
        isa::load_tile<0>(x + i * n_value, x_stride);
        isa::load_tile<1>(codes, panel_stride);
        isa::zero_tile<3>();
        isa::dot_tiles<3, 0, 1>();
        isa::store_tile<3>(out, n_column * sizeof(int32_t));
        isa::load_tile<2>(codes + n_tile_bytes, panel_stride);
        isa::zero_tile<4>();
        isa::dot_tiles<4, 0, 2>();
        isa::store_tile<4>(out + width, n_column * sizeof(int32_t));
    };

    vec total[n_row][2];
    for (int r = 0; r < n_row; r++) {
        total[r][0] = accumulate ? load(y + r * y_stride) : vec{};
        total[r][1] = accumulate ? load(y + r * y_stride + width) : vec{};
    }
    groups = (const q8_group *) ((const char *) groups + n_done * x_stride);
    sum_tiles(0, now);
    for (int i = 0; i < n_sum; i++) {
        if (i + 1 < n_sum) {
            sum_tiles(i + 1, next); // meanwhile these are scaled
        }
        const float * scales = panel.scales + i * n_column;
        const float * minima = panel.minima + i * n_column;
        const char *  row_groups = (const char *) (groups + i / n_half);
        for (int r = 0; r < n_row; r++, row_groups += x_stride) {
            const q8_group & group = *(const q8_group *) row_groups;
            for (int v = 0; v < 2; v++) {
                const ivec sum = load_int(now + r * n_column + v * width);
                total[r][v] = total[r][v] + to_float(sum) * (splat(group.scale) * load(scales + v * width));
                if (form == code_form::minimum) {
                    total[r][v] = total[r][v] + splat(group.minus_sum) * load(minima + v * width);
                }
            }
        }
        int32_t * const free = now;
        now = next;
        next = free;
    }
    for (int r = 0; r < n_row; r++) {
        store(y + r * y_stride, total[r][0]);
        store(y + r * y_stride + width, total[r][1]);
    }
}

// The same for any number of rows, with tiles of the sizes that tile_sizes_q8 gives for it.
template <code_form form>
inline void multiply_amx_q8(int n_row, const int8_t * x, const q8_group * groups, size_t x_stride, const q8_panel & panel,
                            float * y, size_t y_stride, bool accumulate) {
    in_register_blocks<n_tile_row_q8>(n_row, [&](auto n, int first) {
        const tile_rows tile = place_tile(n_row, n_tile_row_q8, first);
        multiply_rows_amx_q8<n.value, form>(x + tile.first * x_stride,
                                            (const q8_group *) ((const char *) groups + tile.first * x_stride), x_stride,
                                            tile.n_done, panel, y + first * y_stride, y_stride, accumulate);
    });
}

} // namespace omni::OMNI_VARIANT
