// SPDX-License-Identifier: Apache-2.0
#include "packed_q8.h"

namespace omni::OMNI_VARIANT {

namespace {

// Of Q8_0 and Q6_K: codes of 8 bits, then scales. Q6_K grows by half.
struct byte_panel {
    const weight_coding & coding;
    int64_t               n_in;

    int64_t n_scale() const { return n_in / (coding.form == code_form::offset_half ? 16 : 32); }
    size_t  size() const { return n_column * (n_in + n_scale() * sizeof(float)); }

    void pack(ggml_type type, const uint8_t * columns, uint8_t * packed) const {
        float *       scales = (float *) (packed + n_in * n_column);
        weight_blocks blocks = {columns, ggml_row_size(type, n_in)};
        for (int64_t i = 0; i < n_in; i += coding.n_weight, blocks.first += ggml_type_size(type)) {
            uint8_t * codes = packed + i * n_column;
            coding.unpack(blocks, codes, scales + i * n_scale() / n_in * n_column, nullptr);
            join_units(codes, coding.n_weight / n_unit_codes);
        }
    }

    q8_panel read(const uint8_t * packed, int64_t first, int64_t n) const {
        const float * scales = (const float *) (packed + n_in * n_column) + first * n_scale() / n_in * n_column;
        return {packed + first * n_column, scales, scales, (int) (n / n_q8_group)};
    }
};

// Of Q4_K: the codes of all blocks, two in a byte as in the file, and then what comes before them in each block. It takes as many
// bytes as in the file.
struct half_panel {
    static constexpr size_t n_head_byte = offsetof(block_q4_k, low_high), n_code_byte = sizeof(block_q4_k::low_high);

    int64_t n_block;

    size_t          size() const { return n_block * n_column * sizeof(block_q4_k); }
    const uint8_t * heads(const uint8_t * packed) const { return packed + n_block * n_column * n_code_byte; }

    void pack(const uint8_t * columns, uint8_t * packed) const {
        weight_blocks blocks = {columns, n_block * sizeof(block_q4_k)};
        uint8_t *     head = packed + n_block * n_column * n_code_byte;
        for (int64_t i = 0; i < n_block; i++, blocks.first += sizeof(block_q4_k), head += n_head_byte * n_column) {
            blocks.pack<simd::f16>(offsetof(block_q4_k, scale), head);
            blocks.pack<simd::f16>(offsetof(block_q4_k, minimum), head + offsetof(block_q4_k, minimum) * n_column);
            for (size_t at = offsetof(block_q4_k, sub_blocks); at < n_head_byte; at += n_unit_codes) {
                blocks.pack<uint32_t>(at, head + at * n_column);
            }
            uint8_t * codes = packed + i * n_code_byte * n_column;
            for (size_t at = 0; at < n_code_byte; at += n_unit_codes) {
                blocks.pack<uint32_t>(n_head_byte + at, codes + at * n_column);
            }
            join_units(codes, n_code_byte / n_unit_codes);
        }
    }

    q8_panel read(const uint8_t * packed, int64_t first, int64_t n, float * scales, float * minima) const {
        weight_blocks blocks = {heads(packed) + first / n_super_block * n_head_byte * n_column, 0};
        for (int64_t i = 0; i < n / n_super_block; i++, blocks.first += n_head_byte * n_column) {
            const int64_t at = i * n_super_block / n_q8_group * n_column;
            read_scales_and_minima(blocks, scales + at, minima + at);
        }
        return {packed + first / 2 * n_column, scales, minima, (int) (n / n_q8_group)};
    }
};

half_panel halves(int64_t n_in) { return {n_in / n_super_block}; }

byte_panel bytes(ggml_type type, int64_t n_in) { return {*find_weight_coding(type), n_in}; }

size_t panel_size(ggml_type type, int64_t n_in) {
    switch (type) {
        case GGML_TYPE_Q4_K: return halves(n_in).size();
        case GGML_TYPE_Q6_K:
        case GGML_TYPE_Q8_0: return bytes(type, n_in).size();
        default:             return 0; // other types of 4 and 5 bits would double, and take longer to read
    }
}

void pack_panel(ggml_type type, int64_t n_in, const void * columns, uint8_t * packed) {
    if (type == GGML_TYPE_Q4_K) {
        halves(n_in).pack((const uint8_t *) columns, packed);
    } else {
        bytes(type, n_in).pack(type, (const uint8_t *) columns, packed);
    }
}

} // namespace

const weight_packing packing_q8 = {n_column, panel_size, pack_panel};

q8_panel read_packed_panel(const linear_operands & p, int64_t out_first, int64_t in_first, int64_t n, float * scales,
                           float * minima) {
    const uint8_t * packed = (const uint8_t *) p.weight + out_first / n_column * panel_size(p.type, p.n_in);
    return p.type == GGML_TYPE_Q4_K ? halves(p.n_in).read(packed, in_first, n, scales, minima)
                                    : bytes(p.type, p.n_in).read(packed, in_first, n);
}

code_form packed_form(ggml_type type) {
    return type == GGML_TYPE_Q4_K ? code_form::minimum_of_halves : find_weight_coding(type)->form;
}

} // namespace omni::OMNI_VARIANT
