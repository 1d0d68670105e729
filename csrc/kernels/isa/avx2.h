// SPDX-License-Identifier: Apache-2.0
// AVX2 with FMA and F16C: Intel since Haswell, AMD since Zen.
#pragma once

namespace omni::OMNI_VARIANT::simd {
constexpr int width = 8;
}

#include "vectors.h"
#include "x86.h"

namespace omni::OMNI_VARIANT {

struct avx2 : x86_v3 {
    static vec load_f16(const simd::f16 * p) { return (vec) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p)); }

    static ivec dot_i16(ivec sum, ivec a, ivec b) { return sum + (ivec) _mm256_madd_epi16((__m256i) a, (__m256i) b); }

    template <bool small> static ivec dot_i8(ivec sum, ivec u, ivec s) {
        if constexpr (small) { // two products fit into 16 bits
            return sum + (ivec) _mm256_madd_epi16(_mm256_maddubs_epi16((__m256i) u, (__m256i) s), _mm256_set1_epi16(1));
        } else {
            return dot_i8_as_i16<avx2>(sum, u, s);
        }
    }
};

} // namespace omni::OMNI_VARIANT
