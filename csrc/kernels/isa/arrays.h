// SPDX-License-Identifier: Apache-2.0
// Vectors as plain arrays, for compilers that have no others: their vectoriser sees through the loops. They are for kernels in
// float32, which need no vectors of integers. The file that includes this one has defined `simd::width` before.
#pragma once

#include "float16.h"
#include "ggml.h"

#include <cmath>
#include <cstring>

namespace omni::OMNI_VARIANT {

namespace simd {

inline void prefetch(const void *) {}

struct vec {
    float x[width];
    float operator[](int i) const { return x[i]; }
};

template <typename F> inline vec each(F f) {
    vec v;
    for (int i = 0; i < width; i++) {
        v.x[i] = f(i);
    }
    return v;
}

// Keeps the compiler from knowing the value of a vector, so that what is computed with it is neither left out nor merged.
inline void hide(vec & v) {
    for (float & x : v.x) {
        volatile float hidden = x;
        x = hidden;
    }
}

inline vec load(const float * p) {
    vec v;
    std::memcpy(&v, p, sizeof(v));
    return v;
}
inline vec load(const bf16 * p) {
    return each([=](int i) { return to_float(p[i]); });
}
inline void store(float * p, vec v) { std::memcpy(p, &v, sizeof(v)); }
inline vec  splat(float x) {
    return each([=](int) { return x; });
}
inline vec operator+(vec a, vec b) {
    return each([&](int i) { return a.x[i] + b.x[i]; });
}
inline vec operator-(vec a, vec b) {
    return each([&](int i) { return a.x[i] - b.x[i]; });
}
inline vec operator*(vec a, vec b) {
    return each([&](int i) { return a.x[i] * b.x[i]; });
}
inline vec operator/(vec a, vec b) {
    return each([&](int i) { return a.x[i] / b.x[i]; });
}
inline vec max(vec a, vec b) {
    return each([&](int i) { return a.x[i] > b.x[i] ? a.x[i] : b.x[i]; });
}
inline vec min(vec a, vec b) {
    return each([&](int i) { return a.x[i] < b.x[i] ? a.x[i] : b.x[i]; });
}
// low where x < limit, else y
inline vec where_below(vec x, float limit, vec low, vec y) {
    return each([&](int i) { return x.x[i] < limit ? low.x[i] : y.x[i]; });
}
// 2^n for whole n in [-126, 127]
inline vec exp2_whole(vec n) {
    return each([&](int i) { return std::ldexp(1.0f, (int) n.x[i]); });
}

inline float sum(vec v) {
    float s = 0.0f;
    for (int i = 0; i < width; i++) {
        s += v[i];
    }
    return s;
}

inline float max(vec v) {
    float m = v[0];
    for (int i = 1; i < width; i++) {
        m = v[i] > m ? v[i] : m;
    }
    return m;
}

inline void transpose(vec (&rows)[width]) {
    for (int i = 0; i < width; i++) {
        for (int j = 0; j < i; j++) {
            const float x = rows[i].x[j];
            rows[i].x[j] = rows[j].x[i];
            rows[j].x[i] = x;
        }
    }
}

} // namespace simd

struct arrays {
    static float     convert_f16(simd::f16 x) { return ggml_fp16_to_fp32(x.bits); }
    static simd::vec load_f16(const simd::f16 * p) {
        return simd::each([=](int i) { return convert_f16(p[i]); });
    }

    static constexpr int register_block_f32 = 6; // rows
    static constexpr int n_row_group = 1;        // no product has rows with scales
};

} // namespace omni::OMNI_VARIANT
