// SPDX-License-Identifier: Apache-2.0
// A block of the weights is converted and laid out once, and then meets all rows of its part of x (Goto and van de Geijn 2008,
// "Anatomy of high-performance matrix multiplication").
#include "linear.h"

#include "ggml-cpu.h"
#include "multiply.h"

#include <algorithm>

namespace omni {

namespace {

constexpr int64_t n_in_block  = 256; // with n_out_block: the laid out weights of a block fill a quarter of a usual L2 cache
constexpr int64_t n_out_block = 128;
constexpr int64_t n_row_part  = 512; // rows of one block; two threads share even the narrowest layer
constexpr int64_t n_row_group = 96;  // rows of x that stay in the cache while all panels pass

// Row `row` of the weight, values [first, first + n), as float32.
void convert(const linear_operands & p, int64_t row, int64_t first, int64_t n, float * out) {
    const int64_t at = row * p.n_in + first; // a multiple of the type's block
    const uint8_t * from = (const uint8_t *) p.weight + ggml_row_size(p.type, at);
    switch (p.type) {
        case GGML_TYPE_F32:  std::copy_n((const float *) from, n, out); break;
        case GGML_TYPE_F16:  ggml_cpu_fp16_to_fp32((const ggml_fp16_t *) from, out, n); break;
        case GGML_TYPE_BF16: ggml_cpu_bf16_to_fp32((const ggml_bf16_t *) from, out, n); break;
        default:             ggml_get_type_traits(p.type)->to_float(from, out, n); break;
    }
}

void run_block(const linear_operands & p, int64_t out_first, int64_t row_first) {
    alignas(64) float panels[n_out_block * n_in_block];
    alignas(64) float values[n_in_block];
    const int64_t n_out = std::min(n_out_block, p.n_out - out_first);
    const int64_t n_row = std::min(n_row_part, p.n_row - row_first);

    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_block) {
        const int64_t n_in = std::min(n_in_block, p.n_in - in_first);
        for (int64_t o = 0; o < n_out; o++) {
            convert(p, out_first + o, in_first, n_in, values);
            float * panel = panels + o / n_lane * n_lane * n_in + o % n_lane;
            for (int64_t i = 0; i < n_in; i++) {
                panel[i * n_lane] = values[i];
            }
        }
        for (int64_t row = 0; row < n_row; row += n_row_group) {
            const int n = (int) std::min(n_row_group, n_row - row);
            const float * x = p.x + (row_first + row) * p.x_stride + in_first;
            float * y = p.y + (row_first + row) * p.n_out + out_first;
            for (int64_t o = 0; o < n_out; o += n_lane) {
                multiply(n, x, (size_t) p.x_stride, panels + o * n_in, n_lane, (int) n_in, y + o, (size_t) p.n_out, in_first > 0);
            }
        }
    }
}

} // namespace

bool linear_supports(ggml_type type, int64_t n_out, int64_t n_row) {
    // ggml's product of quantised weights rounds the rows to 8 bits, which costs more than the weights' own rounding
    const bool worth_it = ggml_is_quantized(type) || n_row >= 32;
    return worth_it && n_out % n_lane == 0 && n_in_block % ggml_blck_size(type) == 0;
}

void linear_run(const linear_operands & p, std::atomic<int32_t> & next, const volatile int32_t * cancel) {
    const int32_t n_out_blocks = (int32_t) ((p.n_out + n_out_block - 1) / n_out_block);
    const int32_t n_row_parts  = (int32_t) ((p.n_row + n_row_part - 1) / n_row_part);
    for (int32_t i = next.fetch_add(1); i < n_out_blocks * n_row_parts; i = next.fetch_add(1)) {
        if (cancel != nullptr && *cancel != 0) {
            return;
        }
        run_block(p, i % n_out_blocks * n_out_block, i / n_out_blocks * n_row_part);
    }
}

} // namespace omni
