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

    // there are 32 registers
    static constexpr int register_block_i8 = 6;
    static constexpr int register_block_i16 = 6;

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
