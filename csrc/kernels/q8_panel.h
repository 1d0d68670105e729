// SPDX-License-Identifier: Apache-2.0
// Panels of weight codes, from weights of any type that weight_types.h has.
#pragma once

#include "micro_kernel_q8.h"
#include "weight_panels.h"

namespace omni::OMNI_VARIANT {

// Brings n units of 4 codes of every column, one after the other, into the order of a panel.
inline void join_units([[maybe_unused]] uint8_t * codes, [[maybe_unused]] int64_t n) {
    using namespace simd;
    static_assert(isa::n_side_codes == 4 || isa::n_side_codes == 8, "another order");
    if constexpr (isa::n_side_codes == 8) {
        for (int64_t unit = 0; unit < n; unit += 2, codes += 8 * n_column) {
            const ivec a0 = load_int(codes), a1 = load_int(codes + 4 * width);
            const ivec b0 = load_int(codes + 8 * width), b1 = load_int(codes + 12 * width);
            store_int(codes, interleave_low(a0, b0));
            store_int(codes + 4 * width, interleave_high(a0, b0));
            store_int(codes + 8 * width, interleave_low(a1, b1));
            store_int(codes + 12 * width, interleave_high(a1, b1));
        }
    }
}

// A panel of n_column columns and up to n_in values of each.
template <int64_t n_in> struct q8_panel_memory {
    static constexpr int64_t n_scale = n_in / 16;
    alignas(64) uint8_t codes[n_column * n_in];
    alignas(64) float scales[n_column * n_scale];
    alignas(64) float minima[n_column * n_scale];

    // Unpacks columns [out_first, out_first + n_column) and values [in_first, in_first + n).
    q8_panel unpack(const linear_operands & p, const weight_coding & coding, size_t row_size, int64_t out_first,
                    int64_t in_first, int64_t n) {
        const int64_t n_group = coding.n_weight / n_q8_group, n_half = coding.form == code_form::offset_half ? 2 : 1;
        weight_blocks blocks = {(const uint8_t *) p.weight + out_first * row_size + ggml_row_size(p.type, in_first), row_size};
        for (int64_t i = 0; i < n / coding.n_weight; i++, blocks.first += ggml_type_size(p.type)) {
            uint8_t *     to = codes + i * coding.n_weight * n_column;
            const int64_t at = i * n_group * n_column;
            coding.unpack(blocks, to, scales + n_half * at, minima + at);
            join_units(to, coding.n_weight / n_unit_codes);
        }
        return {codes, scales, minima, (int) (n / n_q8_group)};
    }
};

} // namespace omni::OMNI_VARIANT
