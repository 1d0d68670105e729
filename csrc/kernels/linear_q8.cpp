// SPDX-License-Identifier: Apache-2.0
// The product in 8 bits: the weight types of weight_types.h with the rows of q8_rows.h. It is several times as fast as in
// float32.
#include "packed_q8.h"
#include "peak.h"
#include "q8_panel.h"

namespace omni::OMNI_VARIANT {

namespace {

constexpr int64_t n_in_panel = 512; // values of a column in a panel

bool takes(ggml_type type, int64_t n_in, int64_t n_out) {
    return fits_panels(type, n_out) && find_weight_coding(type) != nullptr && n_in % n_q8_group == 0;
}

auto choose_multiply(code_form form) {
    switch (form) {
        case code_form::offset:            return multiply_q8<code_form::offset>;
        case code_form::offset_half:       return multiply_q8<code_form::offset_half>;
        case code_form::minimum:           return multiply_q8<code_form::minimum>;
        case code_form::minimum_of_halves: break;
    }
    return multiply_q8<code_form::minimum_of_halves>;
}

void multiply_panel(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row, float * sums,
                    size_t sums_stride) {
    const weight_coding &       coding = *find_weight_coding(p.type);
    const auto                  multiply = choose_multiply(p.packed ? packed_form(p.type) : coding.form);
    q8_panel_memory<n_in_panel> memory;
    const uint8_t *             x = p.x + row_first * p.x_stride;
    const size_t                weight_row_size = ggml_row_size(p.type, p.n_in);
    const size_t                panel_size = p.packed ? packing_q8.panel_size(p.type, p.n_in) : n_column * weight_row_size;
    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_panel) {
        const int64_t  n_in = smaller(n_in_panel, p.n_in - in_first);
        const q8_panel panel = p.packed ? read_packed_panel(p, out_first, in_first, n_in, memory.scales, memory.minima)
                                        : memory.unpack(p, coding, weight_row_size, out_first, in_first, n_in);
        multiply((int) n_row, (const int8_t *) x + in_first, (const q8_group *) (x + p.n_in) + in_first / n_q8_group,
                 p.x_stride, panel, sums, sums_stride, in_first > 0,
                 next_panel(p, panel_size, out_first, in_first, in_first + n_in, p.n_in));
    }
}

int64_t repeat_multiply_adds(int n_round) {
    using namespace simd;
    // small numbers in every byte
    return repeat_dots(n_round, isa::n_side_codes, splat_int(0x15151515), splat_int(0x13131313),
                       [](ivec sum, ivec column, ivec row) { return isa::dot_i8<true>(sum, column, row); });
}

} // namespace

extern const linear_product product_q8;
const linear_product        product_q8 = {"int8",         row_format::q8,       takes,      q8_row_size, quantize_q8,
                                          multiply_panel, repeat_multiply_adds, &packing_q8};

} // namespace omni::OMNI_VARIANT
