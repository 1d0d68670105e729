// SPDX-License-Identifier: Apache-2.0
// Attention with products of 16-bit integers. Every query, key and value of a head has a scale of its own, so that each product
// is one sum of integers, which becomes a float at its end.
//
// The probabilities of a block of keys are multiplied with the scales of the values before they become integers. So what is
// rounded is what a key adds to the result: a key that draws nearly all attention to a value of next to nothing takes no
// precision from the others. Softmax is that of attention_f32.cpp.
#include "attention.h"

#include "micro_kernel_i16.h"

namespace omni::OMNI_VARIANT {

using simd::ivec;
using simd::vec;

namespace {

constexpr int n_key_group = 2 * simd::width; // keys whose values are laid out together
static_assert(n_packed_unit % n_key_group == 0, "packed keys are whole groups");
constexpr float hidden = -INFINITY;  // the score of a key that is not seen
constexpr float magic = 12582912.0f; // 1.5 * 2^23: in a sum, the lowest 16 bits are the nearest whole number

// No sum of 32 bits overflows, since codes are bounded by the inequality of Cauchy and Schwarz: a score is at most the product of
// the norms of query and key, and a result that of the norms of the weights and of a column of values. What rounding adds to the
// norm of n codes is at most sqrt(n) / 2.
constexpr float largest_code = 32767.0f;
constexpr float largest_norm = 46320.0f;
static_assert((46320.0 + 16.0) * (46320.0 + 16.0) <= INT32_MAX, "a score overflows"); // heads of up to 1024 values
constexpr float largest_value = 12000.0f;   // of n_key_block keys: values and weights then have errors of the same size
constexpr float largest_product = 2.146e9f; // of the norms before the rounding of the weights
static_assert(2.146e9 + 6.0 * 11.4 * 12000.0 <= INT32_MAX && n_key_block <= 128, "a result overflows");

int padded(int n, int unit) { return (n + unit - 1) / unit * unit; }

// A head has n values, filled up with zeros to pairs of vectors.
int padded_head(int head_dim) { return padded(head_dim, 2 * simd::width); }

// Up to n_key_block keys of a head, quantized and laid out for the products.
struct packed_block {
    int       n_key;        // a multiple of n_key_group
    int16_t * keys;         // n / 2 rows of n_key pairs
    int16_t * values;       // n_key / 2 rows of n pairs: of every 2 * width columns first the even, then the odd ones
    float *   key_scales;   // n_key
    float *   value_scales; // n_key
    float *   value_norms;  // of the values up to each n_packed_unit: the largest norm of a column of codes

    packed_block(uint8_t * p, int n_key_, int n) : n_key(padded(n_key_, n_packed_unit)) {
        keys = (int16_t *) p;
        values = keys + (size_t) n_key * n;
        key_scales = (float *) (values + (size_t) n_key * n);
        value_scales = key_scales + n_key;
        value_norms = value_scales + n_key;
    }
};

// The last cache line of a unit has room for what a block has once.
size_t packed_size(int head_dim) { return n_packed_unit * 2 * (padded_head(head_dim) * sizeof(int16_t) + sizeof(float)) + 64; }

// The parts of one thread's scratch.
struct workspace {
    int       n;       // of padded_head
    float *   q_scale; // n_attention_row
    float *   maximum; // n_attention_row
    float *   total;   // n_attention_row vectors
    float *   out;     // n_attention_row x n, columns in the order of packed_block::values
    float *   head;    // n
    int16_t * q;       // n_attention_row x n

    // The floats of one.
    static size_t size(int head_dim) {
        const size_t n = padded_head(head_dim);
        return n_attention_row * (2 + simd::width) + n_attention_row * n + n + n_attention_row * n / 2;
    }

