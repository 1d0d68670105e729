// SPDX-License-Identifier: Apache-2.0
// One float vector of the widest kind the compiler targets. Compilers without vector extensions get a plain array that their
// vectoriser sees through.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace omni::simd {

#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif

#if defined(__GNUC__) || defined(__clang__)

typedef float   vec  __attribute__((vector_size(width * sizeof(float))));
typedef int32_t ivec __attribute__((vector_size(width * sizeof(float))));

// in memory a vector lies wherever its first float does
typedef float   stored __attribute__((vector_size(width * sizeof(float)), aligned(4), may_alias));

inline vec  load(const float * p) { return *(const stored *) p; }
inline void store(float * p, vec v) { *(stored *) p = v; }
inline vec  splat(float x) { return x - vec{}; }
inline vec  max(vec a, vec b) { return a > b ? a : b; }
inline vec  min(vec a, vec b) { return a < b ? a : b; }
// 0 where x < limit, else y
inline vec  zero_below(vec x, float limit, vec y) { return x < splat(limit) ? vec{} : y; }
// 2^n for whole n in [-126, 127]
inline vec  exp2_whole(vec n) { return (vec) ((__builtin_convertvector(n, ivec) + 127) << 23); }

#else

struct vec { float x[width]; float operator[](int i) const { return x[i]; } };

template <typename F> inline vec each(F f) { vec r; for (int i = 0; i < width; i++) { r.x[i] = f(i); } return r; }

inline vec  load(const float * p) { vec v; std::memcpy(&v, p, sizeof(v)); return v; }
inline void store(float * p, vec v) { std::memcpy(p, &v, sizeof(v)); }
inline vec  splat(float x) { return each([=](int) { return x; }); }
inline vec  operator+(vec a, vec b) { return each([&](int i) { return a.x[i] + b.x[i]; }); }
inline vec  operator-(vec a, vec b) { return each([&](int i) { return a.x[i] - b.x[i]; }); }
inline vec  operator*(vec a, vec b) { return each([&](int i) { return a.x[i] * b.x[i]; }); }
inline vec  max(vec a, vec b) { return each([&](int i) { return a.x[i] > b.x[i] ? a.x[i] : b.x[i]; }); }
inline vec  min(vec a, vec b) { return each([&](int i) { return a.x[i] < b.x[i] ? a.x[i] : b.x[i]; }); }
inline vec  zero_below(vec x, float limit, vec y) { return each([&](int i) { return x.x[i] < limit ? 0.0f : y.x[i]; }); }
inline vec  exp2_whole(vec n) { return each([&](int i) { return std::ldexp(1.0f, (int) n.x[i]); }); }

#endif

inline float sum(vec v) {
    float s = 0.0f;
    for (int i = 0; i < width; i++) { s += v[i]; }
    return s;
}

inline float max(vec v) {
    float m = v[0];
    for (int i = 1; i < width; i++) { m = v[i] > m ? v[i] : m; }
    return m;
}

// e^x for x <= 0, 0 below -87. Relative error under 2e-7: the range is cut to [-ln2/2, ln2/2] with ln2 in two parts, and the
// series of e^r is taken to its seventh power. Of a NaN it is NaN: max gives its second argument where the two don't compare.
inline vec exp_negative(vec x) {
    const vec c = max(splat(-87.0f), x);
    const vec magic = splat(12582912.0f); // 1.5 * 2^23: adding it rounds to the nearest whole number
    const vec n = (c * splat(1.44269504f) + magic) - magic;
    const vec r = (c - n * splat(0.693359375f)) + n * splat(2.12194440e-4f);
    vec p = splat(1.0f / 5040.0f);
    p = p * r + splat(1.0f / 720.0f);
    p = p * r + splat(1.0f / 120.0f);
    p = p * r + splat(1.0f / 24.0f);
    p = p * r + splat(1.0f / 6.0f);
    p = p * r + splat(0.5f);
    p = p * r + splat(1.0f);
    p = p * r + splat(1.0f);
    return zero_below(x, -87.0f, p * exp2_whole(n));
}

} // namespace omni::simd
