// SPDX-License-Identifier: Apache-2.0
// The K types. Their blocks of 256 weights have sub-blocks, of 32 or 16, with a scale each, which is a small integer times a
// float16 of the block; so is a minimum.
#include "weight_types.h"

namespace omni::OMNI_VARIANT {

using namespace simd;

namespace {

// The block formats of GGUF files, as ggml-common.h has them.
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

constexpr int n_sub_block_unit = 32 / n_unit_codes; // of the codes that share a scale and a minimum

// 16 bytes at a time; 32 of them are a pair of sub-blocks, the lower halves of the bytes before the upper ones.
void unpack_q4_k(const weight_blocks & blocks, uint8_t * codes, float * scales, float * minima) {
    read_scales_and_minima(blocks, scales, minima);
    for (int i = 0; i < 8; i++) {
        blocks.each_unit(offsetof(block_q4_k, low_high) + 16 * i, [=](int u, int v, ivec packed) {
            const int unit = i / 2 * 2 * n_sub_block_unit + i % 2 * 4 + u;
            put_unit(codes, unit, v, packed & repeat_byte(15));
            put_unit(codes, unit + n_sub_block_unit, v, packed >> 4 & repeat_byte(15));
        });
    }
}

void unpack_q5_k(const weight_blocks & blocks, uint8_t * codes, float * scales, float * minima) {
    read_scales_and_minima(blocks, scales, minima);
    ivec fifth[n_sub_block_unit][2]; // bit i of a byte belongs to sub-block i
    for (int part = 0; part < 2; part++) {
        blocks.each_unit(offsetof(block_q5_k, fifth) + 16 * part,
                         [&](int u, int v, ivec unit) { fifth[4 * part + u][v] = unit; });
    }
    for (int i = 0; i < 8; i++) {
        blocks.each_unit(offsetof(block_q5_k, low_high) + 16 * i, [&](int u, int v, ivec packed) {
            const int  pair = i / 2, of_sub_block = i % 2 * 4 + u, unit = pair * 2 * n_sub_block_unit + of_sub_block;
            const ivec bits = fifth[of_sub_block][v] >> 2 * pair;
            put_unit(codes, unit, v, (packed & repeat_byte(15)) | (bits & repeat_byte(1)) << 4);
            put_unit(codes, unit + n_sub_block_unit, v, (packed >> 4 & repeat_byte(15)) | (bits & repeat_byte(2)) << 3);
        });
    }
}

// In the file, codes of 6 bits are 32 above their value; in a panel, code_zero above it.
void unpack_q6_k(const weight_blocks & blocks, uint8_t * codes, float * scales, float *) {
    float of_block[n_column];
    blocks.read_float16(offsetof(block_q6_k, scale), of_block);
    blocks.each_unit(offsetof(block_q6_k, sub_blocks), [&](int u, int v, ivec four) {
        for (int i = 0; i < 4; i++) {
            const ivec scale = four << (24 - 8 * i) >> 24;
            store(scales + (4 * u + i) * n_column + v * width, to_float(scale) * load(of_block + v * width));
        }
    });
    for (int end = 0; end < 2; end++) { // either half of the block
        ivec upper[8][2];
        for (int part = 0; part < 2; part++) {
            blocks.each_unit(offsetof(block_q6_k, upper) + 32 * end + 16 * part,
                             [&](int u, int v, ivec unit) { upper[4 * part + u][v] = unit; });
        }
        for (int i = 0; i < 4; i++) {
            // the lower 4 bits of two codes each, of which the upper 2 bits lie in the same unit of `upper`
            blocks.each_unit(offsetof(block_q6_k, low_high) + 64 * end + 16 * i, [&](int u, int v, ivec packed) {
                const int  unit = 32 * end + 4 * i + u;
                const ivec bits = upper[i % 2 * 4 + u][v] >> i / 2 * 2;
                const auto put_code = [=](int at, ivec six_bits) {
                    put_unit(codes, at, v, add_bytes(six_bits, (uint8_t) (isa::code_zero - 32)));
                };
                put_code(unit, (packed & repeat_byte(15)) | (bits & repeat_byte(3)) << 4);
                put_code(unit + 16, (packed >> 4 & repeat_byte(15)) | (bits >> 4 & repeat_byte(3)) << 4);
            });
        }
    }
}

} // namespace

// Eight pairs of 6-bit integers lie in 12 bytes: four scales, four minima, and the lower 4 bits of the other pairs, whose upper
// bits are the two that the first eight bytes have left.
void read_scales_and_minima(const weight_blocks & blocks, float * scales, float * minima) {
    static_assert(offsetof(block_q5_k, minimum) == offsetof(block_q4_k, minimum) &&
                      offsetof(block_q5_k, sub_blocks) == offsetof(block_q4_k, sub_blocks) &&
                      offsetof(block_q4_k, sub_blocks) == 4,
                  "the two begin differently");
    float scale[n_column], minimum[n_column];
    blocks.read_float16(offsetof(block_q4_k, scale), scale);
    blocks.read_float16(offsetof(block_q4_k, minimum), minimum);
    ivec units[4][2];
    blocks.each_unit(0, [&](int u, int v, ivec unit) { units[u][v] = unit; });
    for (int v = 0; v < 2; v++) {
        const auto put_four = [&](ivec four, const float * of_block, float * out) {
            const vec factor = load(of_block + v * width);
            for (int i = 0; i < 4; i++) {
                store(out + i * n_column + v * width, to_float(four >> 8 * i & 255) * factor);
            }
        };
        const ivec first_scales = units[1][v], first_minima = units[2][v], others = units[3][v];
        const auto last_four = [](ivec low, ivec first) { return (low & repeat_byte(15)) | (first >> 2 & repeat_byte(48)); };
        put_four(first_scales & repeat_byte(63), scale, scales);
        put_four(last_four(others, first_scales), scale, scales + 4 * n_column);
        put_four(first_minima & repeat_byte(63), minimum, minima);
        put_four(last_four(others >> 4, first_minima), minimum, minima + 4 * n_column);
    }
}

const weight_coding coding_q4_k = {code_form::minimum, n_super_block, unpack_q4_k};
const weight_coding coding_q5_k = {code_form::minimum, n_super_block, unpack_q5_k};
const weight_coding coding_q6_k = {code_form::offset_half, n_super_block, unpack_q6_k};

} // namespace omni::OMNI_VARIANT
