// SPDX-License-Identifier: Apache-2.0
// The inner product of all kernels: rows times a panel of columns, in registers.
#pragma once

#include "row_blocks.h"
#include "simd.h"

#include <cstddef>

namespace omni::OMNI_VARIANT {

constexpr int n_lane      = 2 * simd::width; // columns of a panel
#if defined(__aarch64__)
constexpr int n_row_block = 8;               // rows of one register block: 16 accumulators, 2 operands, 8 broadcasts
#else
constexpr int n_row_block = 6;               // 12 accumulators, 2 operands, 1 broadcast
#endif

// c[r][0..n_lane) (+)= sum over i of a[r][i] * b[i][0..n_lane)
template <int n_row>
inline void multiply_rows(const float * a, size_t a_stride, const float * b, size_t b_stride, int n, float * c,
                          size_t c_stride, bool accumulate) {
    simd::vec acc[n_row][2];
    for (int r = 0; r < n_row; r++) {
        acc[r][0] = accumulate ? simd::load(c + r * c_stride) : simd::vec{};
        acc[r][1] = accumulate ? simd::load(c + r * c_stride + simd::width) : simd::vec{};
    }
    for (int i = 0; i < n; i++) {
        const simd::vec b0 = simd::load(b + i * b_stride);
        const simd::vec b1 = simd::load(b + i * b_stride + simd::width);
        for (int r = 0; r < n_row; r++) {
            const simd::vec x = simd::splat(a[r * a_stride + i]);
            acc[r][0] = acc[r][0] + x * b0;
            acc[r][1] = acc[r][1] + x * b1;
        }
    }
    for (int r = 0; r < n_row; r++) {
        simd::store(c + r * c_stride, acc[r][0]);
        simd::store(c + r * c_stride + simd::width, acc[r][1]);
    }
}

// The same for any number of rows; a row's result does not depend on how many there are.
inline void multiply(int n_row, const float * a, size_t a_stride, const float * b, size_t b_stride, int n, float * c,
                     size_t c_stride, bool accumulate) {
    in_row_blocks<n_row_block>(n_row, [&](auto count, int first) {
        multiply_rows<count.value>(a + first * a_stride, a_stride, b, b_stride, n, c + first * c_stride, c_stride, accumulate);
    });
}

} // namespace omni::OMNI_VARIANT
