// SPDX-License-Identifier: Apache-2.0
// A block is turned into units of 4 bytes that lie beside the same units of the other columns, and then taken apart with whole
// vectors: codes and factors are bytes or parts of bytes, so that 4 of them share an operation of a lane.
#include "k_blocks.h"

#include "weight_codes.h"

namespace omni::OMNI_VARIANT {

#if OMNI_HAS_CODE_PRODUCTS

using namespace simd;

namespace {

// The block formats of GGUF files, as ggml-common.h has them. A scale or minimum is a float16 that several small integers
// divide among parts of the block.
struct block_q4_k { f16 scale, minimum; uint8_t parts[12]; uint8_t low_high[128]; };
struct block_q5_k { f16 scale, minimum; uint8_t parts[12]; uint8_t fifth[32]; uint8_t low_high[128]; };
struct block_q6_k { uint8_t low_high[128]; uint8_t upper[64]; int8_t parts[16]; f16 scale; };

static_assert(sizeof(block_q4_k) == 144 && sizeof(block_q5_k) == 176 && sizeof(block_q6_k) == 210, "a block has padding");

constexpr int n_unit = n_k_block / 4;  // of the codes of a block
constexpr int n_part_unit = 32 / 4;    // of those that share a scale and a minimum

// 4 bytes of the same value
constexpr int32_t bytes(int32_t value) { return value * 0x01010101; }

struct column_units {
    alignas(64) int32_t units[sizeof(block_q6_k) / 4 * n_lane];

    // Of the first n units of each column's block. The last vectors overlap those before them.
    template <int n> void read(const uint8_t * blocks, size_t stride) {
        static_assert(n >= width, "less than a vector");
        for (int first = 0; first < n; first += width) {
            const int from = first + width <= n ? first : n - width;
            for (int half = 0; half < 2; half++) {
                ivec block[width];
                for (int r = 0; r < width; r++) {
                    block[r] = load_int(blocks + (half * width + r) * stride + 4 * from);
                }
                transpose(block);
                for (int r = 0; r < width; r++) {
                    store_int(units + (from + r) * n_lane + half * width, block[r]);
                }
            }
        }
    }

