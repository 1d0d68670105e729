// SPDX-License-Identifier: Apache-2.0
// The product of 14-bit rows with a panel of 14-bit weights: integer sums inside a group of 32, float32 sums over the groups.
#pragma once

#include "memory_ahead.h"
#include "panel.h"
#include "q14_rows.h"
#include "register_blocks.h"

namespace omni::OMNI_VARIANT {

// n_column columns of weights: two codes of every column, then the next two; and of each group a scale of every column.
struct q14_panel {
    const int16_t * codes;
    const float *   scales;
    int             n_group;
};

// Quantizes a group of n_column columns, given as rows of n_column floats. The scale is a power of two, with which the larger
// values of float16 and bfloat16 stay as they are. It is not finite where a value is not.
inline void quantize_q14_columns(const float * values, int16_t * codes, float * scales) {
    using namespace simd;
    for (int v = 0; v < 2; v++) {
        const float * in = values + v * width;
        ivec          largest = {};
        for (int i = 0; i < n_q14_group; i++) {
            largest = max(largest, (ivec) load(in + i * n_column) & 0x7fffffff);
        }
        constexpr int32_t one_exponent = 1 << 23, infinity = 255 * one_exponent;
        const ivec        exponent = max(largest & infinity, splat_int(27 * one_exponent)); // 2^-100, which leaves room below
        const vec inverse = (vec) ((127 + 12) * one_exponent - (exponent - 127 * one_exponent)); // the largest: 4096 to 8192
        store(scales + v * width, (vec) (largest >= infinity ? largest : exponent - 12 * one_exponent));
        const vec magic = splat(12582912.0f); // 1.5 * 2^23: in the sum, the lowest 16 bits are the nearest whole number
        for (int i = 0; i < n_q14_group; i += 2) {
            const ivec even = (ivec) (load(in + i * n_column) * inverse + magic);
            const ivec odd = (ivec) (load(in + (i + 1) * n_column) * inverse + magic);
            store_int(codes + i * n_column + v * 2 * width, (even & 0xffff) | (odd << 16));
        }
    }
}

// y[r][0..n_column) (+)= row r times the panel
template <int n_row>
inline void multiply_rows_q14(const int16_t * x, const float * x_scales, size_t x_stride, const q14_panel & panel, float * y,
                              size_t y_stride, bool accumulate, memory_ahead ahead) {
    using namespace simd;
    vec total[n_row][2];
    for (int r = 0; r < n_row; r++) {
        total[r][0] = accumulate ? load(y + r * y_stride) : vec{};
        total[r][1] = accumulate ? load(y + r * y_stride + width) : vec{};
    }
    const int16_t * codes = panel.codes;
    for (int g = 0; g < panel.n_group; g++) {
        ahead.step();
        ivec sum[n_row][2] = {};
        for (int i = 0; i < n_q14_group; i += 2, x += 2, codes += 2 * n_column) {
            const ivec a = load_int(codes), b = load_int(codes + 2 * width);
            for (int r = 0; r < n_row; r++) {
                int32_t two;
                std::memcpy(&two, (const char *) x + r * x_stride, sizeof(two));
                const ivec pair = splat_int(two);
                sum[r][0] = isa::dot_i16(sum[r][0], a, pair);
                sum[r][1] = isa::dot_i16(sum[r][1], b, pair);
            }
        }
        for (int r = 0; r < n_row; r++) {
            float scale;
            std::memcpy(&scale, (const char *) (x_scales + g) + r * x_stride, sizeof(scale));
            for (int v = 0; v < 2; v++) {
                const float * scales = panel.scales + g * n_column + v * width;
                total[r][v] = total[r][v] + to_float(sum[r][v]) * (splat(scale) * load(scales));
            }
        }
    }
    for (int r = 0; r < n_row; r++) {
        store(y + r * y_stride, total[r][0]);
        store(y + r * y_stride + width, total[r][1]);
    }
}

// The same for any number of rows; a row's result does not depend on how many there are.
inline void multiply_q14(int n_row, const int16_t * x, const float * x_scales, size_t x_stride, const q14_panel & panel,
                         float * y, size_t y_stride, bool accumulate, const memory_ahead & ahead) {
    in_register_blocks<isa::register_block_i16>(n_row, [&](auto n, int first) {
        multiply_rows_q14<n.value>((const int16_t *) ((const char *) x + first * x_stride),
                                   (const float *) ((const char *) x_scales + first * x_stride), x_stride, panel,
                                   y + first * y_stride, y_stride, accumulate,
                                   ahead.part(first, first + n.value, n_row, panel.n_group));
    });
}

} // namespace omni::OMNI_VARIANT
