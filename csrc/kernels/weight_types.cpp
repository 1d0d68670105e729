// SPDX-License-Identifier: Apache-2.0
#include "weight_types.h"

namespace omni::OMNI_VARIANT {

using namespace simd;

namespace {

// The block formats of GGUF files, as ggml-common.h has them.
struct block_q4_0 {
    f16     scale;
    uint8_t low_high[16];
};
struct block_q8_0 {
    f16    scale;
    int8_t codes[32];
};
struct block_iq4_nl {
    f16     scale;
    uint8_t low_high[16];
};
struct block_iq4_xs {
    f16      scale;
    uint16_t scales_high;
    uint8_t  scales_low[4];
    uint8_t  low_high[128];
};

static_assert(sizeof(block_q4_0) == 18 && sizeof(block_q8_0) == 34 && sizeof(block_iq4_nl) == 18, "a block has padding");
static_assert(sizeof(block_iq4_xs) == 136, "a block has padding");

// The code of a weight that is `whole` times its scale.
constexpr uint8_t code(int whole) { return (uint8_t) (isa::code_zero + whole); }

// What the 4-bit codes of IQ4 stand for.
constexpr uint8_t iq4_codes[16] = {code(-127), code(-104), code(-83), code(-65), code(-49), code(-35), code(-22), code(-10),
                                   code(1),    code(13),   code(25),  code(38),  code(53),  code(69),  code(89),  code(113)};

void unpack_q8_0(const weight_blocks & blocks, uint8_t * codes, float * scales, float *) {
    blocks.read_float16(offsetof(block_q8_0, scale), scales);
    for (int part = 0; part < 2; part++) {
        blocks.each_unit(offsetof(block_q8_0, codes) + 16 * part,
                         [=](int u, int v, ivec four) { put_unit(codes, 4 * part + u, v, add_bytes(four, code(0))); });
    }
}

// 32 codes of 4 bits, `at` bytes into the blocks: the first 16 are the lower halves of the bytes, the others the upper ones.
template <typename F> void unpack_low_high(const weight_blocks & blocks, size_t at, uint8_t * codes, F && decode) {
    blocks.each_unit(at, [=](int u, int v, ivec packed) {
        put_unit(codes, u, v, decode(packed & repeat_byte(15)));
        put_unit(codes, u + 4, v, decode(packed >> 4 & repeat_byte(15)));
    });
}

ivec decode_iq4(ivec four) { return isa::look_up(load_bytes16(iq4_codes), four); }

void unpack_q4_0(const weight_blocks & blocks, uint8_t * codes, float * scales, float *) {
    blocks.read_float16(offsetof(block_q4_0, scale), scales);
    unpack_low_high(blocks, offsetof(block_q4_0, low_high), codes, [](ivec four) { return add_bytes(four, code(-8)); });
}

void unpack_iq4_nl(const weight_blocks & blocks, uint8_t * codes, float * scales, float *) {
    blocks.read_float16(offsetof(block_iq4_nl, scale), scales);
    unpack_low_high(blocks, offsetof(block_iq4_nl, low_high), codes, decode_iq4);
}

void unpack_iq4_xs(const weight_blocks & blocks, uint8_t * codes, float * scales, float *) {
    float of_block[n_column];
    blocks.read_float16(offsetof(block_iq4_xs, scale), of_block);
    ivec high[2]; // the upper 2 bits of the scales, beside the scale of the block
    blocks.each_unit(0, [&](int u, int v, ivec unit) {
        if (u == 0) {
            high[v] = unit >> 16;
        } else if (u == 1) { // the lower 4 bits
            for (int i = 0; i < 8; i++) {
                const ivec scale = ((unit >> 4 * i & 15) | (high[v] >> 2 * i & 3) << 4) - 32;
                store(scales + i * n_column + v * width, load(of_block + v * width) * to_float(scale));
            }
        }
    });
    for (int i = 0; i < 8; i++) {
        unpack_low_high(blocks, offsetof(block_iq4_xs, low_high) + 16 * i, codes + 32 * i * n_column, decode_iq4);
    }
}

constexpr weight_coding coding_q4_0 = {code_form::offset, 32, unpack_q4_0};
constexpr weight_coding coding_q8_0 = {code_form::offset, 32, unpack_q8_0};
constexpr weight_coding coding_iq4_nl = {code_form::offset, 32, unpack_iq4_nl};
constexpr weight_coding coding_iq4_xs = {code_form::offset, n_super_block, unpack_iq4_xs};

} // namespace

const weight_coding * find_weight_coding(ggml_type type) {
    switch (type) {
        case GGML_TYPE_Q4_0:   return &coding_q4_0;
        case GGML_TYPE_Q8_0:   return &coding_q8_0;
        case GGML_TYPE_IQ4_NL: return &coding_iq4_nl;
        case GGML_TYPE_IQ4_XS: return &coding_iq4_xs;
        case GGML_TYPE_Q4_K:   return &coding_q4_k;
        case GGML_TYPE_Q5_K:   return &coding_q5_k;
        case GGML_TYPE_Q6_K:   return &coding_q6_k;
        default:               return nullptr;
    }
}

} // namespace omni::OMNI_VARIANT
