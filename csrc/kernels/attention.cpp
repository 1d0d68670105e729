// SPDX-License-Identifier: Apache-2.0
// A tile holds the queries of all heads that share one key head, so that a block of keys is laid out once for all of them.
// Softmax runs over blocks of keys with a running maximum (Milakov and Gimelshein 2018, arXiv:1805.02867; FlashAttention).
#include "attention.h"
#include "multiply.h"

#include <algorithm>
#include <limits>

namespace omni {

using simd::vec;

namespace {

constexpr int n_row_tile  = 96;              // rows of a tile, so that laying out a block of keys costs little
constexpr int n_key_block = 128;

int padded(int n) { return (n + n_lane - 1) / n_lane * n_lane; }

// The parts of one thread's scratch.
struct workspace {
    float * q;       // n_row_tile x head_dim, scaled
    float * keys;    // n_key_block keys, n_lane at a time, transposed to head_dim x n_lane
    float * values;  // n_key_block x padded head_dim, used where head_dim is no multiple of n_lane
    float * scores;  // n_row_tile x n_key_block
    float * out;     // n_row_tile x padded head_dim
    float * maximum; // n_row_tile
    float * total;   // n_row_tile

    static size_t size(int head_dim) {
        return (size_t) n_row_tile * (head_dim + n_key_block + padded(head_dim) + 2) +
               (size_t) n_key_block * (head_dim + padded(head_dim));
    }

