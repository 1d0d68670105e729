// SPDX-License-Identifier: Apache-2.0
// Vectors in the words of GCC and Clang, which choose the instructions for them, and what every instruction set that has such
// vectors can do. The file that includes this one has defined `simd::width` before: the elements of a vector.
#pragma once

#include "float16.h"
#include "ggml.h"

#include <cstddef>
#include <cstring>
#include <utility>

namespace omni::OMNI_VARIANT {

namespace simd {

// Asks for a line of memory. The asm keeps GCC from dropping the calls of functions that do nothing else.
inline void prefetch(const void * p) {
    __builtin_prefetch(p, 0, 2);
    __asm__ volatile("");
}

// Keeps the compiler from knowing the value of a vector, so that what is computed with it is neither left out nor merged.
template <typename V> inline void hide(V & v) {
#if defined(__AVX512F__)
    constexpr size_t n_register = 64; // bytes
#elif defined(__AVX__)
    constexpr size_t n_register = 32;
#else
    constexpr size_t n_register = 16;
#endif
    if constexpr (sizeof(V) > n_register) { // NOLINT(bugprone-branch-clone): the constraints differ
        __asm__ volatile("" : "+m"(v));
    } else {
#if defined(__x86_64__)
        __asm__ volatile("" : "+v"(v));
#elif defined(__aarch64__)
        __asm__ volatile("" : "+w"(v));
#else
        __asm__ volatile("" : "+m"(v));
#endif
    }
}

typedef float    vec __attribute__((vector_size(width * sizeof(float))));
typedef int32_t  ivec __attribute__((vector_size(width * sizeof(float))));
typedef uint8_t  bytes16 __attribute__((vector_size(16)));
typedef uint16_t shorts __attribute__((vector_size(width * sizeof(uint16_t)), may_alias));

// Vectors in memory, where nothing is aligned to the size of a vector.
typedef float    stored_vec __attribute__((vector_size(width * sizeof(float)), aligned(4), may_alias));
typedef int32_t  stored_ivec __attribute__((vector_size(width * sizeof(float)), aligned(1), may_alias));
typedef uint16_t stored_shorts __attribute__((vector_size(width * sizeof(uint16_t)), aligned(2), may_alias));
typedef uint8_t  stored_bytes16 __attribute__((vector_size(16), aligned(1), may_alias));

inline vec  load(const float * p) { return *(const stored_vec *) p; }
inline vec  load(const bf16 * p) { return (vec) (__builtin_convertvector(*(const stored_shorts *) p, ivec) << 16); }
inline void store(float * p, vec v) { *(stored_vec *) p = v; }
inline vec  splat(float x) { return x - vec{}; }
inline vec  max(vec a, vec b) { return a > b ? a : b; }
inline vec  min(vec a, vec b) { return a < b ? a : b; }
// low where x < limit, else y
inline vec where_below(vec x, float limit, vec low, vec y) { return x < splat(limit) ? low : y; }
// 2^n for whole n in [-126, 127]
inline vec exp2_whole(vec n) { return (vec) ((__builtin_convertvector(n, ivec) + 127) << 23); }

inline ivec    load_int(const void * p) { return *(const stored_ivec *) p; }
inline void    store_int(void * p, ivec v) { *(stored_ivec *) p = v; }
inline ivec    splat_int(int32_t x) { return x - ivec{}; }
inline ivec    max(ivec a, ivec b) { return a > b ? a : b; }
inline vec     to_float(ivec v) { return __builtin_convertvector(v, vec); }
inline bytes16 load_bytes16(const void * p) { return *(const stored_bytes16 *) p; }

using elements = std::make_integer_sequence<int, width>;

// Exchanges each element with the one `distance` away, a power of two.
template <int distance, typename V, int... i> inline V exchange(V v, std::integer_sequence<int, i...>) {
    return __builtin_shufflevector(v, v, (i ^ distance)...);
}

// Elements of a and b in turn, from `first` on.
template <int first, int... i> inline ivec interleave(ivec a, ivec b, std::integer_sequence<int, i...>) {
    return __builtin_shufflevector(a, b, (first + i / 2 + i % 2 * width)...);
}

inline ivec interleave_low(ivec a, ivec b) { return interleave<0>(a, b, elements()); }
inline ivec interleave_high(ivec a, ivec b) { return interleave<width / 2>(a, b, elements()); }

// Combines elements half a vector apart, then a quarter, and so on: for operations whose order does not matter.
template <int distance = width / 2, typename V, typename F> inline auto reduce(V v, F && combine) {
    v = combine(v, exchange<distance>(v, elements()));
    if constexpr (distance > 1) {
        return reduce<distance / 2>(v, combine);
    } else {
        return v[0];
    }
}

inline float sum(vec v) {
    return reduce(v, [](vec a, vec b) { return a + b; });
}
inline float max(vec v) {
    return reduce(v, [](vec a, vec b) { return max(a, b); });
}

// Turns `width` rows of 4-byte values into columns, in place: each round interleaves the upper half of the rows with the lower,
// which moves one bit of the row number into the column number and one back.
template <typename V> inline void transpose(V (&rows)[width]) {
    for (int round = 1; round < width; round *= 2) {
        ivec next[width];
        for (int i = 0; i < width / 2; i++) {
            const ivec a = (ivec) rows[i], b = (ivec) rows[i + width / 2];
            next[2 * i] = interleave_low(a, b);
            next[2 * i + 1] = interleave_high(a, b);
        }
        for (int i = 0; i < width; i++) {
            rows[i] = (V) next[i];
        }
    }
}

} // namespace simd

struct vectors {
    using vec = simd::vec;
    using ivec = simd::ivec;
    using bytes16 = simd::bytes16;

