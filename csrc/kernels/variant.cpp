// SPDX-License-Identifier: Apache-2.0
// The kernels of one instruction set.
#include "activation.h"
#include "attention.h"
#include "kernels.h"
#include "linear.h"
#include "norm.h"
#include "rotary.h"
#include "simd.h"

#include "linear_products.h" // written by the build

namespace omni::OMNI_VARIANT {

// OMNI_PRODUCTS(P) is P(name) for every linear product of this instruction set, the fastest first.
#define OMNI_DECLARE(name) extern const linear_product product_##name;
OMNI_PRODUCTS(OMNI_DECLARE)

#define OMNI_ADDRESS(name) &product_##name,
static const linear_product * const products[] = {OMNI_PRODUCTS(OMNI_ADDRESS)};

extern const kernel_set kernels;

const kernel_set kernels = {
    OMNI_STRING(OMNI_VARIANT),
    {products, products + sizeof(products) / sizeof(products[0])},
    count_linear_blocks,
    linear_scratch,
    compute_linear_block,
    &attention_f32,
    &OMNI_ATTENTION,
    rms_norm,
    layer_norm,
    rotate,
    gelu_tanh,
    gelu_erf,
    swiglu,
};

} // namespace omni::OMNI_VARIANT
