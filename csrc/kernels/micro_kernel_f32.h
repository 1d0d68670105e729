// SPDX-License-Identifier: Apache-2.0
// The product of float32 rows with a panel of float32 columns.
#pragma once

#include "panel.h"
#include "register_blocks.h"

#include <cstddef>

namespace omni::OMNI_VARIANT {

// c[r][0..n_column) (+)= sum over i of a[r][i] * panel[i][0..n_column)
template <int n_row>
inline void multiply_rows_f32(const float * a, size_t a_stride, const float * panel, int n, float * c, size_t c_stride,
                              bool accumulate) {
    using namespace simd;
    vec sum[n_row][2];
    for (int r = 0; r < n_row; r++) {
        sum[r][0] = accumulate ? load(c + r * c_stride) : vec{};
        sum[r][1] = accumulate ? load(c + r * c_stride + width) : vec{};
    }
    for (int i = 0; i < n; i++) {
        const vec b0 = load(panel + i * n_column);
        const vec b1 = load(panel + i * n_column + width);
        for (int r = 0; r < n_row; r++) {
            const vec x = splat(a[r * a_stride + i]);
            sum[r][0] = sum[r][0] + x * b0;
            sum[r][1] = sum[r][1] + x * b1;
        }
    }
    for (int r = 0; r < n_row; r++) {
        store(c + r * c_stride, sum[r][0]);
        store(c + r * c_stride + width, sum[r][1]);
    }
}

// The same for any number of rows; a row's result does not depend on how many there are.
inline void multiply_f32(int n_row, const float * a, size_t a_stride, const float * panel, int n, float * c, size_t c_stride,
                         bool accumulate) {
    in_register_blocks<isa::register_block_f32>(n_row, [&](auto count, int first) {
        multiply_rows_f32<count.value>(a + first * a_stride, a_stride, panel, n, c + first * c_stride, c_stride, accumulate);
    });
}

} // namespace omni::OMNI_VARIANT
