// Attention against a softmax in double.
#include "check.h"

#include <algorithm>

namespace {

struct shape {
    int n_head, n_kv_head, head_dim;
};

// Rows of a matrix that holds more than them.
struct rows {
    floats                  values;
    omni::attention_operand operand;

    rows(int n, int n_head, int head_dim) : values(random_floats((size_t) n * n_head * head_dim + 5 * (size_t) n)) {
        operand = {values.data(), (size_t) n_head * head_dim + 5, (size_t) head_dim};
    }
    float * at(int row, int head) { return values.data() + row * operand.row_stride + head * operand.head_stride; }
};

void run(const omni::attention_method & method, omni::attention_operands p, omni::attention_segment segment, int n_together) {
    constexpr size_t     n_line = 64; // bytes
    floats               scratch(method.scratch(p.head_dim) + n_line / sizeof(float), NAN);
    const int            n_packed = (segment.kv_len + omni::n_packed_unit - 1) / omni::n_packed_unit;
    std::vector<uint8_t> packed;
    if (method.pack_keys != nullptr) {
        packed.assign(p.n_kv_head * n_packed * method.packed_size(p.head_dim), 0xff);
        p.packed = packed.data();
    }
    for (int head = 0; head < p.n_kv_head; head++) {
        const int64_t packed_first = (int64_t) head * n_packed;
        for (int first = 0; first < segment.kv_len && p.packed != nullptr; first += omni::n_key_block) {
            const int n_key = std::min(omni::n_key_block, segment.kv_len - first);
            method.pack_keys(p, {segment.kv_begin + first, n_key, head, packed_first + first / omni::n_packed_unit},
                             scratch.data());
        }
        for (int first = 0; first < segment.q_len; first += n_together) {
            const int n_query = std::min(n_together, segment.q_len - first);
            method.attend_tile(p, {segment, first, n_query, head, packed_first}, scratch.data());
        }
    }
}

// Queries, keys and values of a segment, and what attention makes of them in double.
struct example {
    shape                   s;
    omni::attention_segment segment;
    bool                    causal;
    rows                    q, k, v;

    example(shape s_, omni::attention_segment segment_, bool causal_)
        : s(s_), segment(segment_), causal(causal_), q(segment.q_begin + segment.q_len, s.n_head, s.head_dim),
          k(segment.kv_begin + segment.kv_len, s.n_kv_head, s.head_dim),
          v(segment.kv_begin + segment.kv_len, s.n_kv_head, s.head_dim) {}

    std::string describe() const {
        return "attention of " + std::to_string(s.head_dim) + (causal ? ", causal, " : ", ") + std::to_string(segment.q_len) +
               " queries of " + std::to_string(segment.kv_len);
    }
    int group() const { return s.n_head / s.n_kv_head; }
    int n_seen(int i) const { return causal ? segment.kv_len - segment.q_len + i + 1 : segment.kv_len; }
    // of query i in a head; key j
    float * query(int i, int head) { return q.at(segment.q_begin + i, head); }
    float * key(int j, int kv_head) { return k.at(segment.kv_begin + j, kv_head); }
    float * value(int j, int kv_head) { return v.at(segment.kv_begin + j, kv_head); }
    size_t  out_begin(int i, int head) const { return ((size_t) (segment.q_begin + i) * s.n_head + head) * s.head_dim; }

