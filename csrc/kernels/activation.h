// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace omni::OMNI_VARIANT {

void gelu_tanh(const float * x, int64_t n, float * y);
void gelu_erf(const float * x, int64_t n, float * y);
void swiglu(const float * gate, const float * up, int64_t n, float * y);

} // namespace omni::OMNI_VARIANT
