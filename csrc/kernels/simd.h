// SPDX-License-Identifier: Apache-2.0
// What kernels are written in: the vectors and the primitives of the instruction set that this is compiled for.
#pragma once

#define OMNI_STRING_(x) #x
#define OMNI_STRING(x) OMNI_STRING_(x)
// clang-format off: it would put spaces into the name
#include OMNI_STRING(isa/OMNI_VARIANT.h)
// clang-format on

#include <cmath>

namespace omni::OMNI_VARIANT {

using isa = OMNI_VARIANT; // the struct of that name

// The linker merges functions of the same name, so that a std::max compiled with AVX-512 could run on a processor without it.
template <typename T> constexpr T smaller(T a, T b) { return b < a ? b : a; }
template <typename T> constexpr T larger(T a, T b) { return a < b ? b : a; }

namespace simd {

inline vec   load(const f16 * p) { return isa::load_f16(p); }
inline float to_float(f16 x) { return isa::convert_f16(x); }

// e^x for x <= 0, 0 below -87. Relative error under 2e-7: the range is cut to [-ln2/2, ln2/2] with ln2 in two parts, and the
// series of e^r is taken to its seventh power. Of a NaN it is NaN: max gives its second argument where the two don't compare.
inline vec exp_negative(vec x) {
    const vec c = max(splat(-87.0f), x);
    const vec magic = splat(12582912.0f); // 1.5 * 2^23: adding it rounds to the nearest whole number
    const vec n = (c * splat(1.44269504f) + magic) - magic;
    const vec r = (c - n * splat(0.693359375f)) + n * splat(2.12194440e-4f);
    vec       p = splat(1.0f / 5040.0f);
    p = p * r + splat(1.0f / 720.0f);
    p = p * r + splat(1.0f / 120.0f);
    p = p * r + splat(1.0f / 24.0f);
    p = p * r + splat(1.0f / 6.0f);
    p = p * r + splat(0.5f);
    p = p * r + splat(1.0f);
    p = p * r + splat(1.0f);
    return where_below(x, -87.0f, vec{}, p * exp2_whole(n));
}

} // namespace simd
} // namespace omni::OMNI_VARIANT
