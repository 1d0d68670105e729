// SPDX-License-Identifier: Apache-2.0
// Linear layers. Nothing is laid out in advance, so that a file stays mapped and shared: a panel of the weights is converted
// and laid out when it is needed, and then multiplied with all rows of a block of work (Goto and van de Geijn 2008, "Anatomy of
// high-performance matrix multiplication"). How this is done is up to the product. What follows a layer is computed block by
// block too, while the sums are in the cache.
#pragma once

#include "kernels.h"

namespace omni::OMNI_VARIANT {

int32_t count_linear_blocks(const linear_operands & p);
size_t  linear_scratch(int64_t n_row);
void    compute_linear_block(const linear_operands & p, int32_t index, float * scratch);

} // namespace omni::OMNI_VARIANT
