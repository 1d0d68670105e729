// SPDX-License-Identifier: Apache-2.0
// Activations of n values, in float32. Errors are absolute, for results of the size of 1.
#pragma once

#include <cstdint>

namespace omni {

// GELU in its tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Error under 5e-7.
void gelu_tanh(const float * x, int64_t n, float * y);

// GELU itself: 0.5 x (1 + erf(x / sqrt(2))). Error under 5e-7.
void gelu_erf(const float * x, int64_t n, float * y);

// gate / (1 + e^-gate) * up
void swiglu(const float * gate, const float * up, int64_t n, float * y);

} // namespace omni
