// SPDX-License-Identifier: Apache-2.0
#include "q14_rows.h"

#include "quantize.h"

namespace omni::OMNI_VARIANT {

void quantize_q14_row(const float * x, int64_t n_in, uint8_t * out) {
    int16_t * codes = (int16_t *) out;
    float *   scales = (float *) (codes + n_in);
    for (int64_t i = 0; i < n_in; i += n_q14_group) {
        scales[i / n_q14_group] = quantize_group<n_q14_group, largest_q14>(x + i, codes + i, [](int, simd::ivec) {});
    }
}

} // namespace omni::OMNI_VARIANT
