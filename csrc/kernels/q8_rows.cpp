// SPDX-License-Identifier: Apache-2.0
#include "q8_rows.h"

#include "steps.h"

namespace omni::OMNI_VARIANT {

namespace {

#if defined(__GNUC__)

void quantize_group(const float * x, int8_t * codes, q8_group & group) {
    using namespace simd;
    constexpr int n_vec = n_q8_group / width;
    ivec offsets[2] = {};
    group.scale = to_steps<n_q8_group, 127>(x, codes, [&](int i, ivec steps) { offsets[2 * i / n_vec] -= 128 * steps; });
    const auto add = [](ivec a, ivec b) { return a + b; };
    group.first_offset  = reduce(offsets[0], add);
    group.second_offset = reduce(offsets[1], add);
    group.minus_sum     = group.scale * ((float) group.first_offset + (float) group.second_offset) / 128.0f;
}

#else

void quantize_group(const float * x, int8_t * codes, q8_group & group) {
    float largest = 0.0f, poison = 0.0f; // poison is not a number where a value is none, or infinite
    for (int i = 0; i < n_q8_group; i++) {
        largest = std::fmax(largest, std::fabs(x[i]));
        poison += x[i] * 0.0f;
    }
    const float inverse = largest > 0.0f && poison == 0.0f ? 127.0f / largest : 0.0f;
    int32_t offsets[2] = {0, 0};
    for (int i = 0; i < n_q8_group; i++) {
        codes[i] = poison == 0.0f ? (int8_t) std::nearbyint(x[i] * inverse) : 0;
        offsets[i / 16] -= 128 * codes[i];
    }
    group.scale         = largest / 127.0f + poison;
    group.first_offset  = offsets[0];
    group.second_offset = offsets[1];
    group.minus_sum     = group.scale * ((float) offsets[0] + (float) offsets[1]) / 128.0f;
}

#endif

} // namespace

void q8_quantize(const float * x, int64_t n_in, uint8_t * out) {
    q8_group * groups = (q8_group *) (out + n_in);
    for (int64_t i = 0; i < n_in; i += n_q8_group) {
        quantize_group(x + i, (int8_t *) out + i, groups[i / n_q8_group]);
    }
}

} // namespace omni::OMNI_VARIANT
