// SPDX-License-Identifier: Apache-2.0
// Linear layers. Nothing is laid out in advance: a panel of the weights is converted and laid out when its turn comes, and then
// meets all rows of its block of work (Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication"). So a file
// stays mapped and shared. What a panel is, and how it meets the rows, is the product's.
#pragma once

#include "kernels.h"

namespace omni::OMNI_VARIANT {

int32_t count_linear_blocks(const linear_operands & p);
void    compute_linear_block(const linear_operands & p, int32_t block);

} // namespace omni::OMNI_VARIANT