    workspace(float * p, int head_dim) : n(padded_head(head_dim)) {
        q_scale = p;
        maximum = q_scale + n_attention_row;
        total = maximum + n_attention_row;
        out = total + n_attention_row * simd::width;
        head = out + (size_t) n_attention_row * n;
        q = (int16_t *) (head + n);
    }
};

void fill(float * x, int first, int end, float value) {
    for (int i = first; i < end; i++) {
        x[i] = value;
    }
}

// 2^x for x <= 0, and 2^-126 below -126. Relative error under 3e-7: 2^r on [-1/2, 1/2] is a polynomial with the least largest
// relative error for its degree. Of a NaN it is NaN: max gives its second argument where the two don't compare.
vec exp2_negative(vec x) {
    using namespace simd;
    const vec c = max(splat(-126.0f), x);
    const vec shifted = c + splat(magic); // its lowest bits are the whole part
    const vec r = c - (shifted - splat(magic));
    vec       p = splat(0.0013276472f);
    p = p * r + splat(0.009675541f);
    p = p * r + splat(0.05550713f);
    p = p * r + splat(0.2402212f);
    p = p * r + splat(0.69314694f);
    p = p * r + splat(1.0000001f);
    return p * (vec) (((ivec) shifted << 23) + (127 << 23));
}

// Quantizes n_head heads, of which begin(i) is the first value, and fills up with zeros to n values and n_all heads: magnitudes
// up to `code`, norms up to `norm`. A scale is above 0, or not finite where a value is not, or a square overflows. Each step is
// taken for all heads before the next, since one head alone would wait for every result.
template <typename F>
void quantize_heads(int n_head, int n_all, int head_dim, int n, F && begin, float code, float norm, int16_t * codes,
                    float * scales) {
    using namespace simd;
    // where a head ends within a vector, its last values are copied
    const int  n_whole = head_dim / width * width;
    const auto load_values = [&](const float * x, int i) {
        if (i < n_whole) {
            return load(x + i);
        }
        float rest[width] = {};
        std::memcpy(rest, x + i, larger(head_dim - i, 0) * sizeof(float));
        return load(rest);
    };
    float factors[n_key_group], squares[n_key_group];
    for (int j = 0; j < n_head; j++) {
        const float * x = begin(j);
        vec           sum_of_squares = {};
        ivec          largest = {}; // as integers, the bits of magnitudes have their order, and NaN is above infinity
        for (int i = 0; i < head_dim; i += width) {
            const vec v = load_values(x, i);
            sum_of_squares = sum_of_squares + v * v;
            largest = max(largest, (ivec) v & 0x7fffffff);
        }
        const int32_t bits = reduce(largest, [](ivec a, ivec b) { return max(a, b); });
        std::memcpy(factors + j, &bits, sizeof(bits));
        squares[j] = sum(sum_of_squares);
    }
    for (int j = 0; j < n_head; j++) {
        // of smaller values the squares underflow
        const float by_code = code / larger(factors[j], 1e-15f), by_norm = norm / std::sqrt(squares[j]);
        factors[j] = by_norm < by_code ? by_norm : by_code;
        scales[j] = 1.0f / factors[j];
    }
    for (int j = 0; j < n_head; j++, codes += n) {
        const float * x = begin(j);
        for (int i = 0; i < n; i += width) {
            const ivec      whole = (ivec) (load_values(x, i) * splat(factors[j]) + splat(magic)) - (ivec) splat(magic);
            typedef int16_t narrow __attribute__((vector_size(width * sizeof(int16_t)), aligned(2), may_alias));
            *(narrow *) (codes + i) = __builtin_convertvector(whole, narrow);
        }
    }
    std::memset(codes, 0, (size_t) (n_all - n_head) * n * sizeof(int16_t));
    fill(scales, n_head, n_all, 0.0f);
}

// Rows of scores on their way to the product with the values.
struct score_rows {
    int n_row;
    float (*scores)[n_key_block];
    const int *   n_seen;  // keys that a row sees
    const float * q_scale; // the scale of its query
    float *       maximum;
    float *       total; // a vector
    float *       out;   // n values
    int           n;
};

// Raises the maximum of each row to that of its scores, which are without the scale of their query.
void raise_maximum(const score_rows & rows) {
    using namespace simd;
    float maximum[isa::register_block_i16];
    for (int r = 0; r < rows.n_row; r++) {
        float *   score = rows.scores[r];
        const int n_score = padded(rows.n_seen[r], width);
        fill(score, rows.n_seen[r], n_score, hidden);
        vec largest = load(score);
        for (int i = width; i < n_score; i += width) {
            largest = max(largest, load(score + i));
        }
        maximum[r] = max(largest) * rows.q_scale[r];
    }
    for (int r = 0; r < rows.n_row; r++) {
        if (maximum[r] > rows.maximum[r]) {
            const vec shrink = splat(exp2_negative(splat(rows.maximum[r] - maximum[r]))[0]);
            float *   total = rows.total + r * width, *out = rows.out + (size_t) r * rows.n;
            store(total, load(total) * shrink);
            for (int i = 0; i < rows.n; i += width) {
                store(out + i, load(out + i) * shrink);
            }
            rows.maximum[r] = maximum[r];
        }
    }
}

// Turns scores into the weights of the keys, e^(score - maximum) times the scale of the value, as codes with a scale for each
// row. Keys up to n_key that a row does not see weigh 0.
void weigh_keys(const score_rows & rows, int n_key, const packed_block & keys, int16_t (*codes)[n_key_block], float * scales) {
    using namespace simd;
    float norms[isa::register_block_i16], largest[isa::register_block_i16];
    for (int r = 0; r < rows.n_row; r++) {
        float *    score = rows.scores[r];
        const int  n_seen = rows.n_seen[r], n_whole = n_seen / width * width;
        vec        total = load(rows.total + r * width), squares = {}, largest_weight = {};
        const auto weigh = [&](int i, vec scale) {
            const vec p = exp2_negative(load(score + i) * splat(rows.q_scale[r]) - splat(rows.maximum[r]));
            const vec weight = p * scale;
            store(score + i, weight);
            total = total + p;
            squares = squares + weight * weight;
            largest_weight = max(largest_weight, weight);
        };
        for (int i = 0; i < n_whole; i += width) {
            weigh(i, load(keys.value_scales + i));
        }
        if (n_whole < n_seen) {
            // a value that is not seen adds nothing, whatever its scale is
            float scale[width] = {};
            std::memcpy(scale, keys.value_scales + n_whole, (n_seen - n_whole) * sizeof(float));
            weigh(n_whole, load(scale));
        }
        fill(score, padded(n_seen, width), n_key, 0.0f);
        store(rows.total + r * width, total);
        norms[r] = std::sqrt(sum(squares));
        largest[r] = max(largest_weight);
    }
    for (int r = 0; r < rows.n_row; r++) {
        const bool  usable = norms[r] > 1e-18f && std::isfinite(norms[r]); // below, the inverse could overflow
        const float by_norm = largest_product / (norms[r] * keys.value_norms[(rows.n_seen[r] - 1) / n_packed_unit]);
        const float factor = usable ? smaller(largest_code / largest[r], by_norm) : 0.0f;
        scales[r] = usable ? 1.0f / factor : norms[r];
        for (int i = 0; i < n_key; i += n_key_group) {
            const ivec low = (ivec) (load(rows.scores[r] + i) * splat(factor) + splat(magic));
            const ivec high = (ivec) (load(rows.scores[r] + i + width) * splat(factor) + splat(magic));
            store_int(codes[r] + i, (low & 0xffff) | (high << 16));
        }
    }
}

// Quantizes the keys [first, first + n_together) of a block, and fills up with zeros.
void quantize_keys(const attention_operand & x, const attention_key_block & block, int first, int n_together, int head_dim,
                   float code, float norm, int16_t * codes, float * scales) {
    const float * begin = x.data + (size_t) (block.kv_begin + first) * x.row_stride + block.kv_head * x.head_stride;
    quantize_heads(
        larger(0, smaller(n_together, block.n_key - first)), n_together, head_dim, padded_head(head_dim),
        [&](int j) { return begin + j * x.row_stride; }, code, norm, codes, scales + first);
}

void pack_keys(const attention_operands & p, const attention_key_block & block, float * scratch) {
    using namespace simd;
    const int          n = padded_head(p.head_dim);
    const packed_block packed(p.packed + block.packed_first * packed_size(p.head_dim), block.n_key, n);
    float *            squares = scratch;                // n: the sums of those of a column
    int16_t *          rows = (int16_t *) (scratch + n); // n_key_group x n
    // a column of fewer values may have larger ones for the same norm
    const float value_code = smaller(largest_code, largest_value * std::sqrt((float) n_key_block / (float) packed.n_key));
    fill(squares, 0, n, 0.0f);
    for (int first = 0; first < packed.n_key; first += n_key_group) {
        quantize_keys(p.k, block, first, n_key_group, p.head_dim, largest_code, largest_norm, rows, packed.key_scales);
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < n; i += 2 * width) {
                ivec pairs[width];
                for (int j = 0; j < width; j++) {
                    pairs[j] = load_int(rows + (size_t) (half * width + j) * n + i);
                }
                transpose(pairs);
                for (int j = 0; j < width; j++) {
                    store_int(packed.keys + (size_t) (i + 2 * j) * packed.n_key + 2 * (first + half * width), pairs[j]);
                }
            }
        }
        // the value of a key goes with that of the key `width` further on
        quantize_keys(p.v, block, first, n_key_group, p.head_dim, value_code, INFINITY, rows, packed.value_scales);
        for (int j = 0; j < width; j++) {
            for (int i = 0; i < n; i += 2 * width) {
                const ivec a = load_int(rows + (size_t) j * n + i), b = load_int(rows + (size_t) (j + width) * n + i);
                const ivec even = (a & 0xffff) | (b << 16), odd = ((a >> 16) & 0xffff) | (b & ~0xffff);
                int16_t *  out = packed.values + (size_t) (first + 2 * j) * n + 2 * i;
                store_int(out, even);
                store_int(out + 2 * width, odd);
                store(squares + i, load(squares + i) + to_float(isa::dot_i16(ivec{}, even, even)));
                store(squares + i + width, load(squares + i + width) + to_float(isa::dot_i16(ivec{}, odd, odd)));
            }
        }
        vec largest = {};
        for (int i = 0; i < n; i += width) {
            largest = max(largest, load(squares + i));
        }
        packed.value_norms[first / n_packed_unit] = larger(1.0f, std::sqrt(max(largest)));
    }
}

