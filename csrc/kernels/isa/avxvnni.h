// SPDX-License-Identifier: Apache-2.0
// AVX2 with the integer products of AVX-VNNI: Intel since Alder Lake, AMD since Zen 5.
#pragma once

#include "avx2.h"

namespace omni::OMNI_VARIANT {

struct avxvnni : avx2 {
    static ivec dot_i16(ivec sum, ivec a, ivec b) {
        return (ivec) _mm256_dpwssd_avx_epi32((__m256i) sum, (__m256i) a, (__m256i) b);
    }
    template <bool> static ivec dot_i8(ivec sum, ivec u, ivec s) {
        return (ivec) _mm256_dpbusd_avx_epi32((__m256i) sum, (__m256i) u, (__m256i) s);
    }
};

} // namespace omni::OMNI_VARIANT
