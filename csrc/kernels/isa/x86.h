// SPDX-License-Identifier: Apache-2.0
// What several instruction sets of x86 have in common. Included after vectors.h.
#pragma once

#include <immintrin.h>

namespace omni::OMNI_VARIANT {

// The four products of bytes u, without sign, and s as two pairs of products of 16 bits, of which every set of x86 has a sum.
template <typename set> inline simd::ivec dot_i8_as_i16(simd::ivec sum, simd::ivec u, simd::ivec s) {
    typedef int16_t  shorts __attribute__((vector_size(sizeof(simd::ivec))));
    typedef uint16_t ushorts __attribute__((vector_size(sizeof(simd::ivec))));
    const shorts     u_even = (shorts) ((ushorts) u & 255), u_odd = (shorts) ((ushorts) u >> 8);
    const shorts     s_even = ((shorts) ((ushorts) s << 8)) >> 8, s_odd = (shorts) s >> 8;
    return set::dot_i16(set::dot_i16(sum, (simd::ivec) u_even, (simd::ivec) s_even), (simd::ivec) u_odd, (simd::ivec) s_odd);
}

// x86-64-v3: what all processors with AVX2 have, whatever the width of a vector.
struct x86_v3 : vectors {
    static float convert_f16(simd::f16 x) { return _cvtsh_ss(x.bits); }
};

} // namespace omni::OMNI_VARIANT