    workspace(float * p, int head_dim) {
        q       = p;
        keys    = q + (size_t) n_row_tile * head_dim;
        values  = keys + (size_t) n_key_block * head_dim;
        scores  = values + (size_t) n_key_block * padded(head_dim);
        out     = scores + (size_t) n_row_tile * n_key_block;
        maximum = out + (size_t) n_row_tile * padded(head_dim);
        total   = maximum + n_row_tile;
    }
};

void transpose_keys(const float * k, size_t row_stride, int n_key, int head_dim, float * out) {
    for (int first = 0; first < n_key; first += n_lane, out += (size_t) n_lane * head_dim) {
        const int n = std::min(n_lane, n_key - first);
        for (int j = 0; j < n; j++) {
            const float * row = k + (first + j) * row_stride;
            for (int d = 0; d < head_dim; d++) {
                out[d * n_lane + j] = row[d];
            }
        }
        for (int j = n; j < n_lane; j++) {
            for (int d = 0; d < head_dim; d++) {
                out[d * n_lane + j] = 0.0f;
            }
        }
    }
}

// Hides the scores from n_visible on and returns the largest of the rest.
float mask_row(float * score, int n_visible, int n_score) {
    std::fill(score + n_visible, score + n_score, -std::numeric_limits<float>::infinity());
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

void run_tile(const attention_plan & plan, const attention_plan::tile & tile, attention_operand q, attention_operand k,
              attention_operand v, float * out, const workspace & w) {
    const attention_span & span = plan.spans[tile.span];
    const int   group    = plan.n_head / plan.n_kv_head;
    const int   head_dim = plan.head_dim;
    const int   n_column = padded(head_dim);
    const int   n_row    = tile.q_count * group;
    const float scale    = 1.0f / std::sqrt((float) head_dim);

    // row = query * group + head of the group
    for (int row = 0; row < n_row; row++) {
        const size_t query = span.q_begin + tile.q_first + row / group;
        const size_t head  = tile.kv_head * group + row % group;
        const float * src = q.data + query * q.row_stride + head * q.head_stride;
        for (int d = 0; d < head_dim; d++) {
            w.q[row * head_dim + d] = src[d] * scale;
        }
    }
    std::fill(w.out, w.out + (size_t) n_row * n_column, 0.0f);
    std::fill(w.total, w.total + n_row, 0.0f);
    std::fill(w.maximum, w.maximum + n_row, -std::numeric_limits<float>::infinity());

    // keys that the query of this row sees
    const auto n_seen = [&](int row) {
        return plan.causal ? span.kv_len - span.q_len + tile.q_first + row / group + 1 : span.kv_len;
    };
    const int n_key_all = n_seen(n_row - 1);

    for (int first = 0; first < n_key_all; first += n_key_block) {
        const int n_key  = std::min(n_key_block, n_key_all - first);
        const int n_lane_key = padded(n_key);
        const float * keys   = k.data + (size_t) (span.kv_begin + first) * k.row_stride + tile.kv_head * k.head_stride;
        const float * values = v.data + (size_t) (span.kv_begin + first) * v.row_stride + tile.kv_head * v.head_stride;

        transpose_keys(keys, k.row_stride, n_key, head_dim, w.keys);
        for (int j = 0; j < n_key; j += n_lane) {
            multiply(n_row, w.q, head_dim, w.keys + (size_t) j * head_dim, n_lane, head_dim, w.scores + j, n_key_block, false);
        }

        for (int row = 0; row < n_row; row++) {
            float * score = w.scores + (size_t) row * n_key_block;
            const float maximum = std::max(w.maximum[row], mask_row(score, std::clamp(n_seen(row) - first, 0, n_key), n_lane_key));
            if (maximum > w.maximum[row]) {
                const float shrink = std::exp(w.maximum[row] - maximum);
                w.total[row] *= shrink;
                for (int d = 0; d < n_column; d++) {
                    w.out[row * n_column + d] *= shrink;
                }
                w.maximum[row] = maximum;
            }
            w.total[row] += exponentiate_row(score, n_lane_key, maximum);
        }

        size_t value_stride = v.row_stride;
        if (n_column != head_dim) {
            for (int j = 0; j < n_key; j++) {
                std::copy(values + j * v.row_stride, values + j * v.row_stride + head_dim, w.values + j * n_column);
                std::fill(w.values + j * n_column + head_dim, w.values + (j + 1) * n_column, 0.0f);
            }
            values       = w.values;
            value_stride = n_column;
        }
        for (int d = 0; d < n_column; d += n_lane) {
            multiply(n_row, w.scores, n_key_block, values + d, value_stride, n_key, w.out + d, n_column, true);
        }
    }

    for (int row = 0; row < n_row; row++) {
        const size_t query = span.q_begin + tile.q_first + row / group;
        const size_t head  = tile.kv_head * group + row % group;
        float * dst = out + (query * plan.n_head + head) * head_dim;
        const float inverse = 1.0f / w.total[row];
        for (int d = 0; d < head_dim; d++) {
            dst[d] = w.out[row * n_column + d] * inverse;
        }
    }
}

} // namespace

attention_plan::attention_plan(std::vector<attention_span> spans_, bool causal_, int n_head_, int n_kv_head_, int head_dim_,
                               int n_threads)
    : spans(std::move(spans_)), scratch_size(workspace::size(head_dim_)), causal(causal_), n_head(n_head_),
      n_kv_head(n_kv_head_), head_dim(head_dim_) {
    scratch.resize(scratch_size * n_threads);
    const int n_query = std::max(1, n_row_tile / (n_head / n_kv_head));
    for (int32_t i = 0; i < (int32_t) spans.size(); i++) {
        for (int32_t first = 0; first < spans[i].q_len; first += n_query) {
            for (int32_t head = 0; head < n_kv_head; head++) {
                tiles.push_back({i, first, std::min(n_query, spans[i].q_len - first), head});
            }
        }
    }
    const auto cost = [this](const tile & t) {
        const attention_span & s = spans[t.span];
        return (int64_t) t.q_count * (causal ? s.kv_len - s.q_len + t.q_first + t.q_count : s.kv_len);
    };
    std::stable_sort(tiles.begin(), tiles.end(), [&](const tile & a, const tile & b) { return cost(a) > cost(b); });
}

void attention_run(const attention_plan & plan, attention_operand q, attention_operand k, attention_operand v, float * out,
                   std::atomic<int32_t> & next, float * scratch, const volatile int32_t * cancel) {
    const workspace w(scratch, plan.head_dim);
    const int32_t n_tile = (int32_t) plan.tiles.size();
    for (int32_t i = next.fetch_add(1); i < n_tile; i = next.fetch_add(1)) {
        if (cancel != nullptr && *cancel != 0) {
            return;
        }
        run_tile(plan, plan.tiles[i], q, k, v, out, w);
    }
}

} // namespace omni
