// SPDX-License-Identifier: Apache-2.0
// One float vector of the widest kind the compiler targets. Compilers without vector extensions get a plain array that their
// vectoriser sees through.
#pragma once

#include "ggml.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace omni::OMNI_VARIANT {

// The standard library's would be the same function in all variants, of which the linker keeps any.
template <typename T> constexpr T smaller(T a, T b) { return b < a ? b : a; }
template <typename T> constexpr T larger(T a, T b) { return a < b ? b : a; }

namespace simd {

#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif

// float16 and bfloat16 as they lie in a file
struct f16  { uint16_t bits; };
struct bf16 { uint16_t bits; };

inline float value(float x) { return x; }
inline float value(f16 x) {
#if defined(__F16C__)
    return _cvtsh_ss(x.bits);
#elif defined(__aarch64__)
    __fp16 f;
    std::memcpy(&f, &x.bits, sizeof(f));
    return f;
#else
    return ggml_fp16_to_fp32(x.bits);
#endif
}
inline float value(bf16 x) {
    const uint32_t bits = (uint32_t) x.bits << 16;
    float f;
    std::memcpy(&f, &bits, sizeof(f));
    return f;
}

#if defined(__GNUC__) || defined(__clang__)

// Asks for a line of memory. The asm keeps GCC from dropping the calls of functions that do nothing else.
inline void prefetch(const void * p) {
    __builtin_prefetch(p, 0, 2);
    __asm__ volatile("");
}

typedef float   vec  __attribute__((vector_size(width * sizeof(float))));
typedef int32_t ivec __attribute__((vector_size(width * sizeof(float))));

// in memory a vector lies wherever its first float does
typedef float   stored __attribute__((vector_size(width * sizeof(float)), aligned(4), may_alias));

inline vec  load(const float * p) { return *(const stored *) p; }
inline void store(float * p, vec v) { *(stored *) p = v; }
inline vec  splat(float x) { return x - vec{}; }
inline vec  max(vec a, vec b) { return a > b ? a : b; }
inline vec  min(vec a, vec b) { return a < b ? a : b; }
// low where x < limit, else y
inline vec  where_below(vec x, float limit, vec low, vec y) { return x < splat(limit) ? low : y; }
// 2^n for whole n in [-126, 127]
inline vec  exp2_whole(vec n) { return (vec) ((__builtin_convertvector(n, ivec) + 127) << 23); }

typedef int32_t stored_int __attribute__((vector_size(width * sizeof(float)), aligned(1), may_alias));

inline vec load(const f16 * p) {
#if defined(__AVX512F__)
    return (vec) _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256((const __m256i *) p)); // the plain form warns
#elif defined(__F16C__)
    return (vec) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p));
#elif defined(__aarch64__)
    return (vec) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(&p->bits)));
#else
    vec v;
    for (int i = 0; i < width; i++) { v[i] = value(p[i]); }
    return v;
#endif
}
inline vec load(const bf16 * p) {
    typedef uint16_t shorts __attribute__((vector_size(2 * width), aligned(2), may_alias));
    return (vec) (__builtin_convertvector(*(const shorts *) p, ivec) << 16);
}

inline ivec load_int(const void * p) { return *(const stored_int *) p; }
inline void store_int(void * p, ivec v) { *(stored_int *) p = v; }
inline ivec splat_int(int32_t x) { return x - ivec{}; }
inline vec  to_float(ivec v) { return __builtin_convertvector(v, vec); }
inline ivec max(ivec a, ivec b) { return a > b ? a : b; }

// The elements combined in pairs, the pairs in pairs, and so on; wherever one operation is as good as another in any order.
template <typename V, typename F> inline auto reduce(V v, F && combine) {
#if defined(__AVX512F__)
    v = combine(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    v = combine(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    v = combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
#elif defined(__AVX__)
    v = combine(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3));
    v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5));
    v = combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6));
#else
    v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
    v = combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2));
#endif
    return v[0];
}

inline float sum(vec v) { return reduce(v, [](vec a, vec b) { return a + b; }); }
inline float max(vec v) { return reduce(v, [](vec a, vec b) { return max(a, b); }); }

// Turns `width` rows of 4-byte values into columns, in place: each round interleaves the upper half of the rows with the lower,
// which moves one bit of the row number into the column number and one back.
inline void transpose(ivec (&rows)[width]) {
    for (int round = 1; round < width; round *= 2) {
        ivec next[width];
        for (int i = 0; i < width / 2; i++) {
            const ivec a = rows[i], b = rows[i + width / 2];
#if defined(__AVX512F__)
            next[2 * i]     = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif defined(__AVX__)
            next[2 * i]     = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
            next[2 * i]     = __builtin_shufflevector(a, b, 0, 4, 1, 5);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
        }
        for (int i = 0; i < width; i++) {
            rows[i] = next[i];
        }
    }
}

#else

inline void prefetch(const void *) {}

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
inline vec  operator/(vec a, vec b) { return each([&](int i) { return a.x[i] / b.x[i]; }); }
inline vec  where_below(vec x, float limit, vec low, vec y) {
    return each([&](int i) { return x.x[i] < limit ? low.x[i] : y.x[i]; });
}
inline vec  exp2_whole(vec n) { return each([&](int i) { return std::ldexp(1.0f, (int) n.x[i]); }); }

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

#endif

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
    return where_below(x, -87.0f, vec{}, p * exp2_whole(n));
}

} // namespace simd
} // namespace omni::OMNI_VARIANT
