// SPDX-License-Identifier: Apache-2.0
// The inner product of 16-bit rows with a panel of weights in 16 bits, in registers: integer products inside a group of 32,
// float32 sums over the groups.
#pragma once

#include "multiply.h"
#include "pair_products.h"
#include "q16_rows.h"

namespace omni::OMNI_VARIANT {

#if OMNI_HAS_PAIR_PRODUCTS

// n_lane columns of weights: two codes of every column, then the next two; and of each group a scale of every column.
struct pair_panel {
    const int16_t * codes;
    const float *   scales;
    int             n_group;
};

constexpr int n_pair_row_block = simd::width == 16 ? 6 : 4; // rows of one register block

// A group of n_lane columns, given as rows of n_lane floats. The scale is a power of two, with which the larger values of
// float16 and bfloat16 stay as they are. It is not finite where a value is not.
inline void make_pairs(const float * values, int16_t * codes, float * scales) {
    using namespace simd;
    for (int half = 0; half < 2; half++) {
        const float * v = values + half * width;
        ivec largest = {};
        for (int i = 0; i < n_q16_group; i++) {
            largest = max(largest, (ivec) load(v + i * n_lane) & 0x7fffffff);
        }
        constexpr int32_t one_exponent = 1 << 23, infinity = 255 * one_exponent;
        const ivec exponent = max(largest & infinity, splat_int(27 * one_exponent)); // 2^-100, which leaves room below
        const vec  inverse  = (vec) ((127 + 12) * one_exponent - (exponent - 127 * one_exponent)); // of 4096 to 8192 steps
        store(scales + half * width, (vec) (largest >= infinity ? largest : exponent - 12 * one_exponent));
        const vec magic = splat(12582912.0f); // 1.5 * 2^23: in the sum, the lowest 16 bits are the nearest whole number
        for (int i = 0; i < n_q16_group; i += 2) {
            const ivec even = (ivec) (load(v + i * n_lane) * inverse + magic);
            const ivec odd  = (ivec) (load(v + (i + 1) * n_lane) * inverse + magic);
            store_int(codes + i * n_lane + half * 2 * width, (even & 0xffff) | (odd << 16));
        }
    }
}

// y[r][0..n_lane) (+)= row r times the panel
template <int n_row>
inline void multiply_pair_rows(const int16_t * x, const float * x_scales, size_t x_stride, const pair_panel & panel, float * y,
                               size_t y_stride, bool accumulate) {
    using namespace simd;
    vec total[n_row][2];
    for (int r = 0; r < n_row; r++) {
        total[r][0] = accumulate ? load(y + r * y_stride) : vec{};
        total[r][1] = accumulate ? load(y + r * y_stride + width) : vec{};
    }
    const int16_t * codes = panel.codes;
    for (int g = 0; g < panel.n_group; g++) {
        ivec sum[n_row][2] = {};
        for (int i = 0; i < n_q16_group; i += 2, x += 2, codes += 2 * n_lane) {
            const ivec a = load_int(codes), b = load_int(codes + 2 * width);
            for (int r = 0; r < n_row; r++) {
                int32_t two;
                std::memcpy(&two, (const char *) x + r * x_stride, sizeof(two));
                const ivec pair = splat_int(two);
                sum[r][0] = dot2(sum[r][0], a, pair);
                sum[r][1] = dot2(sum[r][1], b, pair);
            }
        }
        for (int r = 0; r < n_row; r++) {
            float scale;
            std::memcpy(&scale, (const char *) (x_scales + g) + r * x_stride, sizeof(scale));
            for (int c = 0; c < 2; c++) {
                total[r][c] = total[r][c] + to_float(sum[r][c]) * (splat(scale) * load(panel.scales + g * n_lane + c * width));
            }
        }
    }
    for (int r = 0; r < n_row; r++) {
        store(y + r * y_stride, total[r][0]);
        store(y + r * y_stride + width, total[r][1]);
    }
}

// The same for any number of rows; a row's result does not depend on how many there are.
inline void multiply_pairs(int n_row, const int16_t * x, const float * x_scales, size_t x_stride, const pair_panel & panel,
                           float * y, size_t y_stride, bool accumulate) {
    in_row_blocks<n_pair_row_block>(n_row, [&](auto n, int first) {
        multiply_pair_rows<n.value>((const int16_t *) ((const char *) x + first * x_stride),
                                    (const float *) ((const char *) x_scales + first * x_stride), x_stride, panel,
                                    y + first * y_stride, y_stride, accumulate);
    });
}

#endif

} // namespace omni::OMNI_VARIANT
