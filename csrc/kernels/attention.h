// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels.h"

namespace omni::OMNI_VARIANT {

size_t attention_scratch(int head_dim);
void   attend_tile(const attention_operands & p, const attention_tile & tile, float * scratch);

} // namespace omni::OMNI_VARIANT
