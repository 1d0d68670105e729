// SPDX-License-Identifier: Apache-2.0
// The kernels of one instruction set.
#include "activation.h"
#include "attention.h"
#include "kernels.h"
#include "linear.h"
#include "norm.h"
#include "rotary.h"

#define OMNI_STRING_(x) #x
#define OMNI_STRING(x) OMNI_STRING_(x)

namespace omni::OMNI_VARIANT {

extern const kernel_set kernels;

const kernel_set kernels = {
    OMNI_STRING(OMNI_VARIANT),
    linear_takes, linear_blocks, linear_block,
    row_size, quantize,
    attention_scratch, attention_tile,
    rms_norm, layer_norm,
    rotate,
    gelu_tanh, gelu_erf, swiglu,
};

} // namespace omni::OMNI_VARIANT
