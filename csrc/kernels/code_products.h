// SPDX-License-Identifier: Apache-2.0
// Products of weight codes with rows of 8 bits, summed in 32: the part of multiply_codes.h that every instruction set has its
// own way for.
#pragma once

#include "multiply.h"
#include "transpose.h"

namespace omni::OMNI_VARIANT {

#if (defined(__GNUC__) || defined(__clang__)) && (defined(__SSE2__) || defined(__aarch64__))
#define OMNI_HAS_CODE_PRODUCTS 1

using simd::ivec;

// lay_out_codes brings n_lane columns of n codes, stride apart, into the order that add_products takes; order_units does so with n
// units of 4 codes of every column that lie one after the other. add_products adds to each row's
// sums those of its values [first, end), whole groups of 16, with as many codes of every column. small: all codes are below 64.

#if defined(__ARM_FEATURE_MATMUL_INT8)

// 8 codes of every column, then the next 8.
inline void lay_out_codes(const uint8_t * columns, int64_t stride, int64_t n, uint8_t * out) {
    for (int64_t i = 0; i < n; i += 8) {
        for (int c = 0; c < n_lane; c++, out += 8) {
            std::memcpy(out, columns + c * stride + i, 8);
        }
    }
}

inline void order_units(uint8_t * codes, int n) {
    for (int unit = 0; unit < n; unit += 2, codes += 8 * n_lane) {
        int32_t * units = (int32_t *) codes;
        const int32x4_t a0 = vld1q_s32(units), a1 = vld1q_s32(units + 4), b0 = vld1q_s32(units + 8), b1 = vld1q_s32(units + 12);
        vst1q_s32(units, vzip1q_s32(a0, b0));
        vst1q_s32(units + 4, vzip2q_s32(a0, b0));
        vst1q_s32(units + 8, vzip1q_s32(a1, b1));
        vst1q_s32(units + 12, vzip2q_s32(a1, b1));
    }
}

// Two rows with two columns at a time. A row without another is taken twice.
template <bool small, int n_row>
inline void add_products(const int8_t * x, size_t x_stride, int first, int end, const uint8_t * codes, ivec (&sum)[n_row][2]) {
    int32x4_t square[(n_row + 1) / 2][4] = {};
    for (int i = first; i < end; i += 8, codes += 8 * n_lane) {
        int8x16_t columns[4];
        for (int c = 0; c < 4; c++) {
            columns[c] = vld1q_s8((const int8_t *) codes + 16 * c);
        }
        for (int r = 0; r < n_row; r += 2) {
            const int8_t * one = x + r * x_stride + i, * other = r + 1 < n_row ? one + x_stride : one;
            const int8x16_t rows = vcombine_s8(vld1_s8(one), vld1_s8(other));
            for (int c = 0; c < 4; c++) {
                square[r / 2][c] = vmmlaq_s32(square[r / 2][c], rows, columns[c]);
            }
        }
    }
    for (int r = 0; r < n_row; r++) {
        for (int half = 0; half < 2; half++) {
            const int64x2_t a = (int64x2_t) square[r / 2][2 * half], b = (int64x2_t) square[r / 2][2 * half + 1];
            sum[r][half] += (ivec) (r % 2 == 0 ? vtrn1q_s64(a, b) : vtrn2q_s64(a, b));
        }
    }
}

#else

// 4 codes of every column, then the next 4.
inline void lay_out_codes(const uint8_t * columns, int64_t stride, int64_t n, uint8_t * out) {
    transpose_strip((const float *) columns, stride / 4, n / 4, (float *) out);
}

inline void order_units(uint8_t *, int) {}

#if defined(__ARM_FEATURE_DOTPROD)

// One of the four parts of 16 values of each row. Which of them is a constant of the instruction.
template <int part, int n_row>
inline void add_part(const int8x16_t (&rows)[n_row], const uint8_t * codes, ivec (&sum)[n_row][2]) {
    for (int half = 0; half < 2; half++) {
        const int8x16_t columns = vld1q_s8((const int8_t *) codes + 4 * (part * n_lane + half * simd::width));
        for (int r = 0; r < n_row; r++) {
            sum[r][half] = (ivec) vdotq_laneq_s32((int32x4_t) sum[r][half], columns, rows[r], part);
        }
    }
}

template <bool small, int n_row>
inline void add_products(const int8_t * x, size_t x_stride, int first, int end, const uint8_t * codes, ivec (&sum)[n_row][2]) {
    for (int i = first; i < end; i += 16, codes += 16 * n_lane) {
        int8x16_t rows[n_row];
        for (int r = 0; r < n_row; r++) {
            rows[r] = vld1q_s8(x + r * x_stride + i);
        }
        add_part<0>(rows, codes, sum);
        add_part<1>(rows, codes, sum);
        add_part<2>(rows, codes, sum);
        add_part<3>(rows, codes, sum);
    }
}

#else

// Adds to each sum the four products of a code with a value, which is -127 at least. Two products fit into 16 bits where the
// codes are small, or signed.
template <bool small> inline ivec dot4(ivec sum, ivec u, ivec s) {
#if defined(__aarch64__)
    const int16x8_t low  = vmull_s8(vget_low_s8((int8x16_t) u), vget_low_s8((int8x16_t) s));
    const int16x8_t high = vmull_high_s8((int8x16_t) u, (int8x16_t) s);
    return (ivec) vpadalq_s16((int32x4_t) sum, vpaddq_s16(low, high));
#elif defined(__AVX512VNNI__)
    return (ivec) _mm512_dpbusd_epi32((__m512i) sum, (__m512i) u, (__m512i) s);
#elif defined(__AVXVNNI__)
    return (ivec) _mm256_dpbusd_avx_epi32((__m256i) sum, (__m256i) u, (__m256i) s);
#else
    typedef int16_t  half  __attribute__((vector_size(simd::width * sizeof(float))));
    typedef uint16_t uhalf __attribute__((vector_size(simd::width * sizeof(float))));
#if defined(__AVX2__)
    if (small) {
#if defined(__AVX512BW__)
        return sum + (ivec) _mm512_madd_epi16(_mm512_maddubs_epi16((__m512i) u, (__m512i) s), (__m512i) (half{} + 1));
#else
        return sum + (ivec) _mm256_madd_epi16(_mm256_maddubs_epi16((__m256i) u, (__m256i) s), (__m256i) (half{} + 1));
#endif
    }
#endif
    const half u_even = (half) ((uhalf) u & 255), u_odd = (half) ((uhalf) u >> 8);
    const half s_even = ((half) ((uhalf) s << 8)) >> 8, s_odd = (half) s >> 8;
#if defined(__AVX512BW__)
    return sum + (ivec) _mm512_madd_epi16((__m512i) u_even, (__m512i) s_even) +
           (ivec) _mm512_madd_epi16((__m512i) u_odd, (__m512i) s_odd);
#elif defined(__AVX2__)
    return sum + (ivec) _mm256_madd_epi16((__m256i) u_even, (__m256i) s_even) +
           (ivec) _mm256_madd_epi16((__m256i) u_odd, (__m256i) s_odd);
#else
    return sum + (ivec) _mm_madd_epi16((__m128i) u_even, (__m128i) s_even) +
           (ivec) _mm_madd_epi16((__m128i) u_odd, (__m128i) s_odd);
#endif
#endif
}

template <bool small, int n_row>
inline void add_products(const int8_t * x, size_t x_stride, int first, int end, const uint8_t * codes, ivec (&sum)[n_row][2]) {
    using namespace simd;
    for (int i = first; i < end; i += 4, codes += 4 * n_lane) {
        const ivec a = load_int(codes), b = load_int(codes + 4 * width);
        for (int r = 0; r < n_row; r++) {
            int32_t four;
            std::memcpy(&four, x + r * x_stride + i, 4);
            const ivec s = splat_int(four);
            sum[r][0] = dot4<small>(sum[r][0], a, s);
            sum[r][1] = dot4<small>(sum[r][1], b, s);
        }
    }
}

#endif
#endif
#endif

} // namespace omni::OMNI_VARIANT
