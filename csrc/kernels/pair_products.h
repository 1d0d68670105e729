// SPDX-License-Identifier: Apache-2.0
// Products of 16-bit codes, two at a time, summed in 32 bits.
#pragma once

#include "simd.h"

namespace omni::OMNI_VARIANT {

// Where they are faster than float32. Neither AVX-512 without VNNI nor ARM has an instruction that does more of them.
#if defined(__GNUC__) && defined(__SSE2__) && !(defined(__AVX512F__) && !defined(__AVX512VNNI__))
#define OMNI_HAS_PAIR_PRODUCTS 1

// Adds to each sum both products of its pair of codes.
inline simd::ivec dot2(simd::ivec sum, simd::ivec a, simd::ivec b) {
    using simd::ivec;
#if defined(__AVX512VNNI__)
    return (ivec) _mm512_dpwssd_epi32((__m512i) sum, (__m512i) a, (__m512i) b);
#elif defined(__AVXVNNI__)
    return (ivec) _mm256_dpwssd_avx_epi32((__m256i) sum, (__m256i) a, (__m256i) b);
#elif defined(__AVX2__)
    return sum + (ivec) _mm256_madd_epi16((__m256i) a, (__m256i) b);
#else
    return sum + (ivec) _mm_madd_epi16((__m128i) a, (__m128i) b);
#endif
}

#endif

} // namespace omni::OMNI_VARIANT