size_t scratch_size(int head_dim) {
    return larger(workspace::size(head_dim), (size_t) padded_head(head_dim) * (1 + n_key_group / 2));
}

void attend_tile(const attention_operands & p, const attention_tile & tile, float * scratch) {
    const workspace           w(scratch, p.head_dim);
    const attention_segment & segment = tile.segment;
    const int                 group = p.n_head / p.n_kv_head;
    const int                 n_row = tile.n_query * group;
    const float               scale = 1.44269504f / std::sqrt((float) p.head_dim); // log2(e): the scores are exponents of 2

    // row = query * group + head of the group
    const auto query = [&](int row) -> size_t { return segment.q_begin + tile.q_first + row / group; };
    const auto head = [&](int row) -> size_t { return tile.kv_head * group + row % group; };
    for (int first = 0; first < n_row; first += n_key_group) {
        const int n = smaller(n_key_group, n_row - first);
        quantize_heads(
            n, n, p.head_dim, w.n,
            [&](int j) { return p.q.data + query(first + j) * p.q.row_stride + head(first + j) * p.q.head_stride; },
            largest_code, largest_norm, w.q + (size_t) first * w.n, w.q_scale + first);
    }
    for (int row = 0; row < n_row; row++) {
        w.q_scale[row] *= scale;
        w.maximum[row] = hidden;
    }
    fill(w.total, 0, n_row * simd::width, 0.0f);
    fill(w.out, 0, n_row * w.n, 0.0f);

    // keys that the query of this row sees
    const auto n_seen = [&](int row) {
        return p.causal ? segment.kv_len - segment.q_len + tile.q_first + row / group + 1 : segment.kv_len;
    };
    const int       n_key_all = n_seen(n_row - 1);
    const size_t    unit_size = packed_size(p.head_dim);
    uint8_t * const packed_begin = p.packed + tile.packed_first * unit_size;
    for (int first = 0; first < n_key_all; first += n_key_block) {
        const int          n_key = smaller(n_key_block, segment.kv_len - first);
        const packed_block keys(packed_begin + first / n_packed_unit * unit_size, n_key, w.n);
        // queries that see none of these keys come first
        const int row_first = p.causal ? larger(first + 1 - n_seen(0), 0) * group : 0;
        in_register_blocks<isa::register_block_i16>(n_row - row_first, [&](auto count, int block) {
            constexpr int       n = count.value;
            const int           begin = row_first + block;
            alignas(64) float   scores[n][n_key_block];
            alignas(64) int16_t codes[n][n_key_block];
            float               weight_scales[n];
            int                 n_visible[n];
            for (int r = 0; r < n; r++) {
                n_visible[r] = smaller(n_seen(begin + r) - first, n_key);
            }
            const int n_code = padded(n_visible[n - 1], n_key_group);
            multiply_i16<n>(w.q + (size_t) begin * w.n, w.n, keys.keys, 2 * keys.n_key,
                            padded(n_visible[n - 1], simd::width) / simd::width, w.n, [&](int r, int v, ivec sum) {
                                const vec scale = simd::load(keys.key_scales + v * simd::width);
                                simd::store(scores[r] + v * simd::width, simd::to_float(sum) * scale);
                            });
            const score_rows rows = {n,
                                     scores,
                                     n_visible,
                                     w.q_scale + begin,
                                     w.maximum + begin,
                                     w.total + begin * simd::width,
                                     w.out + (size_t) begin * w.n,
                                     w.n};
            raise_maximum(rows);
            weigh_keys(rows, n_code, keys, codes, weight_scales);
            multiply_i16<n>(codes[0], n_key_block, keys.values, 2 * w.n, w.n / simd::width, n_code,
                            [&](int r, int v, ivec sum) {
                                float * out = rows.out + (size_t) r * w.n + v * simd::width;
                                simd::store(out, simd::load(out) + simd::to_float(sum) * simd::splat(weight_scales[r]));
                            });
        });
    }

    for (int row = 0; row < n_row; row++) {
        using namespace simd;
        const float * out = w.out + (size_t) row * w.n;
        float *       dst = p.out + (query(row) * p.n_head + head(row)) * p.head_dim;
        float *       whole = p.head_dim == w.n ? dst : w.head;
        const vec     inverse = splat(1.0f / sum(load(w.total + row * width)));
        for (int i = 0; i < w.n; i += 2 * width) {
            const ivec even = (ivec) (load(out + i) * inverse), odd = (ivec) (load(out + i + width) * inverse);
            store_int(whole + i, interleave_low(even, odd));
            store_int(whole + i + width, interleave_high(even, odd));
        }
        if (whole != dst) {
            std::memcpy(dst, whole, p.head_dim * sizeof(float));
        }
    }
}

} // namespace

const attention_method attention_i16 = {scratch_size, attend_tile, packed_size, pack_keys};

} // namespace omni::OMNI_VARIANT
