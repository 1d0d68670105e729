// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace omni::OMNI_VARIANT {

void rms_norm(const float * x, int64_t n, const float * weight, float epsilon, float * y);
void layer_norm(const float * x, int64_t n, const float * weight, const float * bias, float epsilon, float * y);

} // namespace omni::OMNI_VARIANT
