// SPDX-License-Identifier: Apache-2.0
// The product of linear_q8.cpp on AMX, with the same rows and the same bits.
#include "micro_kernel_amx_q8.h"
#include "q8_panel.h"

namespace omni::OMNI_VARIANT {

extern const linear_product product_q8;

namespace {

constexpr int64_t n_in_panel = 512; // values of a column in a panel

// Fewer rows don't pay for the loading of the weights into tiles. The other product gives them the same bits.
constexpr int64_t n_row_least = 4;

bool takes(ggml_type type, int64_t n_in, int64_t n_out) { return product_q8.takes(type, n_in, n_out) && isa::permit_tiles(); }

// Turns the codes of an offset form, which are 128 above their value, into signed ones: the tiles' sums then need no offset.
template <code_form form> void make_signed(uint8_t * codes, int64_t n) {
    using namespace simd;
    if (form != code_form::minimum) { // whose codes have no offset, and are the same with a sign
        for (int64_t i = 0; i < n; i += sizeof(ivec)) {
            store_int(codes + i, load_int(codes + i) ^ (int32_t) 0x80808080);
        }
    }
}

template <code_form form>
void multiply_panels(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row, float * sums,
                     size_t sums_stride) {
    static_assert(isa::code_zero == 128, "another offset");
    const weight_coding &       coding = *find_weight_coding(p.type);
    q8_panel_memory<n_in_panel> memory;
    const uint8_t *             x = p.x + row_first * p.x_stride;
    const size_t                weight_row_size = ggml_row_size(p.type, p.n_in);
    isa::configure_tiles(tile_sizes_q8<form>((int) n_row));
    for (int64_t in_first = 0; in_first < p.n_in; in_first += n_in_panel) {
        const int64_t  n_in = smaller(n_in_panel, p.n_in - in_first);
        const q8_panel panel = memory.unpack(p, coding, weight_row_size, out_first, in_first, n_in);
        next_panel(p, n_column * weight_row_size, out_first, in_first, in_first + n_in, p.n_in).step();
        make_signed<form>(memory.codes, n_in * n_column);
        multiply_amx_q8<form>((int) n_row, (const int8_t *) x + in_first,
                              (const q8_group *) (x + p.n_in) + in_first / n_q8_group, p.x_stride, panel, sums, sums_stride,
                              in_first > 0);
    }
    isa::release_tiles();
}

void multiply_panel(const linear_operands & p, int64_t out_first, int64_t row_first, int64_t n_row, float * sums,
                    size_t sums_stride) {
    if (n_row < n_row_least) {
        return product_q8.multiply_panel(p, out_first, row_first, n_row, sums, sums_stride);
    }
    switch (find_weight_coding(p.type)->form) {
        case code_form::offset: return multiply_panels<code_form::offset>(p, out_first, row_first, n_row, sums, sums_stride);
        case code_form::offset_half:
            return multiply_panels<code_form::offset_half>(p, out_first, row_first, n_row, sums, sums_stride);
        case code_form::minimum: return multiply_panels<code_form::minimum>(p, out_first, row_first, n_row, sums, sums_stride);
        case code_form::minimum_of_halves: break; // only of packed weights, which this does not take
    }
}

} // namespace

extern const linear_product product_amx_q8;
const linear_product        product_amx_q8 = {"int8 tiles",   row_format::q8,       takes,  q8_row_size, quantize_q8,
                                              multiply_panel, repeat_tile_products, nullptr};

} // namespace omni::OMNI_VARIANT
