// SPDX-License-Identifier: Apache-2.0
// Values of a group as whole steps of one size.
#pragma once

#include "simd.h"

#include <cmath>

namespace omni::OMNI_VARIANT {

#if defined(__GNUC__)

// Writes n values, a multiple of the vectors' width, as codes: the largest without sign becomes n_step or -n_step. Calls
// each(i, vector i of the codes), and returns the size of a step, which is not finite where a value is not.
template <int n, int n_step, typename code, typename F> inline float to_steps(const float * x, code * codes, F && each) {
    using namespace simd;
    constexpr int n_vec = n / width;
    // As integers, the bits of floats without sign have the order of the floats, and what is no number is above infinity.
    vec  v[n_vec];
    ivec largest_bits = {};
    for (int i = 0; i < n_vec; i++) {
        v[i]         = load(x + i * width);
        largest_bits = max(largest_bits, (ivec) v[i] & 0x7fffffff);
    }
    const int32_t bits = reduce(largest_bits, [](ivec a, ivec b) { return max(a, b); });
    float largest;
    std::memcpy(&largest, &bits, sizeof(largest));

    // below 1e-30 values count as 0, whose inverse would be infinite
    const vec inverse = splat(largest > 1e-30f && std::isfinite(largest) ? n_step / largest : 0.0f);
    const vec magic   = splat(12582912.0f); // 1.5 * 2^23: in the sum, the lowest bits are the nearest whole number
    for (int i = 0; i < n_vec; i++) {
        const ivec steps = (ivec) (v[i] * inverse + magic) - (ivec) magic;
        typedef code narrow __attribute__((vector_size(width * sizeof(code)), aligned(1), may_alias));
        *(narrow *) (codes + i * width) = __builtin_convertvector(steps, narrow);
        each(i, steps);
    }
    return largest / n_step;
}

#endif

} // namespace omni::OMNI_VARIANT
