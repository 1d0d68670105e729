// SPDX-License-Identifier: Apache-2.0
#include "norm.h"

#include "simd.h"

namespace omni::OMNI_VARIANT {

using namespace simd;

namespace {

// The mean of (x - centre)^2.
float mean_square(const float * x, int64_t n, float centre) {
    const vec c = splat(centre);
    vec       total = {};
    int64_t   i = 0;
    for (; i + width <= n; i += width) {
        const vec d = load(x + i) - c;
        total = total + d * d;
    }
    float rest = 0.0f;
    for (; i < n; i++) {
        rest += (x[i] - centre) * (x[i] - centre);
    }
    return (sum(total) + rest) / (float) n;
}

float mean(const float * x, int64_t n) {
    vec     total = {};
    int64_t i = 0;
    for (; i + width <= n; i += width) {
        total = total + load(x + i);
    }
    float rest = 0.0f;
    for (; i < n; i++) {
        rest += x[i];
    }
    return (sum(total) + rest) / (float) n;
}

} // namespace

void rms_norm(const float * x, int64_t n, const float * weight, float epsilon, float * y) {
    const float scale = 1.0f / std::sqrt(mean_square(x, n, 0.0f) + epsilon);
    for (int64_t i = 0; i < n; i++) {
        y[i] = x[i] * scale * weight[i];
    }
}

void layer_norm(const float * x, int64_t n, const float * weight, const float * bias, float epsilon, float * y) {
    const float centre = mean(x, n);
    const float scale = 1.0f / std::sqrt(mean_square(x, n, centre) + epsilon);
    for (int64_t i = 0; i < n; i++) {
        y[i] = (x[i] - centre) * scale * weight[i] + bias[i];
    }
}

} // namespace omni::OMNI_VARIANT
