// SPDX-License-Identifier: Apache-2.0
// What every x86-64 processor has.
#pragma once

#include "vector128.h"
#include "x86.h"

namespace omni::OMNI_VARIANT {

struct sse2 : vector128 {
    static ivec dot_i16(ivec sum, ivec a, ivec b) { return sum + (ivec) _mm_madd_epi16((__m128i) a, (__m128i) b); }
    template <bool> static ivec dot_i8(ivec sum, ivec u, ivec s) { return dot_i8_as_i16<sse2>(sum, u, s); }
};

} // namespace omni::OMNI_VARIANT
