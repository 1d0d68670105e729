// The instruction set amx with emulated tiles.
#pragma once

#include "kernels/isa/avx512vnni.h"

#include "emulated_tiles.h"

namespace omni::OMNI_VARIANT {

struct amx_emulated : with_emulated_tiles<avx512vnni> {};

} // namespace omni::OMNI_VARIANT
