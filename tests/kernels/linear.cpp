// Linear layers against sums in double over ggml's dequantised weights.
#include "check.h"

#define OMNI_VARIANT of_a_row // only the layout is taken from here, which all have
#include "kernels/q8_rows.h"

namespace {

constexpr int64_t n_out = 64, n_row = 70;

struct matrix {
    ggml_type            type;
    int64_t              n_in;
    std::vector<uint8_t> bytes;
    floats               values;
};

// Random bits, so that every code occurs; in each block numbers of an ordinary size. False where the type has no such blocks.
bool random_matrix(ggml_type type, int64_t n_in, matrix & m) {
    const auto to_float = ggml_get_type_traits(type)->to_float;
    m = {type, n_in, {}, floats(n_in * n_out)};
    if (type == GGML_TYPE_F32) {
        m.values = random_floats(n_in * n_out);
        m.bytes.assign((uint8_t *) m.values.data(), (uint8_t *) (m.values.data() + m.values.size()));
        return true;
    }
    const int64_t n_block = ggml_blck_size(type);
    const size_t  size    = ggml_type_size(type);
    m.bytes.resize(n_in * n_out / n_block * size);
    for (size_t i = 0; i < m.values.size() / n_block; i++) {
        uint8_t * block = m.bytes.data() + i * size;
        float *   value = m.values.data() + i * n_block;
        for (int n_try = 0;; n_try++) {
            if (n_try == 10000) {
                return false;
            }
            for (size_t b = 0; b < size; b++) {
                block[b] = (uint8_t) random_bits()();
            }
            to_float(block, value, n_block);
            float largest = 0.0f;
            for (int64_t j = 0; j < n_block; j++) {
                largest = std::isfinite(value[j]) ? std::fmax(largest, std::fabs(value[j])) : INFINITY;
            }
            if (largest < 8.0f && (largest > 0.125f || n_block == 1)) {
                break;
            }
        }
    }
    return true;
}

struct rows {
    std::vector<uint8_t> bytes;
    size_t               stride;
    floats               values; // that the bytes stand for
};

rows float_rows(int64_t n, int64_t n_in) {
    rows r = {{}, (n_in + 3) * sizeof(float), random_floats(n * n_in)};
    r.bytes.assign(n * r.stride, 255);
    for (int64_t i = 0; i < n; i++) {
        std::memcpy(r.bytes.data() + i * r.stride, r.values.data() + i * n_in, n_in * sizeof(float));
    }
    return r;
}

rows q8_rows(const omni::kernel_set & kernels, int64_t n, int64_t n_in) {
    rows r = {{}, kernels.q8_row_size(n_in) + 12, random_floats(n * n_in)};
    r.bytes.assign(n * r.stride, 255);
    for (int64_t i = 0; i < n; i++) {
        uint8_t * bytes = r.bytes.data() + i * r.stride;
        kernels.q8_quantize(r.values.data() + i * n_in, n_in, bytes);
        const auto groups = (const omni::of_a_row::q8_group *) (bytes + n_in);
        for (int64_t j = 0; j < n_in; j++) {
            r.values[i * n_in + j] = groups[j / 32].scale * (float) (int8_t) bytes[j];
        }
    }
    return r;
}

// The layer of rows [first, first + n), block by block from the last.
floats run(const omni::kernel_set & kernels, const matrix & m, const rows & x, bool is_q8, int64_t first, int64_t n,
           const float * bias, const float * residual) {
    floats y(n * n_out, NAN);
    const omni::linear_operands p = {
        m.bytes.data(), m.type, m.n_in, n_out, x.bytes.data() + first * x.stride, x.stride, is_q8,
        bias, residual ? residual + first * n_out : nullptr, y.data(), n, 3,
    };
    for (int32_t block = kernels.linear_blocks(p); block-- > 0;) {
        kernels.linear_block(p, block);
    }
    return y;
}

void check_layer(const omni::kernel_set & kernels, const matrix & m, bool is_q8) {
    const std::string what = std::string(ggml_type_name(m.type)) + (is_q8 ? " times q8 rows" : " times float rows");
    const rows   x = is_q8 ? q8_rows(kernels, n_row, m.n_in) : float_rows(n_row, m.n_in);
    const floats bias = random_floats(n_out), residual = random_floats(n_row * n_out);
    const floats y    = run(kernels, m, x, is_q8, 0, n_row, nullptr, nullptr);
    const floats more = run(kernels, m, x, is_q8, 0, n_row, bias.data(), residual.data());

    for (int64_t row = 0; row < n_row; row++) {
        for (int64_t o = 0; o < n_out; o++) {
            const float * w = m.values.data() + o * m.n_in, * v = x.values.data() + row * m.n_in;
            double sum = 0.0, size = 0.0;
            for (int64_t i = 0; i < m.n_in; i++) {
                sum += (double) w[i] * v[i];
                size += std::fabs((double) w[i] * v[i]);
            }
            const int64_t at = row * n_out + o;
            check_near(y[at], sum, 2e-6 * size, what);
            check_near(more[at], y[at] + (double) bias[o] + residual[at], 1e-6 * (1.0 + std::fabs(y[at])), what + " and the rest");
        }
    }
    for (int64_t n = 1; n < n_row; n += n < 20 ? 1 : 7) {
        const int64_t first = random_bits()() % (n_row - n + 1);
        const floats  part  = run(kernels, m, x, is_q8, first, n, bias.data(), residual.data());
        check_same_bits(part.data(), more.data() + first * n_out, n * n_out, what + ": a row differs in company of others");
    }
}

// A row that is not finite stays so, and its neighbours don't notice.
void check_poison(const omni::kernel_set & kernels, const matrix & m, bool is_q8, float poison) {
    const std::string what = std::string(ggml_type_name(m.type)) + (is_q8 ? ", q8 rows, " : ", float rows, ") + std::to_string(poison);
    const int64_t n = 13, poisoned = 5;
    const size_t  stride = is_q8 ? kernels.q8_row_size(m.n_in) : m.n_in * sizeof(float);
    floats        values = random_floats(n * m.n_in);
    floats        y[2];
    for (floats & result : y) {
        rows x = {std::vector<uint8_t>(n * stride), stride, {}};
        for (int64_t i = 0; i < n; i++) {
            if (is_q8) {
                kernels.q8_quantize(values.data() + i * m.n_in, m.n_in, x.bytes.data() + i * stride);
            } else {
                std::memcpy(x.bytes.data() + i * stride, values.data() + i * m.n_in, stride);
            }
        }
        result = run(kernels, m, x, is_q8, 0, n, nullptr, nullptr);
        values[poisoned * m.n_in + 77] = poison;
    }
    for (int64_t i = 0; i < n; i++) {
        if (i != poisoned) {
            check_same_bits(y[0].data() + i * n_out, y[1].data() + i * n_out, n_out, what + ": a neighbour changed");
            continue;
        }
        for (int64_t o = 0; o < n_out; o++) {
            check(!std::isfinite(y[1][i * n_out + o]), what + ": the result is finite");
        }
    }
}

// More rows than one block of the work has.
void check_many_rows(const omni::kernel_set & kernels, const matrix & m, bool is_q8) {
    const int64_t n = 1100;
    const rows    x = is_q8 ? q8_rows(kernels, n, m.n_in) : float_rows(n, m.n_in);
    const floats  all = run(kernels, m, x, is_q8, 0, n, nullptr, nullptr);
    for (int64_t first = 0; first < n; first += 100) {
        const floats part = run(kernels, m, x, is_q8, first, 100, nullptr, nullptr);
        check_same_bits(part.data(), all.data() + first * n_out, part.size(), "a row differs among many");
    }
}

} // namespace

