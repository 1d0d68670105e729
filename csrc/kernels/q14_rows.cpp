// SPDX-License-Identifier: Apache-2.0
#include "q14_rows.h"

#include "quantize.h"

namespace omni::OMNI_VARIANT {

void quantize_q14(const float * x, int64_t first, int64_t n, int64_t n_in, uint8_t * row) {
    int16_t * codes = (int16_t *) row + first;
    float *   scales = (float *) ((int16_t *) row + n_in) + first / n_q14_group;
    for (int64_t i = 0; i < n; i += n_q14_group) {
        scales[i / n_q14_group] = quantize_group<n_q14_group, largest_q14>(x + i, codes + i, [](int, simd::ivec) {});
    }
}

} // namespace omni::OMNI_VARIANT
