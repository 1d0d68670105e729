// SPDX-License-Identifier: Apache-2.0
#include "linear.h"

#include "activation.h"
#include "panel.h"

namespace omni::OMNI_VARIANT {

namespace {

// Columns of one block of work: whole panels, and whole groups of the values that share a scale in the rows of a product.
constexpr int64_t n_block_column = larger(n_column, isa::n_row_group);

// Rows of one block, at most. Their sums stay in the second level of the cache, which y does not: its rows are a multiple of a
// page apart for most widths, so that few sets of the cache would have to hold them all.
constexpr int64_t n_block_row = 768;

int64_t count_row_parts(int64_t n_row) { return (n_row + n_block_row - 1) / n_block_row; }

struct linear_block {
    int64_t out_first, n_out;
    int64_t row_first, n_row;
};

// Rows are cut into equal parts, since each part converts the weights again.
linear_block find_block(const linear_operands & p, int32_t index) {
    const int64_t n_across = (p.n_out + n_block_column - 1) / n_block_column, n_part = count_row_parts(p.n_row);
    const int64_t out_first = index % n_across * n_block_column, part = index / n_across;
    const int64_t row_first = part * p.n_row / n_part, row_end = (part + 1) * p.n_row / n_part;
    return {out_first, smaller(n_block_column, p.n_out - out_first), row_first, row_end - row_first};
}

// sums: n_row rows of n_out
void multiply_block(const linear_operands & p, const linear_block & b, float * sums) {
    for (int64_t o = 0; o < b.n_out; o += n_column) {
        p.product->multiply_panel(p, b.out_first + o, b.row_first, b.n_row, sums + o, (size_t) b.n_out);
    }
}

// Adds what does not depend on the row.
void add_bias(const linear_operands & p, const linear_block & b, float * sums) {
    using namespace simd;
    for (int64_t row = 0; row < b.n_row; row++, sums += b.n_out) {
        for (int64_t o = 0; o < b.n_out; o += width) {
            store(sums + o, load(sums + o) + load(p.bias + b.out_first + o));
        }
    }
}

void write_floats(const linear_operands & p, const linear_block & b, const float * sums) {
    using namespace simd;
    for (int64_t row = b.row_first; row < b.row_first + b.n_row; row++, sums += b.n_out) {
        float *       y = (float *) (p.y + row * p.y_stride) + b.out_first;
        const float * residual = p.residual ? p.residual + row * p.n_out + b.out_first : nullptr;
        for (int64_t o = 0; o < b.n_out; o += width) {
            store(y + o, residual ? load(sums + o) + load(residual + o) : load(sums + o));
        }
    }
}

void write_quantized(const linear_operands & p, const linear_block & b, const float * sums) {
    for (int64_t row = b.row_first; row < b.row_first + b.n_row; row++, sums += b.n_out) {
        p.y_product->quantize(sums, b.out_first, b.n_out, p.n_out, p.y + row * p.y_stride);
    }
}

} // namespace

int32_t count_linear_blocks(const linear_operands & p) {
    return (int32_t) ((p.n_out + n_block_column - 1) / n_block_column * count_row_parts(p.n_row));
}

size_t linear_scratch(int64_t n_row) { return 2 * smaller(n_row, n_block_row) * n_block_column; }

void compute_linear_block(const linear_operands & p, int32_t index, float * scratch) {
    const linear_block b = find_block(p, index);
    float *            sums = scratch;
    multiply_block(p, b, sums);
    if (p.bias) {
        add_bias(p, b, sums);
    }
    if (p.activation) {
        p.activation(sums, b.n_row * b.n_out, sums);
    }
    if (p.gate) {
        linear_operands of_gate = p;
        of_gate.weight = p.gate;
        float * gates = scratch + b.n_row * b.n_out;
        multiply_block(of_gate, b, gates);
        swiglu(gates, sums, b.n_row * b.n_out, sums);
    }
    if (p.y_product) {
        write_quantized(p, b, sums);
    } else {
        write_floats(p, b, sums);
    }
}

} // namespace omni::OMNI_VARIANT
