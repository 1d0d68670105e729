// SPDX-License-Identifier: Apache-2.0
// The inner product of 8-bit rows with a panel of weight codes, in registers: integer products inside a group of 32, float32
// sums over the groups.
#pragma once

#include "code_products.h"
#include "q8_rows.h"
#include "weight_codes.h"

namespace omni::OMNI_VARIANT {

#if OMNI_HAS_CODE_PRODUCTS

// n_lane columns of weights: the codes as lay_out_codes has them, and of each group one or two scales of every column, and a
// minimum where the form has them.
struct code_panel {
    const uint8_t * codes;
    const float *   scales;
    const float *   minima;
    int             n_group;
};

// Rows of one register block: as many as the registers hold sums of.
#if defined(__aarch64__)
constexpr int n_code_row_block = 8;
#else
constexpr int n_code_row_block = simd::width == 16 ? 6 : 4;
#endif

// y[r][0..n_lane) (+)= row r times the panel
template <int n_row, code_form form>
inline void multiply_code_rows(const int8_t * x, const q8_group * groups, size_t x_stride, const code_panel & panel, float * y,
                               size_t y_stride, bool accumulate) {
    using namespace simd;
    constexpr int n_half = form == code_form::offset_half ? 2 : 1;
    vec total[n_row][2];
    for (int r = 0; r < n_row; r++) {
        total[r][0] = accumulate ? load(y + r * y_stride) : vec{};
        total[r][1] = accumulate ? load(y + r * y_stride + width) : vec{};
    }
    const uint8_t * codes  = panel.codes;
    const float *   scales = panel.scales;
    const float *   minima = panel.minima;
    for (int g = 0; g < panel.n_group; g++, x += n_q8_group, minima += n_lane) {
        for (int half = 0; half < n_half; half++, scales += n_lane) {
            ivec sum[n_row][2];
            for (int r = 0; r < n_row; r++) {
                const q8_group & group = *(const q8_group *) ((const char *) (groups + g) + r * x_stride);
                ivec start = {};
                if (code_zero != 0 && form == code_form::offset) {
                    start = splat_int(group.first_offset) + splat_int(group.second_offset);
                } else if (code_zero != 0 && form == code_form::offset_half) {
                    start = splat_int(half == 0 ? group.first_offset : group.second_offset);
                }
                sum[r][0] = sum[r][1] = start;
            }
            const int first = 16 * half, end = (half + 1) * n_q8_group / n_half;
            add_products<form == code_form::minimum>(x, x_stride, first, end, codes, sum);
            codes += (end - first) * n_lane;
            for (int r = 0; r < n_row; r++) {
                const q8_group & group = *(const q8_group *) ((const char *) (groups + g) + r * x_stride);
                for (int c = 0; c < 2; c++) {
                    total[r][c] = total[r][c] + to_float(sum[r][c]) * (splat(group.scale) * load(scales + c * width));
                    if (form == code_form::minimum) {
                        total[r][c] = total[r][c] + splat(group.minus_sum) * load(minima + c * width);
                    }
                }
            }
        }
    }
    for (int r = 0; r < n_row; r++) {
        store(y + r * y_stride, total[r][0]);
        store(y + r * y_stride + width, total[r][1]);
    }
}

// The same for any number of rows; a row's result does not depend on how many there are.
template <code_form form>
inline void multiply_codes(int n_row, const int8_t * x, const q8_group * groups, size_t x_stride, const code_panel & panel,
                           float * y, size_t y_stride, bool accumulate) {
    in_row_blocks<n_code_row_block>(n_row, [&](auto n, int first) {
        multiply_code_rows<n.value, form>(x + first * x_stride, (const q8_group *) ((const char *) groups + first * x_stride), x_stride,
                                          panel, y + first * y_stride, y_stride, accumulate);
    });
}

#endif

} // namespace omni::OMNI_VARIANT
