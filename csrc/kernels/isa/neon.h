// SPDX-License-Identifier: Apache-2.0
// What every 64-bit ARM processor has. It has no more products of 16 bits in an instruction than of float32.
#pragma once

#include "vector128.h"

#include <arm_neon.h>

namespace omni::OMNI_VARIANT {

struct neon : vector128 {
    static float convert_f16(simd::f16 x) {
        __fp16 f;
        std::memcpy(&f, &x.bits, sizeof(f));
        return f;
    }
    static vec load_f16(const simd::f16 * p) { return (vec) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(&p->bits))); }

    static ivec look_up(bytes16 table, ivec index) { return (ivec) vqtbl1q_u8((uint8x16_t) table, (uint8x16_t) index); }

    // there are 32 registers: 16 accumulators, 2 operands, 8 broadcasts
    static constexpr int register_block_f32 = 8;
    static constexpr int register_block_i8 = 8;

    // Both bytes are signed. Values are -127 at least, so that two products fit into 16 bits.
    static constexpr int        code_zero = 0;
    template <bool> static ivec dot_i8(ivec sum, ivec a, ivec b) {
        const int16x8_t low = vmull_s8(vget_low_s8((int8x16_t) a), vget_low_s8((int8x16_t) b));
        const int16x8_t high = vmull_high_s8((int8x16_t) a, (int8x16_t) b);
        return (ivec) vpadalq_s16((int32x4_t) sum, vpaddq_s16(low, high));
    }
};

} // namespace omni::OMNI_VARIANT
