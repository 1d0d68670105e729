// SPDX-License-Identifier: Apache-2.0
// The K types. Their blocks of 256 weights have sub-blocks, of 32 or 16, with a scale each, which is a small integer times a
// float16 of the block; so is a minimum. Blocks are cut into units of 4 bytes, which are laid out beside the same units of the
// other columns and then unpacked with whole vectors: codes, scales and minima are bytes or bits of them, 4 bytes an element.
#include "weight_types.h"

#include "panel.h"

namespace omni::OMNI_VARIANT {

using namespace simd;

namespace {

// The block formats of GGUF files, as ggml-common.h has them.
struct block_q4_k {
    f16     scale, minimum;
    uint8_t sub_blocks[12];
    uint8_t low_high[128];
};
struct block_q5_k {
    f16     scale, minimum;
    uint8_t sub_blocks[12];
    uint8_t fifth[32];
    uint8_t low_high[128];
};
struct block_q6_k {
    uint8_t low_high[128];
    uint8_t upper[64];
    int8_t  sub_blocks[16];
    f16     scale;
};

static_assert(sizeof(block_q4_k) == 144 && sizeof(block_q5_k) == 176 && sizeof(block_q6_k) == 210, "a block has padding");

constexpr int n_unit = n_super_block / 4; // of the codes of a block
constexpr int n_sub_block_unit = 32 / 4;  // of those that share a scale and a minimum

// 4 bytes of the same value
constexpr int32_t bytes(int32_t value) { return value * 0x01010101; }

struct column_units {
    alignas(64) int32_t units[sizeof(block_q6_k) / 4 * n_column];

    // Reads the first n units of each column's block. The last vectors overlap those before them.
    template <int n> void read(const uint8_t * blocks, size_t stride) {
        static_assert(n >= width, "less than a vector");
        for (int first = 0; first < n; first += width) {
            const int from = first + width <= n ? first : n - width;
            for (int v = 0; v < 2; v++) {
                ivec block[width];
                for (int c = 0; c < width; c++) {
                    block[c] = load_int(blocks + (v * width + c) * stride + 4 * from);
                }
                transpose(block);
                for (int r = 0; r < width; r++) {
                    store_int(units + (from + r) * n_column + v * width, block[r]);
                }
            }
        }
    }

