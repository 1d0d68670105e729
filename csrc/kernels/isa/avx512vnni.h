// SPDX-License-Identifier: Apache-2.0
// AVX-512 with the integer products of VNNI: Intel since Cascade Lake, AMD since Zen 4.
#pragma once

#include "avx512.h"

namespace omni::OMNI_VARIANT {

struct avx512vnni : avx512 {
    static ivec dot_i16(ivec sum, ivec a, ivec b) {
        return (ivec) _mm512_dpwssd_epi32((__m512i) sum, (__m512i) a, (__m512i) b);
    }
    template <bool> static ivec dot_i8(ivec sum, ivec u, ivec s) {
        return (ivec) _mm512_dpbusd_epi32((__m512i) sum, (__m512i) u, (__m512i) s);
    }
};

} // namespace omni::OMNI_VARIANT
