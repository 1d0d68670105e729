// SPDX-License-Identifier: Apache-2.0
// Any processor, and any compiler: Microsoft's.
#pragma once

namespace omni::OMNI_VARIANT::simd {

// as wide as the vectors that the compiler may use
#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif

} // namespace omni::OMNI_VARIANT::simd

#include "arrays.h"

namespace omni::OMNI_VARIANT {

struct generic : arrays {};

} // namespace omni::OMNI_VARIANT