void check_linear(const omni::kernel_set & kernels) {
    int n_f32 = 0, n_q8 = 0;
    for (int t = 0; t < GGML_TYPE_COUNT; t++) {
        const ggml_type type = (ggml_type) t;
        if (type != GGML_TYPE_F32 && !ggml_get_type_traits(type)->to_float) {
            continue; // not a type of weights
        }
        if (!kernels.linear_takes_f32(type, n_out)) {
            continue;
        }
        // past the parts that the kernels work in, and not a multiple of them
        const int64_t n_block = ggml_blck_size(type), n_in = n_block == 1 ? 333 : n_block < 256 ? 21 * n_block : 3 * n_block;
        matrix m;
        if (!random_matrix(type, n_in, m)) {
            continue;
        }
        n_f32++;
        check_layer(kernels, m, false);
        const bool takes_q8 = kernels.linear_takes_q8(type, n_in, n_out);
        if (takes_q8) {
            n_q8++;
            check_layer(kernels, m, true);
        }
        if (type == GGML_TYPE_F16 || takes_q8) {
            for (float poison : {NAN, INFINITY, -INFINITY}) {
                check_poison(kernels, m, false, poison);
                if (takes_q8) {
                    check_poison(kernels, m, true, poison);
                }
            }
        }
        if (type == GGML_TYPE_Q8_0) {
            matrix small;
            random_matrix(type, 64, small);
            check_many_rows(kernels, small, false);
            if (takes_q8) {
                check_many_rows(kernels, small, true);
            }
        }
    }
    std::printf("  %d types times float rows, %d times q8 rows\n", n_f32, n_q8);
    check(n_f32 >= 20, "fewer types than GGUF files have");
}
