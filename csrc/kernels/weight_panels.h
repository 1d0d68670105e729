// SPDX-License-Identifier: Apache-2.0
// What the linear products share: panels of the weights as floats.
#pragma once

#include "kernels.h"
#include "panel.h"

namespace omni::OMNI_VARIANT {

constexpr int64_t n_in_convert = 256; // values of a column that are converted together: whole blocks of every weight type

inline bool fits_panels(ggml_type type, int64_t n_out) {
    return n_out % n_column == 0 && n_in_convert % ggml_blck_size(type) == 0;
}

// Converts columns [out_first, out_first + n_column) and values [in_first, in_first + n_in) to a panel of floats. Types that
// have blocks go through `values`, which keeps n_in_convert values of each column for the following calls.
inline void convert_panel(const linear_operands & p, int64_t out_first, int64_t in_first, int64_t n_in, float * values,
                          float * panel) {
    const int64_t first = out_first * p.n_in + in_first;
    if (p.type == GGML_TYPE_F32) {
        return transpose_panel((const float *) p.weight + first, p.n_in, n_in, panel);
    }
    if (p.type == GGML_TYPE_F16) {
        return transpose_panel((const simd::f16 *) p.weight + first, p.n_in, n_in, panel);
    }
    if (p.type == GGML_TYPE_BF16) {
        return transpose_panel((const simd::bf16 *) p.weight + first, p.n_in, n_in, panel);
    }
    const int64_t at = in_first % n_in_convert;
    if (at == 0) {
        const auto to_float = ggml_get_type_traits(p.type)->to_float;
        for (int64_t c = 0; c < n_column; c++) {
            to_float((const uint8_t *) p.weight + ggml_row_size(p.type, first + c * p.n_in), values + c * n_in_convert,
                     smaller(n_in_convert, p.n_in - in_first));
        }
    }
    transpose_panel(values + at, n_in_convert, n_in, panel);
}

} // namespace omni::OMNI_VARIANT
