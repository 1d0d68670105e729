// SPDX-License-Identifier: Apache-2.0
// Reading and writing what a panel's weights are unpacked by: units of 4 bytes, one of each column in a vector.
#pragma once

#include "panel.h"

namespace omni::OMNI_VARIANT {

constexpr int n_unit_codes = 4; // of a unit

// 4 bytes of the same value
constexpr simd::ivec repeat_byte(uint8_t value) { return simd::ivec{} + (int32_t) (value * 0x01010101u); }

inline simd::ivec add_bytes(simd::ivec a, uint8_t value) {
    typedef uint8_t byte_vec __attribute__((vector_size(sizeof(simd::ivec))));
    return (simd::ivec) ((byte_vec) a + value);
}

// The elements of a and b in turn within each 16 bytes, from the lower half of these or from the upper.
template <typename V, int... i> inline simd::ivec interleave_lanes(V a, V b, bool upper, std::integer_sequence<int, i...>) {
    constexpr int  n = sizeof(V) / sizeof(a[0]), n_lane = 16 / sizeof(a[0]); // elements
    constexpr auto source = [](int at, int first) { return at / n_lane * n_lane + first + at % n_lane / 2 + at % 2 * n; };
    return (simd::ivec) (upper ? __builtin_shufflevector(a, b, source(i, n_lane / 2)...)
                               : __builtin_shufflevector(a, b, source(i, 0)...));
}

// Reads 16 bytes of each of `width` columns, stride bytes apart: units[u] has the u-th 4 bytes of every column.
inline void load_units(const uint8_t * columns, size_t stride, simd::ivec (&units)[4]) {
    using simd::ivec;
    typedef int64_t                                            pairs __attribute__((vector_size(sizeof(ivec))));
    constexpr std::make_integer_sequence<int, simd::width>     each_unit;
    constexpr std::make_integer_sequence<int, simd::width / 2> each_pair;
    ivec                                                       lanes[4]; // of every fourth column
    for (int c = 0; c < 4; c++) {
        lanes[c] = isa::load_lanes(columns + c * stride, 4 * stride);
    }
    for (int upper = 0; upper < 2; upper++) {
        const pairs first = (pairs) interleave_lanes(lanes[0], lanes[1], upper, each_unit);
        const pairs last = (pairs) interleave_lanes(lanes[2], lanes[3], upper, each_unit);
        units[2 * upper] = interleave_lanes(first, last, false, each_pair);
        units[2 * upper + 1] = interleave_lanes(first, last, true, each_pair);
    }
}

// Blocks of n_column columns: stride bytes apart as in the file, or packed: then each unit and each float16 of a column lies beside
// those of the other columns, from n_column times its place in the block on.
struct weight_blocks {
    const uint8_t * first;
    size_t          stride; // 0: packed

    bool is_packed() const { return stride == 0; }

    // Calls use(u, v, units) for the 4 units that begin `at` bytes into each block: unit u of the columns of vector v.
    template <typename F> void each_unit(size_t at, F && use) const {
        for (int v = 0; v < 2; v++) {
            simd::ivec units[4];
            if (is_packed()) {
                for (int u = 0; u < 4; u++) {
                    units[u] = simd::load_int(first + (at + u * n_unit_codes) * n_column + v * sizeof(simd::ivec));
                }
            } else {
                load_units(first + v * simd::width * stride + at, stride, units);
            }
            for (int u = 0; u < 4; u++) {
                use(u, v, units[u]);
            }
        }
    }

    // Reads a float16 of each block.
    void read_float16(size_t at, float * out) const {
        for (int v = 0; v < 2; v++) {
            simd::shorts      bits;
            const simd::f16 * values = (const simd::f16 *) &bits;
            if (is_packed()) {
                values = (const simd::f16 *) (first + at * n_column) + v * simd::width;
            } else {
                bits = gather(at, v, simd::elements());
            }
            simd::store(out + v * simd::width, simd::load(values));
        }
    }

    // Packs the unit or float16 that begins `at` bytes into each block.
    template <typename T> void pack(size_t at, uint8_t * packed) const {
        for (int column = 0; column < n_column; column++) {
            std::memcpy(packed + column * sizeof(T), first + column * stride + at, sizeof(T));
        }
    }

private:
    // The float16 that begins `at` bytes into the blocks of vector v. An array in memory would be read before it is written out.
    template <int... column> simd::shorts gather(size_t at, int v, std::integer_sequence<int, column...>) const {
        const auto bits = [=](int i) {
            uint16_t of_block;
            std::memcpy(&of_block, first + (v * simd::width + i) * stride + at, sizeof(of_block));
            return of_block;
        };
        return simd::shorts{bits(column)...};
    }
};

// Writes unit `unit` of the columns of vector v to the codes of a panel.
inline void put_unit(uint8_t * codes, int unit, int v, simd::ivec four) {
    simd::store_int(codes + (unit * n_column + v * simd::width) * n_unit_codes, four);
}

} // namespace omni::OMNI_VARIANT