    static float convert_f16(simd::f16 x) { return ggml_fp16_to_fp32(x.bits); }

    static vec load_f16(const simd::f16 * p) {
        vec v;
        for (int i = 0; i < simd::width; i++) {
            v[i] = convert_f16(p[i]);
        }
        return v;
    }

    // table[index] for every byte of a vector; an index is below 16
    static ivec look_up(bytes16 table, ivec index) {
        typedef uint8_t byte_vec __attribute__((vector_size(sizeof(ivec))));
        byte_vec        out;
        for (int i = 0; i < (int) sizeof(ivec); i++) {
            out[i] = table[((byte_vec) index)[i]];
        }
        return (ivec) out;
    }

    // 16 bytes from each of width / 4 places, stride bytes apart.
    static ivec load_lanes(const uint8_t * first, size_t stride) {
        ivec v;
        for (int i = 0; i < simd::width; i += 4) {
            std::memcpy((char *) &v + 4 * i, first + i / 4 * stride, 16);
        }
        return v;
    }

    // Rows of a register block: as many as there are registers for two accumulators each, beside two vectors of the panel.
    static constexpr int register_block_f32 = 6;
    static constexpr int register_block_i8 = 4;
    static constexpr int register_block_i16 = 4;
    static constexpr int register_vectors_i16 = 2; // accumulators of a row in a register block of micro_kernel_i16.h

    // The most values that share a scale in the rows of a product.
    static constexpr int n_row_group = 32;

    // Of dot_i8: the code of a weight of 0 where codes have an offset, which is 128 for unsigned bytes and 0 for signed ones;
    // and how many codes of a column lie side by side in a panel.
    static constexpr int code_zero = 128;
    static constexpr int n_side_codes = 4;

    // Adds to the sums of each row the products of its values [first, end), a multiple of 16, with as many codes of every
    // column of a panel, once decode has brought them into bytes of their own. small: all codes are below 64. `set` is the
    // instruction set that this is called for, whose dot_i8 adds the four products of its bytes to each element.
    template <typename set, bool small, int n_row, typename F>
    static void add_dots_i8(const int8_t * x, size_t x_stride, int first, int end, const uint8_t * codes, ivec (&sum)[n_row][2],
                            F && decode) {
        using namespace simd;
        for (int i = first; i < end; i += 4, codes += 8 * width) {
            const ivec a = decode(load_int(codes)), b = decode(load_int(codes + 4 * width));
            for (int r = 0; r < n_row; r++) {
                int32_t four;
                std::memcpy(&four, x + r * x_stride + i, 4);
                const ivec s = splat_int(four);
                sum[r][0] = set::template dot_i8<small>(sum[r][0], a, s);
                sum[r][1] = set::template dot_i8<small>(sum[r][1], b, s);
            }
        }
    }
};

} // namespace omni::OMNI_VARIANT