    floats attend(const omni::attention_method & method, int n_together) const {
        floats out((size_t) (segment.q_begin + segment.q_len) * s.n_head * s.head_dim, NAN);
        run(method, {q.operand, k.operand, v.operand, nullptr, out.data(), s.n_head, s.n_kv_head, s.head_dim, causal}, segment,
            n_together);
        return out;
    }
    floats attend(const omni::attention_method & method) const { return attend(method, omni::n_attention_row / group()); }
};

// The results in double, and to what errors are compared: the sum over the keys of probability times size of the value, which is
// that of the column, or, where all columns of a value share a scale, that of the largest of them. `score_error` is that of a
// score, in parts of the product of the norms of query and key.
struct errors {
    double result, score;
    bool   shared_scale;
};
constexpr errors errors_f32 = {2e-6, 0, false};
constexpr errors errors_i16 = {1.5e-4, 6e-5, true};

void check_results(example & e, const floats & out, const errors & allowed, const std::string & what) {
    const shape         s = e.s;
    std::vector<double> score(e.segment.kv_len);
    for (int i = 0; i < e.segment.q_len; i++) {
        for (int head = 0; head < s.n_head; head++) {
            const int kv_head = head / e.group();
            double    largest = -INFINITY, total = 0.0, score_error = 0.0;
            for (int j = 0; j < e.n_seen(i); j++) {
                double q2 = 0.0, k2 = 0.0;
                score[j] = 0.0;
                for (int d = 0; d < s.head_dim; d++) {
                    const double q = e.query(i, head)[d], k = e.key(j, kv_head)[d];
                    score[j] += q * k;
                    q2 += q * q;
                    k2 += k * k;
                }
                score[j] /= std::sqrt((double) s.head_dim);
                largest = std::max(largest, score[j]);
                score_error = std::max(score_error, allowed.score * std::sqrt(q2 * k2 / s.head_dim));
            }
            for (int j = 0; j < e.n_seen(i); j++) {
                total += score[j] = std::exp(score[j] - largest);
            }
            for (int d = 0; d < s.head_dim; d++) {
                double sum = 0.0, size = 0.0;
                for (int j = 0; j < e.n_seen(i); j++) {
                    const float * value = e.value(j, kv_head);
                    double        column = std::fabs(value[d]);
                    for (int c = 0; c < s.head_dim && allowed.shared_scale; c++) {
                        column = std::max(column, (double) std::fabs(value[c]));
                    }
                    sum += score[j] / total * value[d];
                    size += score[j] / total * column;
                }
                check_near(out[e.out_begin(i, head) + d], sum, (allowed.result + score_error) * size, what);
            }
        }
    }
}

void check_same_rows(const example & e, const floats & x, const floats & y, const std::string & what) {
    check_same_bits(x.data() + e.out_begin(0, 0), y.data() + e.out_begin(0, 0), x.size() - e.out_begin(0, 0), what);
}

void check_segment(const omni::attention_method & method, const errors & allowed, shape s, omni::attention_segment segment,
                   bool causal) {
    example      e(s, segment, causal);
    const floats out = e.attend(method);
    check_results(e, out, allowed, e.describe());
    for (const int n_together : {1, 5}) {
        check_same_rows(e, out, e.attend(method, n_together), e.describe() + ": a query's bits depend on the other queries");
    }
}

// Scores and values that are hard to round.
void check_hard(const omni::attention_method & method, errors allowed) {
    allowed.score = std::max(allowed.score, 3e-7); // large scores are rounded in float32 too
    const shape                   s = {2, 1, 64};
    const omni::attention_segment segment = {0, 150, 0, 150};
    const auto                    check_changed = [&](const std::string & what, auto && change) {
        example e(s, segment, true);
        for (int j = 0; j < segment.kv_len; j++) {
            change(e, j);
        }
        check_results(e, e.attend(method), allowed, "attention, " + what);
    };
    const auto set = [&](float * x, float value) { std::fill(x, x + s.head_dim, value); };
    check_changed("one key alone", [&](example & e, int j) { e.query(j, 0)[3] = e.key(j, 0)[3] = 30.0f; });
    check_changed("all keys alike", [&](example & e, int j) { set(e.key(j, 0), 1.0f); });
    check_changed("large sums", [&](example & e, int j) {
        set(e.query(j, 0), 0.5f);
        set(e.query(j, 1), -0.5f);
        set(e.key(j, 0), 3.0f);
        set(e.value(j, 0), j % 3 == 0 ? -7.0f : 7.0f);
    });
    check_changed("zeros", [&](example & e, int j) {
        set(e.query(j, 0), 0.0f);
        set(j % 2 == 0 ? e.key(j, 0) : e.value(j, 0), 0.0f);
    });
    check_changed("a large key", [&](example & e, int j) { e.key(j, 0)[5] = j == 20 ? 1e4f : 1.0f; });
    check_changed("a large value", [&](example & e, int j) { e.value(j, 0)[5] = j == 20 ? 1e4f : 1.0f; });
    // the first key draws nearly all attention, and its value is next to nothing
    check_changed("a sink", [&](example & e, int j) {
        e.query(j, 0)[0] = e.query(j, 1)[0] = 8.0f;
        e.key(j, 0)[0] = j == 0 ? 10.0f : 0.0f;
        if (j == 0) {
            set(e.value(j, 0), 1e-5f);
        }
    });
}

// What is not finite reaches the queries that see it, and no other. The last bits of the few queries before them may change too:
// rows that are multiplied together multiply what they don't see with 0, and 32 values share a bound of their codes.
constexpr int n_near = 32;

void check_poison(const omni::attention_method & method, float poison) {
    const std::string what = "attention, " + std::to_string(poison);
    example           e({4, 2, 64}, {0, 150, 0, 150}, true);
    const floats      clean = e.attend(method);
    const auto        check_poisoned = [&](float & value, const std::string & where, auto && sees) {
        const float before = value;
        value = poison;
        const floats out = e.attend(method);
        value = before;
        for (int i = 0; i < e.segment.q_len; i++) {
            for (int head = 0; head < e.s.n_head; head++) {
                const size_t begin = e.out_begin(i, head), end = begin + e.s.head_dim;
                bool         finite = true;
                for (size_t at = begin; at < end; at++) {
                    finite = finite && std::isfinite(out[at]);
                }
                if (sees(i, head)) {
                    check(!finite, what + where + ": a finite result");
                } else if (!sees(i + n_near, head)) {
                    check_same_bits(out.data() + begin, clean.data() + begin, e.s.head_dim, what + where + ": elsewhere");
                }
            }
        }
    };
    check_poisoned(e.query(70, 1)[9], " in a query", [](int i, int head) { return i == 70 && head == 1; });
    check_poisoned(e.value(70, 1)[9], " in a value", [](int i, int head) { return i >= 70 && head >= 2; });
    if (std::isnan(poison)) { // an infinite key may just hide itself
        check_poisoned(e.key(70, 1)[9], " in a key", [](int i, int head) { return i >= 70 && head >= 2; });
    }
}

void check_method(const omni::attention_method & method, const errors & allowed) {
    for (const shape s : {shape{2, 1, 64}, shape{2, 2, 72}, shape{3, 1, 80}, shape{4, 2, 128}}) {
        for (const bool causal : {false, true}) {
            check_segment(method, allowed, s, {3, 1, 2, 1}, causal);
            check_segment(method, allowed, s, {0, 7, 1, 7}, causal);
            check_segment(method, allowed, s, {5, 31, 0, 45}, causal);
            check_segment(method, allowed, s, {0, 1, 0, 129}, causal);
        }
        check_segment(method, allowed, s, {1, 139, 4, 139}, true);
        check_segment(method, allowed, s, {1, 50, 4, 263}, false);
    }
    check_hard(method, allowed);
    for (const float poison : {NAN, INFINITY, -INFINITY}) {
        check_poison(method, poison);
    }
}

} // namespace

void check_attention(const omni::kernel_set & kernels) {
    check_method(*kernels.exact_attention, errors_f32);
    if (kernels.fast_attention != kernels.exact_attention) {
        check_method(*kernels.fast_attention, errors_i16);
    }
}
