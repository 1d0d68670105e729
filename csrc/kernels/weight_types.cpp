// SPDX-License-Identifier: Apache-2.0
#include "weight_types.h"

#include "simd.h"

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

void unpack(const block_q8_0 & b, uint8_t * codes, float * scales) {
    for (int i = 0; i < 32; i++) {
        codes[i] = code(b.codes[i]);
    }
    scales[0] = to_float(b.scale);
}

// 16 bytes at a time: compilers don't vectorise loops of this size by themselves.
void unpack(const block_q4_0 & b, uint8_t * codes, float * scales) {
    const bytes16 packed = load_bytes16(b.low_high);
    store_bytes16(codes, (packed & 15) + code(-8));
    store_bytes16(codes + 16, (packed >> 4) + code(-8));
    scales[0] = to_float(b.scale);
}

void unpack_iq4(const uint8_t * low_high, uint8_t * codes) {
    const bytes16 packed = load_bytes16(low_high), table = load_bytes16(iq4_codes);
    store_bytes16(codes, isa::look_up(table, packed & 15));
    store_bytes16(codes + 16, isa::look_up(table, packed >> 4));
}

void unpack(const block_iq4_nl & b, uint8_t * codes, float * scales) {
    unpack_iq4(b.low_high, codes);
    scales[0] = to_float(b.scale);
}

void unpack(const block_iq4_xs & b, uint8_t * codes, float * scales) {
    const float scale = to_float(b.scale);
    for (int i = 0; i < 8; i++) {
        const int low = b.scales_low[i / 2] >> 4 * (i % 2) & 15, high = b.scales_high >> 2 * i & 3;
        scales[i] = scale * (float) ((low | high << 4) - 32);
        unpack_iq4(b.low_high + 16 * i, codes + 32 * i);
    }
}

template <typename block, int n_weight>
void unpack_row(const void * row, int64_t first, int64_t n, uint8_t * codes, float * scales) {
    const block * b = (const block *) row + first / n_weight;
    for (int64_t i = 0; i < n; i += n_weight, b++, codes += n_weight, scales += n_weight / 32) {
        unpack(*b, codes, scales);
    }
}

constexpr weight_coding coding_q4_0 = {code_form::offset, unpack_row<block_q4_0, 32>, nullptr};
constexpr weight_coding coding_q8_0 = {code_form::offset, unpack_row<block_q8_0, 32>, nullptr};
constexpr weight_coding coding_iq4_nl = {code_form::offset, unpack_row<block_iq4_nl, 32>, nullptr};
constexpr weight_coding coding_iq4_xs = {code_form::offset, unpack_row<block_iq4_xs, n_super_block>, nullptr};

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
