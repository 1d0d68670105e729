// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace omni::OMNI_VARIANT {

void rotate(const float * x, int head_dim, const float * table, float * y);

} // namespace omni::OMNI_VARIANT
