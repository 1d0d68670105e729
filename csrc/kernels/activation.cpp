// SPDX-License-Identifier: Apache-2.0
// NaN and infinity propagate, since x is a factor of every result.
#include "activation.h"

#include "simd.h"

namespace omni::OMNI_VARIANT {

using namespace simd;

namespace {

// y[i] = f(x[i], z[i]) in whole vectors, the last of them padded with zeros.
template <typename F> void each_vec(const float * x, const float * z, int64_t n, float * y, F && f) {
    int64_t i = 0;
    for (; i + width <= n; i += width) {
        store(y + i, f(load(x + i), load(z + i)));
    }
    if (i < n) {
        float a[width] = {}, b[width] = {};
        std::memcpy(a, x + i, (n - i) * sizeof(float));
        std::memcpy(b, z + i, (n - i) * sizeof(float));
        store(a, f(load(a), load(b)));
        std::memcpy(y + i, a, (n - i) * sizeof(float));
    }
}

// x / (1 + e^-u)
vec times_sigmoid(vec x, vec u) {
    const vec e = exp_negative(min(u, vec{} - u)); // of -|u|
    return x * where_below(u, 0.0f, e, splat(1.0f)) / (splat(1.0f) + e);
}

// x times the normal distribution at x. erfc is formula 7.1.26 of Abramowitz and Stegun, "Handbook of Mathematical Functions",
// 1964: of erf its error is under 1.5e-7.
vec times_normal(vec x) {
    const vec size = max(x, vec{} - x);
    const vec t = splat(1.0f) / (splat(1.0f) + splat(0.3275911f * 0.707106781f) * size);
    vec       p = splat(0.5f * 1.061405429f);
    p = p * t + splat(0.5f * -1.453152027f);
    p = p * t + splat(0.5f * 1.421413741f);
    p = p * t + splat(0.5f * -0.284496736f);
    p = p * t + splat(0.5f * 0.254829592f);
    const vec upper = p * t * exp_negative(x * x * splat(-0.5f)); // of size
    return x * where_below(x, 0.0f, upper, splat(1.0f) - upper);
}

} // namespace

void gelu_tanh(const float * x, int64_t n, float * y) {
    each_vec(x, x, n, y, [](vec v, vec) {
        return times_sigmoid(v, v * (splat(1.59576912f) + splat(1.59576912f * 0.044715f) * v * v)); // 2 sqrt(2/pi)
    });
}

void gelu_erf(const float * x, int64_t n, float * y) {
    each_vec(x, x, n, y, [](vec v, vec) { return times_normal(v); });
}

void swiglu(const float * gate, const float * up, int64_t n, float * y) {
    each_vec(gate, up, n, y, [](vec g, vec u) { return times_sigmoid(g, g) * u; });
}

} // namespace omni::OMNI_VARIANT
