// SPDX-License-Identifier: Apache-2.0
#include "q16_rows.h"

#include "quantize.h"

namespace omni::OMNI_VARIANT {

static_assert(simd::width == 16 && n_q16_group == isa::n_row_group, "vectors or groups of another size");

void quantize_q16(const float * x, int64_t first, int64_t n, int64_t n_in, uint8_t * row) {
    using namespace simd;
    uint8_t * high = row + first;
    uint8_t * low = row + n_in + first;
    float *   scales = (float *) (row + 2 * n_in) + first / n_q16_group;
    for (int64_t i = 0; i < n; i += n_q16_group) {
        // Codes are 128 too large, so that their bytes are the high byte, and a low byte that lacks its sign.
        ivec c[n_q16_group / width];
        scales[i / n_q16_group] = quantize_group<n_q16_group, largest_q16>(x + i, [&](int v, ivec code) { c[v] = code + 128; });
        constexpr int32_t even_bytes = 0x00ff00ff, signs = (int32_t) 0x80808080;
        const ivec        even = (c[0] & 0xffff) | (c[2] << 16), odd = (c[1] & 0xffff) | (c[3] << 16);
        store_int(high + i, (even >> 8 & even_bytes) | (odd & ~even_bytes));
        store_int(low + i, ((even & even_bytes) | (odd & even_bytes) << 8) ^ signs);
    }
}

} // namespace omni::OMNI_VARIANT
