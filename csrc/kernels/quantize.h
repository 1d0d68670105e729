// SPDX-License-Identifier: Apache-2.0
// Quantizing the values that share a scale.
#pragma once

#include "simd.h"

#include <cmath>

namespace omni::OMNI_VARIANT {

// Quantizes n values, a multiple of the vectors' width: the largest magnitude becomes largest_code. Calls each(i, vector i of
// the codes), and returns the scale, which is not finite where a value is not.
template <int n, int largest_code, typename F> inline float quantize_group(const float * x, F && each) {
    using namespace simd;
    constexpr int n_vec = n / width;
    // As integers, the bits of magnitudes have the order of the magnitudes, and NaN is above infinity.
    vec  v[n_vec];
    ivec largest_bits = {};
    for (int i = 0; i < n_vec; i++) {
        v[i] = load(x + i * width);
        largest_bits = max(largest_bits, (ivec) v[i] & 0x7fffffff);
    }
    const int32_t bits = reduce(largest_bits, [](ivec a, ivec b) { return max(a, b); });
    float         largest;
    std::memcpy(&largest, &bits, sizeof(largest));

    // magnitudes below 1e-30 become 0, since their inverse could be infinite
    const vec inverse = splat(largest > 1e-30f && std::isfinite(largest) ? largest_code / largest : 0.0f);
    const vec magic = splat(12582912.0f); // 1.5 * 2^23: in the sum, the lowest bits are the nearest whole number
    for (int i = 0; i < n_vec; i++) {
        each(i, (ivec) (v[i] * inverse + magic) - (ivec) magic);
    }
    return largest / largest_code;
}

// The same, and stores the codes.
template <int n, int largest_code, typename code, typename F>
inline float quantize_group(const float * x, code * codes, F && each) {
    using namespace simd;
    return quantize_group<n, largest_code>(x, [&](int i, ivec whole) {
        typedef code narrow __attribute__((vector_size(width * sizeof(code)), aligned(1), may_alias));
        *(narrow *) (codes + i * width) = __builtin_convertvector(whole, narrow);
        each(i, whole);
    });
}

} // namespace omni::OMNI_VARIANT
