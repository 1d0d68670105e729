// Vectors as wide as those of amx, in the words of the compiler alone, with emulated tiles.
#pragma once

namespace omni::OMNI_VARIANT::simd {
constexpr int width = 16;
}

#include "kernels/isa/vectors.h"

#include "emulated_tiles.h"

namespace omni::OMNI_VARIANT {

struct plain_dots : vectors {
    template <bool> static ivec dot_i8(ivec sum, ivec u, ivec s) {
        for (int b = 0; b < 32; b += 8) {
            sum += (u >> b & 255) * (s << (24 - b) >> 24);
        }
        return sum;
    }
};

struct amx_emulated_anywhere : with_emulated_tiles<plain_dots> {};

} // namespace omni::OMNI_VARIANT
