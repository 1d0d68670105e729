// SPDX-License-Identifier: Apache-2.0
// Floats of 16 bits, as they lie in a file.
#pragma once

#include <cstdint>
#include <cstring>

namespace omni::OMNI_VARIANT::simd {

struct f16 {
    uint16_t bits;
};
struct bf16 {
    uint16_t bits;
};

inline float to_float(float x) { return x; }
inline float to_float(bf16 x) {
    const uint32_t bits = (uint32_t) x.bits << 16;
    float          f;
    std::memcpy(&f, &bits, sizeof(f));
    return f;
}

} // namespace omni::OMNI_VARIANT::simd
