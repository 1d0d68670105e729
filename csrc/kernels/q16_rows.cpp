// SPDX-License-Identifier: Apache-2.0
#include "q16_rows.h"

#include "pair_products.h"
#include "steps.h"

namespace omni::OMNI_VARIANT {

#if OMNI_HAS_PAIR_PRODUCTS

void q16_quantize(const float * x, int64_t n_in, uint8_t * out) {
    int16_t * codes  = (int16_t *) out;
    float *   scales = (float *) (codes + n_in);
    for (int64_t i = 0; i < n_in; i += n_q16_group) {
        scales[i / n_q16_group] = to_steps<n_q16_group, n_q16_step>(x + i, codes + i, [](int, simd::ivec) {});
    }
}

#else

void q16_quantize(const float *, int64_t, uint8_t *) {}

#endif

} // namespace omni::OMNI_VARIANT
