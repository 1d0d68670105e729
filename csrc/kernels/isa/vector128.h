// SPDX-License-Identifier: Apache-2.0
// Any processor with vectors of 128 bits, in the words of GCC and Clang alone.
#pragma once

namespace omni::OMNI_VARIANT::simd {
constexpr int width = 4;
}

#include "vectors.h"

namespace omni::OMNI_VARIANT {

struct vector128 : vectors {};

} // namespace omni::OMNI_VARIANT
