// SPDX-License-Identifier: Apache-2.0
#include "q8_rows.h"

#include "quantize.h"

namespace omni::OMNI_VARIANT {

void quantize_q8(const float * x, int64_t first, int64_t n, int64_t n_in, uint8_t * row) {
    using namespace simd;
    constexpr int n_vec = n_q8_group / width;
    int8_t *      codes = (int8_t *) row + first;
    q8_group *    groups = (q8_group *) (row + n_in) + first / n_q8_group;
    for (int64_t i = 0; i < n; i += n_q8_group) {
        q8_group & group = groups[i / n_q8_group];
        ivec       offsets[2] = {};
        const auto add_offsets = [&](int v, ivec whole) { offsets[2 * v / n_vec] -= 128 * whole; };
        group.scale = quantize_group<n_q8_group, 127>(x + i, codes + i, add_offsets);
        const auto add = [](ivec a, ivec b) { return a + b; };
        group.second_offset = reduce(offsets[1], add);
        group.offset = reduce(offsets[0], add) + group.second_offset;
        group.minus_sum = group.scale * (float) group.offset / 128.0f;
    }
}

} // namespace omni::OMNI_VARIANT
