// SPDX-License-Identifier: Apache-2.0
// Normalisation of one row, in float32.
#pragma once

#include <cstdint>

namespace omni {

// y = x / sqrt(mean(x^2) + epsilon) * weight
void rms_norm(const float * x, int64_t n, const float * weight, float epsilon, float * y);

// y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias
void layer_norm(const float * x, int64_t n, const float * weight, const float * bias, float epsilon, float * y);

} // namespace omni