    ivec operator()(int unit, int v) const { return load_int(units + unit * n_column + v * width); }
};

void put(uint8_t * codes, int unit, int v, ivec four) { store_int(codes + (unit * n_column + v * width) * 4, four); }

// Reads a float16 of each column's block.
void read_float16(const uint8_t * blocks, size_t stride, size_t at, float * out) {
    for (int column = 0; column < n_column; column++) {
        f16 x;
        std::memcpy(&x, blocks + column * stride + at, sizeof(x));
        out[column] = to_float(x);
    }
}

// The scales and minima of a block that begins as block_q4_k does. Eight pairs of 6-bit integers lie in 12 bytes: four scales,
// four minima, and the lower 4 bits of the other pairs, whose upper bits are the two that the first eight bytes have left.
void read_scales_and_minima(const uint8_t * blocks, size_t stride, const column_units & u, float * scales, float * minima) {
    static_assert(offsetof(block_q5_k, minimum) == offsetof(block_q4_k, minimum) &&
                      offsetof(block_q5_k, sub_blocks) == offsetof(block_q4_k, sub_blocks),
                  "the two begin differently");
    float scale[n_column], minimum[n_column];
    read_float16(blocks, stride, offsetof(block_q4_k, scale), scale);
    read_float16(blocks, stride, offsetof(block_q4_k, minimum), minimum);
    for (int v = 0; v < 2; v++) {
        const auto put_four = [&](ivec four, const float * of_block, float * out) {
            const vec factor = load(of_block + v * width);
            for (int i = 0; i < 4; i++) {
                store(out + i * n_column + v * width, to_float(four >> 8 * i & 255) * factor);
            }
        };
        const ivec others = u(3, v);
        const auto last_four = [&](ivec low, ivec first) { return (low & bytes(15)) | (first >> 2 & bytes(48)); };
        put_four(u(1, v) & bytes(63), scale, scales);
        put_four(last_four(others, u(1, v)), scale, scales + 4 * n_column);
        put_four(u(2, v) & bytes(63), minimum, minima);
        put_four(last_four(others >> 4, u(2, v)), minimum, minima + 4 * n_column);
    }
}

void unpack_q4_k(const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales, float * minima) {
    column_units u;
    u.read<sizeof(block_q4_k) / 4>(blocks, stride);
    read_scales_and_minima(blocks, stride, u, scales, minima);
    for (int i = 0; i < n_unit / 2; i++) {
        const int unit = i / n_sub_block_unit * 2 * n_sub_block_unit + i % n_sub_block_unit;
        for (int v = 0; v < 2; v++) {
            const ivec packed = u((int) offsetof(block_q4_k, low_high) / 4 + i, v);
            put(codes, unit, v, packed & bytes(15));
            put(codes, unit + n_sub_block_unit, v, packed >> 4 & bytes(15));
        }
    }
}

void unpack_q5_k(const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales, float * minima) {
    column_units u;
    u.read<sizeof(block_q5_k) / 4>(blocks, stride);
    read_scales_and_minima(blocks, stride, u, scales, minima);
    for (int i = 0; i < n_unit / 2; i++) {
        const int pair = i / n_sub_block_unit, unit = pair * 2 * n_sub_block_unit + i % n_sub_block_unit; // of sub-blocks
        for (int v = 0; v < 2; v++) {
            const ivec packed = u((int) offsetof(block_q5_k, low_high) / 4 + i, v);
            const ivec fifth = u((int) offsetof(block_q5_k, fifth) / 4 + i % n_sub_block_unit, v) >> 2 * pair;
            put(codes, unit, v, (packed & bytes(15)) | (fifth & bytes(1)) << 4);
            put(codes, unit + n_sub_block_unit, v, (packed >> 4 & bytes(15)) | (fifth & bytes(2)) << 3);
        }
    }
}

// In the file, codes of 6 bits are 32 above their value; in a panel, code_zero above it.
void unpack_q6_k(const uint8_t * blocks, size_t stride, uint8_t * codes, float * scales, float *) {
    float scale[n_column];
    read_float16(blocks, stride, offsetof(block_q6_k, scale), scale);
    column_units u;
    u.read<sizeof(block_q6_k) / 4>(blocks, stride);
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < 16; i++) {
            const ivec sub_scale = u((int) offsetof(block_q6_k, sub_blocks) / 4 + i / 4, v) << (24 - 8 * (i % 4)) >> 24;
            store(scales + i * n_column + v * width, to_float(sub_scale) * load(scale + v * width));
        }
        for (int i = 0; i < n_unit / 2; i++) {
            // 16 units of either half of the block: their lower 4 bits are two codes each, of which the upper 2 bits of all
            // lie in 8 other units
            const int  end = i / 16, pair = i % 16 / 8;
            const ivec packed = u((int) offsetof(block_q6_k, low_high) / 4 + i, v);
            const ivec upper = u((int) offsetof(block_q6_k, upper) / 4 + 8 * end + i % 8, v) >> 2 * pair;
            const int  unit = 32 * end + 8 * pair + i % 8;
            const auto put_code = [&](int at, ivec six_bits) {
                typedef uint8_t byte_vec __attribute__((vector_size(sizeof(ivec))));
                put(codes, at, v, (ivec) ((byte_vec) six_bits + (uint8_t) (isa::code_zero - 32)));
            };
            put_code(unit, (packed & bytes(15)) | (upper & bytes(3)) << 4);
            put_code(unit + 16, (packed >> 4 & bytes(15)) | (upper >> 4 & bytes(3)) << 4);
        }
    }
}

} // namespace

const weight_coding coding_q4_k = {code_form::minimum, nullptr, unpack_q4_k};
const weight_coding coding_q5_k = {code_form::minimum, nullptr, unpack_q5_k};
const weight_coding coding_q6_k = {code_form::offset_half, nullptr, unpack_q6_k};

} // namespace omni::OMNI_VARIANT
