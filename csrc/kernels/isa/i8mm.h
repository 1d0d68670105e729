// SPDX-License-Identifier: Apache-2.0
// ARM with products of small matrices of bytes: Neoverse V1, Apple M2 and later.
#pragma once

#include "dotprod.h"

namespace omni::OMNI_VARIANT {

struct i8mm : dotprod {
    static constexpr int n_side_codes = 8;

    // Two rows with two columns: the eight products of each pair.
    template <bool> static ivec dot_i8(ivec sum, ivec rows, ivec columns) {
        return (ivec) vmmlaq_s32((int32x4_t) sum, (int8x16_t) rows, (int8x16_t) columns);
    }

    // Two rows with two columns at a time. A row without another is taken twice.
    template <typename, bool, int n_row, typename F>
    static void add_dots_i8(const int8_t * x, size_t x_stride, int first, int end, const uint8_t * codes, ivec (&sum)[n_row][2],
                            F && decode) {
        int32x4_t square[(n_row + 1) / 2][4] = {};
        for (int i = first; i < end; i += 8, codes += 16 * simd::width) {
            int8x16_t columns[4];
            for (int c = 0; c < 4; c++) {
                columns[c] = (int8x16_t) decode(simd::load_int(codes + 16 * c));
            }
            for (int r = 0; r < n_row; r += 2) {
                const int8_t *  one = x + r * x_stride + i, *other = r + 1 < n_row ? one + x_stride : one;
                const int8x16_t rows = vcombine_s8(vld1_s8(one), vld1_s8(other));
                for (int c = 0; c < 4; c++) {
                    square[r / 2][c] = vmmlaq_s32(square[r / 2][c], rows, columns[c]);
                }
            }
        }
        for (int r = 0; r < n_row; r++) {
            for (int v = 0; v < 2; v++) {
                const int64x2_t a = (int64x2_t) square[r / 2][2 * v], b = (int64x2_t) square[r / 2][2 * v + 1];
                sum[r][v] += (ivec) (r % 2 == 0 ? vtrn1q_s64(a, b) : vtrn2q_s64(a, b));
            }
        }
    }
};

} // namespace omni::OMNI_VARIANT
