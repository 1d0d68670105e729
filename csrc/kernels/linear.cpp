// SPDX-License-Identifier: Apache-2.0
#include "linear.h"

#include "panel.h"

namespace omni::OMNI_VARIANT {

namespace {

constexpr int64_t n_row_block = 512; // rows of one block of work; two threads share even the narrowest layer

// Adds what comes after the product, while the block is in the cache.
void add_bias_and_residual(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row) {
    using namespace simd;
    for (int64_t row = row_first; row < row_first + n_row; row++) {
        for (int64_t o = out_first; o < out_first + n_column; o += width) {
            vec v = load(p.y + row * p.n_out + o);
            v = p.bias ? v + load(p.bias + o) : v;
            v = p.residual ? v + load(p.residual + row * p.n_out + o) : v;
            store(p.y + row * p.n_out + o, v);
        }
    }
}

} // namespace

int32_t count_linear_blocks(const linear_operands & p) {
    return (int32_t) (p.n_out / n_column * ((p.n_row + n_row_block - 1) / n_row_block));
}

void compute_linear_block(const linear_operands & p, int32_t block) {
    const int64_t n_panel = p.n_out / n_column;
    const int64_t out_first = block % n_panel * n_column, row_first = block / n_panel * n_row_block;
    const int64_t n_row = smaller(n_row_block, p.n_row - row_first);
    p.product->multiply_panel(p, out_first, row_first, n_row);
    if (p.bias || p.residual) {
        add_bias_and_residual(p, out_first, row_first, n_row);
    }
}

} // namespace omni::OMNI_VARIANT
