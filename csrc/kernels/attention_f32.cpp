// SPDX-License-Identifier: Apache-2.0
// Attention in float32.
// A tile holds the queries of all heads that share one key head, so that a block of keys is laid out once for all of them.
// Softmax runs over blocks of keys with a running maximum (Milakov and Gimelshein 2018, arXiv:1805.02867; FlashAttention).
#include "attention.h"

#include "micro_kernel_f32.h"

namespace omni::OMNI_VARIANT {

using simd::vec;

namespace {

constexpr int   n_row_together = 24; // rows that skip the same keys
constexpr float hidden = -INFINITY;  // the score of a key that is not seen

int padded(int n) { return (n + n_column - 1) / n_column * n_column; }

// The parts of one thread's scratch.
struct workspace {
    float * q;       // n_attention_row x head_dim, scaled
    float * keys;    // panels of n_column keys each: head_dim x n_column
    float * rows;    // n_column x head_dim, of keys that don't fill a panel
    float * values;  // panels of n_column columns each: n_key_block x n_column
    float * scores;  // n_attention_row x n_key_block
    float * out;     // n_attention_row x padded head_dim
    float * maximum; // n_attention_row
    float * total;   // n_attention_row

    static size_t size(int head_dim) {
        return (size_t) n_attention_row * (head_dim + n_key_block + padded(head_dim) + 2) +
               (size_t) n_key_block * (head_dim + padded(head_dim)) + (size_t) n_column * head_dim;
    }

