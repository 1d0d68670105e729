// SPDX-License-Identifier: Apache-2.0
// The product of 8-bit rows with a panel of weight codes: integer sums inside a group of 32, float32 sums over the groups.
#pragma once

#include "memory_ahead.h"
#include "panel.h"
#include "q8_rows.h"
#include "register_blocks.h"
#include "weight_types.h"

namespace omni::OMNI_VARIANT {

// n_column columns of weights: isa::n_side_codes codes of every column, then the next of every column, and so on. For each
// group one or two scales of every column, and a minimum where the form has them.
struct q8_panel {
    const uint8_t * codes;
    const float *   scales;
    const float *   minima;
    int             n_group;
};

// y[r][0..n_column) (+)= row r times the panel
template <int n_row, code_form form>
inline void multiply_rows_q8(const int8_t * x, const q8_group * groups, size_t x_stride, const q8_panel & panel, float * y,
                             size_t y_stride, bool accumulate, memory_ahead ahead) {
    using namespace simd;
    constexpr int  n_half = form == code_form::offset_half ? 2 : 1;
    constexpr bool in_halves = form == code_form::minimum_of_halves, has_minimum = in_halves || form == code_form::minimum;
    vec            total[n_row][2];
    for (int r = 0; r < n_row; r++) {
        total[r][0] = accumulate ? load(y + r * y_stride) : vec{};
        total[r][1] = accumulate ? load(y + r * y_stride + width) : vec{};
    }
    const uint8_t * codes = panel.codes;
    const float *   scales = panel.scales;
    const float *   minima = panel.minima;
    for (int g = 0; g < panel.n_group; g++, x += n_q8_group, minima += n_column) {
        ahead.step();
        for (int half = 0; half < n_half; half++, scales += n_column) {
            ivec sum[n_row][2];
            for (int r = 0; r < n_row; r++) {
                const q8_group & group = *(const q8_group *) ((const char *) (groups + g) + r * x_stride);
                ivec             start = {};
                if (isa::code_zero != 0 && form == code_form::offset) {
                    start = splat_int(group.offset);
                } else if (isa::code_zero != 0 && form == code_form::offset_half) {
                    start = splat_int(half == 0 ? group.offset - group.second_offset : group.second_offset);
                }
                sum[r][0] = sum[r][1] = start;
            }
            const int  first = 16 * half, end = (half + 1) * n_q8_group / n_half;
            const auto add_dots = [&](auto && decode) {
                isa::template add_dots_i8<isa, has_minimum>(x, x_stride, first, end, codes, sum, decode);
            };
            if (!in_halves) {
                add_dots([](ivec four) { return four; });
            } else if (g % 2 == 0) {
                add_dots([](ivec four) { return four & repeat_byte(15); });
            } else {
                add_dots([](ivec four) { return four >> 4 & repeat_byte(15); });
            }
            if (!in_halves || g % 2 == 1) {
                codes += (end - first) * n_column;
            }
            for (int r = 0; r < n_row; r++) {
                const q8_group & group = *(const q8_group *) ((const char *) (groups + g) + r * x_stride);
                for (int v = 0; v < 2; v++) {
                    total[r][v] = total[r][v] + to_float(sum[r][v]) * (splat(group.scale) * load(scales + v * width));
                    if (has_minimum) {
                        total[r][v] = total[r][v] + splat(group.minus_sum) * load(minima + v * width);
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
inline void multiply_q8(int n_row, const int8_t * x, const q8_group * groups, size_t x_stride, const q8_panel & panel,
                        float * y, size_t y_stride, bool accumulate, const memory_ahead & ahead) {
    in_register_blocks<isa::register_block_i8>(n_row, [&](auto n, int first) {
        multiply_rows_q8<n.value, form>(x + first * x_stride, (const q8_group *) ((const char *) groups + first * x_stride),
                                        x_stride, panel, y + first * y_stride, y_stride, accumulate,
                                        ahead.part(first, first + n.value, n_row, panel.n_group));
    });
}

} // namespace omni::OMNI_VARIANT
