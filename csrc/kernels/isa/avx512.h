// SPDX-License-Identifier: Apache-2.0
// AVX-512 F, BW, DQ and VL: Intel since Skylake-X. It has no more products of 16 bits in an instruction than of float32.
#pragma once

namespace omni::OMNI_VARIANT::simd {
constexpr int width = 16;
}

#include "vectors.h"
#include "x86.h"

namespace omni::OMNI_VARIANT {

struct avx512 : x86_v3 {
    static vec load_f16(const simd::f16 * p) {
        return (vec) _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256((const __m256i *) p)); // the plain form warns
    }

    static ivec look_up(bytes16 table, ivec index) {
        return (ivec) _mm512_shuffle_epi8(_mm512_maskz_broadcast_i32x4(0xffff, (__m128i) table), (__m512i) index);
    }

    static ivec load_lanes(const uint8_t * first, size_t stride) {
        const auto lane = [=](int i) { return _mm_loadu_si128((const __m128i *) (first + i * stride)); };
        __m512i    v = _mm512_castsi128_si512(lane(0));
        v = _mm512_inserti32x4(v, lane(1), 1);
        v = _mm512_inserti32x4(v, lane(2), 2);
        return (ivec) _mm512_inserti32x4(v, lane(3), 3);
    }

    // there are 32 registers
    static constexpr int register_block_i8 = 6;
    static constexpr int register_block_i16 = 6;
    static constexpr int register_vectors_i16 = 4;

    static ivec dot_i16(ivec sum, ivec a, ivec b) { return sum + (ivec) _mm512_madd_epi16((__m512i) a, (__m512i) b); }

    template <bool small> static ivec dot_i8(ivec sum, ivec u, ivec s) {
        if constexpr (small) { // two products fit into 16 bits
            return sum + (ivec) _mm512_madd_epi16(_mm512_maddubs_epi16((__m512i) u, (__m512i) s), _mm512_set1_epi16(1));
        } else {
            return dot_i8_as_i16<avx512>(sum, u, s);
        }
    }
};

} // namespace omni::OMNI_VARIANT
