// SPDX-License-Identifier: Apache-2.0
// The product in float32: weights of any type, as they are dequantised, with rows of floats.
#include "memory_ahead.h"
#include "micro_kernel_f32.h"
#include "peak.h"
#include "weight_panels.h"

namespace omni::OMNI_VARIANT {

namespace {

constexpr int64_t n_in_panel = 256; // values of a column in a panel

bool takes(ggml_type type, int64_t, int64_t n_out) { return fits_panels(type, n_out); }

size_t row_size(int64_t n_in) { return n_in * sizeof(float); }

void copy(const float * x, int64_t first, int64_t n, int64_t, uint8_t * row) {
    std::memcpy(row + first * sizeof(float), x, n * sizeof(float));
}

void multiply_panel(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row, float * sums,
                    size_t sums_stride) {
    alignas(64) float values[n_column * n_in_convert];
    alignas(64) float panel[n_column * n_in_panel];
    const float *     x = (const float *) (p.x + row_first * p.x_stride);
    const size_t      panel_size = n_column * ggml_row_size(p.type, p.n_in);
    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_panel) {
        const int64_t n_in = smaller(n_in_panel, p.n_in - in_first);
        next_panel(p, panel_size, out_first, in_first, in_first + n_in, p.n_in).step();
        convert_panel(p, out_first, in_first, n_in, values, panel);
        multiply_f32((int) n_row, x + in_first, p.x_stride / sizeof(float), panel, (int) n_in, sums, sums_stride, in_first > 0);
    }
}

} // namespace

extern const linear_product product_f32;
const linear_product        product_f32 = {"float32",      row_format::f32,          takes,  row_size, copy,
                                           multiply_panel, repeat_multiply_adds_f32, nullptr};

} // namespace omni::OMNI_VARIANT
