// Attention against a softmax in double.
#include "check.h"

#include <algorithm>

namespace {

struct shape { int n_head, n_kv_head, head_dim; };

// Rows of a matrix that holds more than them.
struct rows {
    floats                  values;
    omni::attention_operand operand;

    rows(int n, int n_head, int head_dim) : values(random_floats((size_t) n * n_head * head_dim + 5 * (size_t) n)) {
        operand = {values.data(), (size_t) n_head * head_dim + 5, (size_t) head_dim};
    }
    const float * at(int row, int head) const { return operand.data + row * operand.row_stride + head * operand.head_stride; }
};

void run(const omni::kernel_set & kernels, const omni::attention_operands & p, omni::attention_segment segment, int n_together) {
    floats scratch(kernels.attention_scratch(p.head_dim), NAN);
    for (int head = 0; head < p.n_kv_head; head++) {
        for (int first = 0; first < segment.q_len; first += n_together) {
            kernels.attend_tile(p, {segment, first, std::min(n_together, segment.q_len - first), head}, scratch.data());
        }
    }
}

void check_segment(const omni::kernel_set & kernels, shape s, omni::attention_segment segment, bool causal) {
    const std::string what = "attention of " + std::to_string(s.head_dim) + (causal ? ", causal, " : ", ") +
                             std::to_string(segment.q_len) + " queries of " + std::to_string(segment.kv_len);
    const int group = s.n_head / s.n_kv_head, row_size = s.n_head * s.head_dim;
    const int n_q = segment.q_begin + segment.q_len, n_kv = segment.kv_begin + segment.kv_len;
    const rows q(n_q, s.n_head, s.head_dim), k(n_kv, s.n_kv_head, s.head_dim), v(n_kv, s.n_kv_head, s.head_dim);
    floats together((size_t) n_q * row_size, NAN), alone = together;
    omni::attention_operands p = {q.operand, k.operand, v.operand, together.data(), s.n_head, s.n_kv_head, s.head_dim, causal};
    run(kernels, p, segment, omni::n_attention_row / group);
    p.out = alone.data();
    run(kernels, p, segment, 1);
    check_same_bits(together.data() + (size_t) segment.q_begin * row_size, alone.data() + (size_t) segment.q_begin * row_size,
                    (size_t) segment.q_len * row_size, what + ": a query's bits depend on the other queries");

    std::vector<double> score(segment.kv_len);
    for (int i = 0; i < segment.q_len; i++) {
        const int n_seen = causal ? segment.kv_len - segment.q_len + i + 1 : segment.kv_len;
        for (int head = 0; head < s.n_head; head++) {
            double largest = -INFINITY, total = 0.0;
            for (int j = 0; j < n_seen; j++) {
                score[j] = 0.0;
                for (int d = 0; d < s.head_dim; d++) {
                    score[j] += (double) q.at(segment.q_begin + i, head)[d] * k.at(segment.kv_begin + j, head / group)[d];
                }
                score[j] /= std::sqrt((double) s.head_dim);
                largest = std::max(largest, score[j]);
            }
            for (int j = 0; j < n_seen; j++) {
                total += score[j] = std::exp(score[j] - largest);
            }
            for (int d = 0; d < s.head_dim; d++) {
                double sum = 0.0, size = 0.0;
                for (int j = 0; j < n_seen; j++) {
                    sum += score[j] / total * v.at(segment.kv_begin + j, head / group)[d];
                    size += score[j] / total * std::fabs(v.at(segment.kv_begin + j, head / group)[d]);
                }
                check_near(together[(size_t) (segment.q_begin + i) * row_size + head * s.head_dim + d], sum, 2e-6 * size, what);
            }
        }
    }
}

} // namespace

void check_attention(const omni::kernel_set & kernels) {
    for (const shape s : {shape{2, 1, 64}, shape{2, 2, 72}, shape{3, 1, 80}, shape{4, 2, 128}}) {
        for (const bool causal : {false, true}) {
            check_segment(kernels, s, {3, 1, 2, 1}, causal);
            check_segment(kernels, s, {0, 7, 1, 7}, causal);
            check_segment(kernels, s, {5, 31, 0, 45}, causal);
            check_segment(kernels, s, {0, 1, 0, 129}, causal);
        }
        check_segment(kernels, s, {1, 139, 4, 139}, true);
        check_segment(kernels, s, {1, 50, 4, 263}, false);
    }
}
