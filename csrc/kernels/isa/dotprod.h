// SPDX-License-Identifier: Apache-2.0
// ARM with dot products of bytes: most processors since 2018.
#pragma once

#include "neon.h"

namespace omni::OMNI_VARIANT {

struct dotprod : neon {
    template <bool> static ivec dot_i8(ivec sum, ivec a, ivec b) {
        return (ivec) vdotq_s32((int32x4_t) sum, (int8x16_t) a, (int8x16_t) b);
    }

    template <typename, bool, int n_row, typename F>
    static void add_dots_i8(const int8_t * x, size_t x_stride, int first, int end, const uint8_t * codes, ivec (&sum)[n_row][2],
                            F && decode) {
        for (int i = first; i < end; i += 16, codes += 32 * simd::width) {
            int8x16_t rows[n_row];
            for (int r = 0; r < n_row; r++) {
                rows[r] = vld1q_s8(x + r * x_stride + i);
            }
            add_quarter<0>(rows, codes, sum, decode);
            add_quarter<1>(rows, codes, sum, decode);
            add_quarter<2>(rows, codes, sum, decode);
            add_quarter<3>(rows, codes, sum, decode);
        }
    }

private:
    // Four of the 16 values of each row. Which of them is a constant of the instruction.
    template <int quarter, int n_row, typename F>
    static void add_quarter(const int8x16_t (&rows)[n_row], const uint8_t * codes, ivec (&sum)[n_row][2], F && decode) {
        for (int v = 0; v < 2; v++) {
            const int8x16_t columns = (int8x16_t) decode(simd::load_int(codes + 4 * simd::width * (2 * quarter + v)));
            for (int r = 0; r < n_row; r++) {
                sum[r][v] = (ivec) vdotq_laneq_s32((int32x4_t) sum[r][v], columns, rows[r], quarter);
            }
        }
    }
};

} // namespace omni::OMNI_VARIANT