    ivec operator()(int unit, int half) const { return load_int(units + unit * n_lane + half * width); }
};

void put(uint8_t * codes, int unit, int half, ivec v) { store_int(codes + (unit * n_lane + half * width) * 4, v); }

// A float16 of each column's block.
void read_real(const uint8_t * blocks, size_t stride, size_t at, float * out) {
    for (int column = 0; column < n_lane; column++) {
        f16 x;
        std::memcpy(&x, blocks + column * stride + at, sizeof(x));
        out[column] = value(x);
    }
}

// The scales and minima of a block that begins as block_q4_k does. Eight pairs of 6-bit factors lie in 12 bytes: the first four
// whole, the others' upper bits in the first ones' two spare bits.
void read_parts(const uint8_t * blocks, size_t stride, const column_units & u, float * scales, float * minima) {
    static_assert(offsetof(block_q5_k, minimum) == offsetof(block_q4_k, minimum) &&
                  offsetof(block_q5_k, parts) == offsetof(block_q4_k, parts), "the two begin differently");
    float scale[n_lane], minimum[n_lane];
    read_real(blocks, stride, offsetof(block_q4_k, scale), scale);
    read_real(blocks, stride, offsetof(block_q4_k, minimum), minimum);
    for (int half = 0; half < 2; half++) {
        const auto spread = [&](ivec four, const float * real, float * out) {
            const vec r = load(real + half * width);
            for (int i = 0; i < 4; i++) {
                store(out + i * n_lane + half * width, to_float(four >> 8 * i & 255) * r);
            }
        };
        const ivec other = u(3, half);
        const auto later = [&](ivec low, ivec first) { return (low & bytes(15)) | (first >> 2 & bytes(48)); };
        spread(u(1, half) & bytes(63), scale, scales);
        spread(later(other, u(1, half)), scale, scales + 4 * n_lane);
        spread(u(2, half) & bytes(63), minimum, minima);
        spread(later(other >> 4, u(2, half)), minimum, minima + 4 * n_lane);
    }
}

void lay_out_q4_k(const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales, float * minima) {
    column_units u;
    u.read<sizeof(block_q4_k) / 4>(blocks, stride);
    read_parts(blocks, stride, u, scales, minima);
    for (int i = 0; i < n_unit / 2; i++) {
        const int unit = i / n_part_unit * 2 * n_part_unit + i % n_part_unit;
        for (int half = 0; half < 2; half++) {
            const ivec packed = u((int) offsetof(block_q4_k, low_high) / 4 + i, half);
            put(codes, unit, half, packed & bytes(15));
            put(codes, unit + n_part_unit, half, packed >> 4 & bytes(15));
        }
    }
}

void lay_out_q5_k(const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales, float * minima) {
    column_units u;
    u.read<sizeof(block_q5_k) / 4>(blocks, stride);
    read_parts(blocks, stride, u, scales, minima);
    for (int i = 0; i < n_unit / 2; i++) {
        const int part = i / n_part_unit, unit = part * 2 * n_part_unit + i % n_part_unit;
        for (int half = 0; half < 2; half++) {
            const ivec packed = u((int) offsetof(block_q5_k, low_high) / 4 + i, half);
            const ivec fifth  = u((int) offsetof(block_q5_k, fifth) / 4 + i % n_part_unit, half) >> 2 * part;
            put(codes, unit, half, (packed & bytes(15)) | (fifth & bytes(1)) << 4);
            put(codes, unit + n_part_unit, half, (packed >> 4 & bytes(15)) | (fifth & bytes(2)) << 3);
        }
    }
}

// Codes of 6 bits stand 32 above their value; here they are to stand code_zero above it.
void lay_out_q6_k(const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales) {
    float scale[n_lane];
    read_real(blocks, stride, offsetof(block_q6_k, scale), scale);
    column_units u;
    u.read<sizeof(block_q6_k) / 4>(blocks, stride);
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 16; i++) {
            const ivec part = u((int) offsetof(block_q6_k, parts) / 4 + i / 4, half) << (24 - 8 * (i % 4)) >> 24;
            store(scales + i * n_lane + half * width, to_float(part) * load(scale + half * width));
        }
        for (int i = 0; i < n_unit / 2; i++) {
            // 16 units of either half of the block: their lower 4 bits are two codes each, of which the upper 2 bits of all
            // lie in 8 other units
            const int end = i / 16, pair = i % 16 / 8;
            const ivec packed = u((int) offsetof(block_q6_k, low_high) / 4 + i, half);
            const ivec upper  = u((int) offsetof(block_q6_k, upper) / 4 + 8 * end + i % 8, half) >> 2 * pair;
            const int unit = 32 * end + 8 * pair + i % 8;
            const auto put_code = [&](int at, ivec six_bits) {
                typedef uint8_t bytes_of __attribute__((vector_size(sizeof(ivec))));
                put(codes, at, half, (ivec) ((bytes_of) six_bits + (uint8_t) (code_zero - 32)));
            };
            put_code(unit, (packed & bytes(15)) | (upper & bytes(3)) << 4);
            put_code(unit + 16, (packed >> 4 & bytes(15)) | (upper >> 4 & bytes(3)) << 4);
        }
    }
}

} // namespace

bool lay_out_k_blocks(ggml_type type, const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales, float * minima) {
    switch (type) {
        case GGML_TYPE_Q4_K: lay_out_q4_k(blocks, stride, codes, scales, minima); break;
        case GGML_TYPE_Q5_K: lay_out_q5_k(blocks, stride, codes, scales, minima); break;
        case GGML_TYPE_Q6_K: lay_out_q6_k(blocks, stride, codes, scales); break;
        default:             return false;
    }
    order_units(codes, n_unit);
    return true;
}

#endif

} // namespace omni::OMNI_VARIANT