    workspace(float * p, int head_dim) {
        q = p;
        keys = q + (size_t) n_attention_row * head_dim;
        rows = keys + (size_t) n_key_block * head_dim;
        values = rows + (size_t) n_column * head_dim;
        scores = values + (size_t) n_key_block * padded(head_dim);
        out = scores + (size_t) n_attention_row * n_key_block;
        maximum = out + (size_t) n_attention_row * padded(head_dim);
        total = maximum + n_attention_row;
    }
};

void fill(float * x, size_t n, float value) {
    for (size_t i = 0; i < n; i++) {
        x[i] = value;
    }
}

void lay_out_keys(const float * k, size_t row_stride, int n_key, int head_dim, float * rows, float * panels) {
    for (; n_key >= n_column; n_key -= n_column, k += n_column * row_stride, panels += (size_t) n_column * head_dim) {
        transpose_panel(k, (int64_t) row_stride, head_dim, panels);
    }
    if (n_key > 0) {
        // the last panel is filled up with keys of zeros
        for (int j = 0; j < n_column; j++) {
            if (j < n_key) {
                std::memcpy(rows + j * head_dim, k + j * row_stride, head_dim * sizeof(float));
            } else {
                fill(rows + j * head_dim, head_dim, 0.0f);
            }
        }
        transpose_panel(rows, head_dim, head_dim, panels);
    }
}

void lay_out_values(const float * v, size_t row_stride, int n_key, int head_dim, float * panels) {
    for (int first = 0; first < head_dim; first += n_column) {
        const int n = smaller(n_column, head_dim - first);
        for (int j = 0; j < n_key; j++, panels += n_column) {
            const float * row = v + j * row_stride + first;
            if (n == n_column) {
                simd::store(panels, simd::load(row));
                simd::store(panels + simd::width, simd::load(row + simd::width));
            } else {
                std::memcpy(panels, row, n * sizeof(float));
                fill(panels + n, n_column - n, 0.0f);
            }
        }
    }
}

// Hides the scores from n_visible on and returns the largest of the rest.
float mask_row(float * score, int n_visible, int n_score) {
    fill(score + n_visible, n_score - n_visible, hidden);
    vec m = simd::load(score);
    for (int i = simd::width; i < n_score; i += simd::width) {
        m = simd::max(m, simd::load(score + i));
    }
    return simd::max(m);
}

// Turns a row of scores into e^(score - maximum) and returns their sum.
float exponentiate_row(float * score, int n_score, float maximum) {
    vec total = {};
    for (int i = 0; i < n_score; i += simd::width) {
        const vec p = simd::exp_negative(simd::load(score + i) - simd::splat(maximum));
        simd::store(score + i, p);
        total = total + p;
    }
    return simd::sum(total);
}

void attend_tile(const attention_operands & p, const attention_tile & tile, float * scratch) {
    const workspace           w(scratch, p.head_dim);
    const attention_segment & segment = tile.segment;
    const int                 group = p.n_head / p.n_kv_head;
    const int                 head_dim = p.head_dim;
    const int                 n_padded = padded(head_dim);
    const int                 n_row = tile.n_query * group;
    const float               scale = 1.0f / std::sqrt((float) head_dim);

    // row = query * group + head of the group
    for (int row = 0; row < n_row; row++) {
        const size_t  query = segment.q_begin + tile.q_first + row / group;
        const size_t  head = tile.kv_head * group + row % group;
        const float * src = p.q.data + query * p.q.row_stride + head * p.q.head_stride;
        for (int d = 0; d < head_dim; d++) {
            w.q[row * head_dim + d] = src[d] * scale;
        }
    }
    fill(w.out, (size_t) n_row * n_padded, 0.0f);
    fill(w.total, n_row, 0.0f);
    fill(w.maximum, n_row, hidden);

    // keys that the query of this row sees
    const auto n_seen = [&](int row) {
        return p.causal ? segment.kv_len - segment.q_len + tile.q_first + row / group + 1 : segment.kv_len;
    };
    const int  n_key_all = n_seen(n_row - 1);
    const auto first_row_that_sees = [&](int key) { return p.causal ? larger(key + 1 - n_seen(0), 0) * group : 0; };

    for (int first = 0; first < n_key_all; first += n_key_block) {
        const int     n_key = smaller(n_key_block, n_key_all - first);
        const int     n_score = padded(n_key);
        const float * keys = p.k.data + (size_t) (segment.kv_begin + first) * p.k.row_stride + tile.kv_head * p.k.head_stride;
        const float * values = p.v.data + (size_t) (segment.kv_begin + first) * p.v.row_stride + tile.kv_head * p.v.head_stride;

        lay_out_keys(keys, p.k.row_stride, n_key, head_dim, w.rows, w.keys);
        for (int j = 0; j < n_key; j += n_column) {
            const int row = first_row_that_sees(first + j);
            multiply_f32(n_row - row, w.q + (size_t) row * head_dim, head_dim, w.keys + (size_t) j * head_dim, head_dim,
                         w.scores + (size_t) row * n_key_block + j, n_key_block, false);
        }

        for (int row = 0; row < n_row; row++) {
            float *     score = w.scores + (size_t) row * n_key_block;
            const int   n_visible = smaller(larger(n_seen(row) - first, 0), n_key);
            const float maximum = larger(w.maximum[row], mask_row(score, n_visible, n_score));
            if (maximum > w.maximum[row]) {
                const float shrink = simd::exp_negative(simd::splat(w.maximum[row] - maximum))[0];
                w.total[row] *= shrink;
                for (int d = 0; d < n_padded; d++) {
                    w.out[row * n_padded + d] *= shrink;
                }
                w.maximum[row] = maximum;
            }
            w.total[row] += exponentiate_row(score, n_score, maximum);
        }

        lay_out_values(values, p.v.row_stride, n_key, head_dim, w.values);
        for (int d = 0; d < n_padded; d += n_column) {
            for (int row = 0; row < n_row; row += n_row_together) {
                const int n = smaller(n_row_together, n_row - row);
                const int n_visible = smaller(n_seen(row + n - 1) - first, n_key);
                if (n_visible > 0) {
                    multiply_f32(n, w.scores + (size_t) row * n_key_block, n_key_block, w.values + (size_t) d * n_key,
                                 n_visible, w.out + (size_t) row * n_padded + d, n_padded, true);
                }
            }
        }
    }

    for (int row = 0; row < n_row; row++) {
        const size_t query = segment.q_begin + tile.q_first + row / group;
        const size_t head = tile.kv_head * group + row % group;
        float *      dst = p.out + (query * p.n_head + head) * head_dim;
        const float  inverse = 1.0f / w.total[row];
        for (int d = 0; d < head_dim; d++) {
            dst[d] = w.out[row * n_padded + d] * inverse;
        }
    }
}

} // namespace

const attention_method attention_f32 = {workspace::size, attend_tile, nullptr, nullptr};

} // namespace omni::OMNI_VARIANT
