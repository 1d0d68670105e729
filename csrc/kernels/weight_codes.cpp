// SPDX-License-Identifier: Apache-2.0
#include "weight_codes.h"

#include "simd.h"

namespace omni::OMNI_VARIANT {

namespace {

// The block formats of GGUF files, as ggml-common.h has them. A scale or minimum is a float16 that several small integers
// divide among parts of the block.
using f16 = ggml_fp16_t;

struct block_q4_0   { f16 scale; uint8_t low_high[16]; };
struct block_q8_0   { f16 scale; int8_t  codes[32]; };
struct block_iq4_nl { f16 scale; uint8_t low_high[16]; };
struct block_iq4_xs { f16 scale; uint16_t parts_high; uint8_t parts_low[4]; uint8_t low_high[128]; };

static_assert(sizeof(block_q4_0) == 18 && sizeof(block_q8_0) == 34 && sizeof(block_iq4_nl) == 18, "a block has padding");
static_assert(sizeof(block_iq4_xs) == 136, "a block has padding");

// A weight in steps of its scale as a code with offset.
constexpr uint8_t code(int steps) { return (uint8_t) (code_zero + steps); }

// What the 4-bit codes of IQ4 stand for.
constexpr uint8_t iq4_codes[16] = {code(-127), code(-104), code(-83), code(-65), code(-49), code(-35), code(-22), code(-10),
                                   code(1),    code(13),   code(25),  code(38),  code(53),  code(69),  code(89),  code(113)};

float real(f16 x) { return simd::value(simd::f16{x}); }

void unpack(const block_q8_0 & b, uint8_t * codes, float * scales) {
    for (int i = 0; i < 32; i++) {
        codes[i] = code(b.codes[i]);
    }
    scales[0] = real(b.scale);
}

// 16 bytes at a time: compilers don't see through loops of this size by themselves.
#if defined(__GNUC__)

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint8_t stored_bytes16 __attribute__((vector_size(16), aligned(1), may_alias));

void unpack(const block_q4_0 & b, uint8_t * codes, float * scales) {
    const bytes16 packed = *(const stored_bytes16 *) b.low_high;
    *(stored_bytes16 *) codes        = (packed & 15) + code(-8);
    *(stored_bytes16 *) (codes + 16) = (packed >> 4) + code(-8);
    scales[0] = real(b.scale);
}

void unpack_iq4(const uint8_t * low_high, uint8_t * codes) {
    const bytes16 packed = *(const stored_bytes16 *) low_high, table = *(const stored_bytes16 *) iq4_codes;
#if defined(__SSSE3__)
    const auto look_up = [&](bytes16 i) { return (bytes16) _mm_shuffle_epi8((__m128i) table, (__m128i) i); };
#elif defined(__aarch64__)
    const auto look_up = [&](bytes16 i) { return (bytes16) vqtbl1q_u8((uint8x16_t) table, (uint8x16_t) i); };
#else
    const auto look_up = [&](bytes16 i) { bytes16 out; for (int j = 0; j < 16; j++) { out[j] = table[i[j]]; } return out; };
#endif
    *(stored_bytes16 *) codes        = look_up(packed & 15);
    *(stored_bytes16 *) (codes + 16) = look_up(packed >> 4);
}

#else

void unpack(const block_q4_0 & b, uint8_t * codes, float * scales) {
    for (int i = 0; i < 16; i++) {
        codes[i]      = code((b.low_high[i] & 15) - 8);
        codes[i + 16] = code((b.low_high[i] >> 4) - 8);
    }
    scales[0] = real(b.scale);
}

void unpack_iq4(const uint8_t * low_high, uint8_t * codes) {
    for (int i = 0; i < 16; i++) {
        codes[i]      = iq4_codes[low_high[i] & 15];
        codes[i + 16] = iq4_codes[low_high[i] >> 4];
    }
}

#endif

void unpack(const block_iq4_nl & b, uint8_t * codes, float * scales) {
    unpack_iq4(b.low_high, codes);
    scales[0] = real(b.scale);
}

void unpack(const block_iq4_xs & b, uint8_t * codes, float * scales) {
    const float scale = real(b.scale);
    for (int part = 0; part < 8; part++) {
        const int low = b.parts_low[part / 2] >> 4 * (part % 2) & 15, high = b.parts_high >> 2 * part & 3;
        scales[part] = scale * (float) ((low | high << 4) - 32);
        unpack_iq4(b.low_high + 16 * part, codes + 32 * part);
    }
}

template <typename block, int n_weight, int n_scale>
void unpack_blocks(const void * row, int64_t first, int64_t n, uint8_t * codes, float * scales) {
    const block * b = (const block *) row + first / n_weight;
    for (int64_t i = 0; i < n; i += n_weight, b++, codes += n_weight, scales += n_scale) {
        unpack(*b, codes, scales);
    }
}

} // namespace

bool code_form_of(ggml_type type, code_form * form) {
    switch (type) {
        case GGML_TYPE_Q8_0:
        case GGML_TYPE_Q4_0:
        case GGML_TYPE_IQ4_NL:
        case GGML_TYPE_IQ4_XS: *form = code_form::offset; break;
        case GGML_TYPE_Q6_K:   *form = code_form::offset_half; break;
        case GGML_TYPE_Q4_K:
        case GGML_TYPE_Q5_K:   *form = code_form::minimum; break;
        default:               return false;
    }
    return true;
}

void unpack_codes(ggml_type type, const void * row, int64_t first, int64_t n, uint8_t * codes, float * scales) {
    switch (type) {
        case GGML_TYPE_Q8_0:   return unpack_blocks<block_q8_0, 32, 1>(row, first, n, codes, scales);
        case GGML_TYPE_Q4_0:   return unpack_blocks<block_q4_0, 32, 1>(row, first, n, codes, scales);
        case GGML_TYPE_IQ4_NL: return unpack_blocks<block_iq4_nl, 32, 1>(row, first, n, codes, scales);
        case GGML_TYPE_IQ4_XS: return unpack_blocks<block_iq4_xs, 256, 8>(row, first, n, codes, scales);
        default:               return;
    }
}

} // namespace omni::OMNI_VARIANT
