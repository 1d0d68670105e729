// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels.h"

namespace omni::OMNI_VARIANT {

extern const attention_method attention_f32; // of every instruction set
extern const attention_method attention_i16; // of those that the build names

} // namespace omni::OMNI_VARIANT
