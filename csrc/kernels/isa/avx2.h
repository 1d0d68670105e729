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

    static ivec look_up(bytes16 table, ivec index) {
        return (ivec) _mm256_shuffle_epi8(_mm256_broadcastsi128_si256((__m128i) table), (__m256i) index);
    }

    static ivec load_lanes(const uint8_t * first, size_t stride) {
        const __m128i low = _mm_loadu_si128((const __m128i *) first),
                      high = _mm_loadu_si128((const __m128i *) (first + stride));
        return (ivec) _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    }

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
