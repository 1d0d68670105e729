// Linear layers against sums in double over ggml's dequantised weights.
#include "check.h"

#include <algorithm>

#define OMNI_VARIANT of_a_row // only the layout is taken from here, which all have
#include "kernels/q14_rows.h"
#include "kernels/q16_rows.h"
#include "kernels/q8_rows.h"

namespace {

using omni::linear_product;
using omni::row_format;

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
    const size_t  size = ggml_type_size(type);
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

const char * describe(const linear_product & product) {
    constexpr const char * names[] = {"float rows", "q8 rows", "q14 rows", "q16 rows"}; // in the order of row_format
    return names[(int) product.x];
}

// What the high or the low bytes of value j stand for.
float read_part(const uint8_t * row, int64_t n_in, int64_t j, bool high) {
    const int64_t at = omni::of_a_row::q16_position(j);
    const float   scale = ((const float *) (row + 2 * n_in))[j / omni::of_a_row::n_q16_group];
    return scale * (float) (high ? 256 * (int8_t) row[at] : (int8_t) row[n_in + at]);
}

// Value j of a row, which has n_in.
float read_value(row_format format, const uint8_t * row, int64_t n_in, int64_t j) {
    switch (format) {
        case row_format::q8:  return ((const omni::of_a_row::q8_group *) (row + n_in))[j / 32].scale * (float) (int8_t) row[j];
        case row_format::q14: return ((const float *) (row + 2 * n_in))[j / 32] * (float) ((const int16_t *) row)[j];
        case row_format::q16: return read_part(row, n_in, j, true) + read_part(row, n_in, j, false);
        default:              return ((const float *) row)[j];
    }
}

rows random_rows(const linear_product & product, int64_t n, int64_t n_in) {
    rows r = {{}, product.row_size(n_in) + 12, random_floats(n * n_in)};
    r.bytes.assign(n * r.stride, 255);
    for (int64_t i = 0; i < n; i++) {
        uint8_t * row = r.bytes.data() + i * r.stride;
        float *   values = r.values.data() + i * n_in;
        product.quantize(values, 0, n_in, n_in, row);
        for (int64_t j = 0; j < n_in; j++) {
            values[j] = read_value(product.x, row, n_in, j);
        }
    }
    return r;
}

// The product with rows [first, first + n) alone.
omni::linear_operands operands(const linear_product & product, const matrix & m, const rows & x, int64_t first, int64_t n) {
    omni::linear_operands p = {};
    p.product = &product;
    p.type = m.type;
    p.n_in = m.n_in;
    p.n_out = n_out;
    p.weight = m.bytes.data();
    p.x = x.bytes.data() + first * x.stride;
    p.x_stride = x.stride;
    p.n_row = n;
    p.n_thread = 3;
    return p;
}

// Block by block from the last.
void run(const omni::kernel_set & kernels, omni::linear_operands p, void * y, size_t y_stride) {
    p.y = (uint8_t *) y;
    p.y_stride = y_stride;
    floats scratch(kernels.linear_scratch(p.n_row), NAN);
    for (int32_t block = kernels.count_linear_blocks(p); block-- > 0;) {
        kernels.compute_linear_block(p, block, scratch.data());
    }
}

floats run(const omni::kernel_set & kernels, const omni::linear_operands & p) {
    floats y(p.n_row * n_out, NAN);
    run(kernels, p, y.data(), n_out * sizeof(float));
    return y;
}

floats run(const omni::kernel_set & kernels, const linear_product & product, const matrix & m, const rows & x, int64_t first,
           int64_t n, const float * bias, const float * residual) {
    omni::linear_operands p = operands(product, m, x, first, n);
    p.bias = bias;
    p.residual = residual ? residual + first * n_out : nullptr;
    return run(kernels, p);
}

// The rounding of a weight to 14 bits, in a group of 32 of which the largest has a code of at least 4096.
float weight_error(const matrix & m, int64_t first) {
    float largest = 0.0f;
    for (int64_t i = first; i < first + 32; i++) {
        largest = std::fmax(largest, std::fabs(m.values[i]));
    }
    return 0.5f * largest / 4096;
}

// Against sums in double; error(o, i) is that of weight i of column o.
template <typename F>
void check_products(const matrix & m, const rows & x, const floats & y, F && error, const std::string & what) {
    for (int64_t row = 0; row < n_row; row++) {
        for (int64_t o = 0; o < n_out; o++) {
            const float *w = m.values.data() + o * m.n_in, *v = x.values.data() + row * m.n_in;
            double       sum = 0.0, tolerance = 0.0;
            for (int64_t i = 0; i < m.n_in; i++) {
                sum += (double) w[i] * v[i];
                tolerance += 2e-6 * std::fabs((double) w[i] * v[i]) + error(o, i) * std::fabs(v[i]);
            }
            check_near(y[row * n_out + o], sum, tolerance, what);
        }
    }
}

// Against sums in double over what the bytes of rows and weights stand for, without the products of the low ones.
void check_products_of_bytes(const linear_product & product, const matrix & m, const rows & x, const floats & y,
                             const std::string & what) {
    const size_t         size = product.row_size(m.n_in);
    std::vector<uint8_t> weights(n_out * size);
    for (int64_t o = 0; o < n_out; o++) {
        product.quantize(m.values.data() + o * m.n_in, 0, m.n_in, m.n_in, weights.data() + o * size);
    }
    const auto read_parts = [&](const uint8_t * bytes, size_t stride, int64_t n, bool high) {
        floats parts(n * m.n_in);
        for (int64_t i = 0; i < n * m.n_in; i++) {
            parts[i] = read_part(bytes + i / m.n_in * stride, m.n_in, i % m.n_in, high);
        }
        return parts;
    };
    const floats w_high = read_parts(weights.data(), size, n_out, true), w_low = read_parts(weights.data(), size, n_out, false);
    const floats x_high = read_parts(x.bytes.data(), x.stride, n_row, true);
    const floats x_low = read_parts(x.bytes.data(), x.stride, n_row, false);
    for (int64_t i = 0; i < n_row * n_out; i++) {
        const int64_t v = i / n_out * m.n_in, w = i % n_out * m.n_in;
        double        sum = 0.0, tolerance = 0.0;
        for (int64_t j = 0; j < m.n_in; j++) {
            const double product = (double) x_high[v + j] * w_high[w + j] + (double) x_high[v + j] * w_low[w + j] +
                                   (double) x_low[v + j] * w_high[w + j];
            sum += product;
            tolerance += 2e-6 * std::fabs(product);
        }
        check_near(y[i], sum, tolerance, what);
    }
}

void check_layer(const omni::kernel_set & kernels, const linear_product & product, const matrix & m) {
    const std::string what = std::string(ggml_type_name(m.type)) + " times " + describe(product);
    const rows        x = random_rows(product, n_row, m.n_in);
    const floats      bias = random_floats(n_out), residual = random_floats(n_row * n_out);
    const floats      y = run(kernels, product, m, x, 0, n_row, nullptr, nullptr);
    const floats      more = run(kernels, product, m, x, 0, n_row, bias.data(), residual.data());

    floats errors(m.values.size() / 32 + 1); // of the weights of each 32
    for (size_t i = 0; product.x == row_format::q14 && i < m.values.size() / 32; i++) {
        errors[i] = weight_error(m, i * 32);
    }
    if (product.x == row_format::q16) {
        check_products_of_bytes(product, m, x, y, what);
    } else {
        check_products(m, x, y, [&](int64_t o, int64_t i) { return errors[(o * m.n_in + i) / 32]; }, what);
    }
    for (int64_t i = 0; i < n_row * n_out; i++) {
        check_near(more[i], y[i] + (double) bias[i % n_out] + residual[i], 1e-6 * (1.0 + std::fabs(y[i])),
                   what + " with bias and residual");
    }
    for (int64_t n = 1; n < n_row; n += n < 20 ? 1 : 7) {
        const int64_t first = random_bits()() % (n_row - n + 1);
        const floats  part = run(kernels, product, m, x, first, n, bias.data(), residual.data());
        check_same_bits(part.data(), more.data() + first * n_out, n * n_out, what + ": a row's bits depend on the other rows");
    }
}

// NaN and infinity in a row propagate to its result, and don't change the other rows.
void check_poison(const omni::kernel_set & kernels, const linear_product & product, const matrix & m, float poison) {
    const std::string what = std::string(ggml_type_name(m.type)) + ", " + describe(product) + ", " + std::to_string(poison);
    const int64_t     n = 13, poisoned = 5;
    const size_t      stride = product.row_size(m.n_in);
    floats            values = random_floats(n * m.n_in);
    floats            y[2];
    for (floats & result : y) {
        rows x = {std::vector<uint8_t>(n * stride), stride, {}};
        for (int64_t i = 0; i < n; i++) {
            product.quantize(values.data() + i * m.n_in, 0, m.n_in, m.n_in, x.bytes.data() + i * stride);
        }
        result = run(kernels, product, m, x, 0, n, nullptr, nullptr);
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

// Weights of float16 and bfloat16 that are at least an eighth of the largest keep their value in 14 bits. NaN and infinity
// change only their column.
void check_weights_in_14_bits(const omni::kernel_set & kernels, const linear_product & product, ggml_type type) {
    const int64_t                         n_in = 96, spoilt = 7;
    std::uniform_real_distribution<float> eighth(1.0f, 7.99f);
    matrix                                m = {type, n_in, std::vector<uint8_t>(n_in * n_out * 2), random_floats(n_in * n_out)};
    for (float & v : m.values) {
        v = std::copysign(eighth(random_bits()), v);
    }
    const auto store = [&] {
        ggml_get_type_traits(type)->from_float_ref(m.values.data(), m.bytes.data(), n_in * n_out);
        ggml_get_type_traits(type)->to_float(m.bytes.data(), m.values.data(), n_in * n_out);
    };
    store();
    const rows   x = random_rows(product, n_row, n_in);
    const floats y = run(kernels, product, m, x, 0, n_row, nullptr, nullptr);
    check_products(m, x, y, [](int64_t, int64_t) { return 0.0; }, std::string(ggml_type_name(type)) + " that 14 bits hold");
    for (float poison : {NAN, INFINITY, -INFINITY}) {
        m.values[spoilt * n_in + 40] = poison;
        store();
        const floats z = run(kernels, product, m, x, 0, n_row, nullptr, nullptr);
        for (int64_t i = 0; i < n_row * n_out; i++) {
            check(i % n_out == spoilt ? !std::isfinite(z[i]) : z[i] == y[i], "a weight that is not finite");
        }
    }
}

// The error of a layer of float16 weights, in the root of the mean square, as a part of the results. In each row one value is
// `outlier` times as large as the others are.
double measure_error(const omni::kernel_set & kernels, const linear_product & product, float outlier) {
    const int64_t n_in = 1024;
    matrix        m = {GGML_TYPE_F16, n_in, std::vector<uint8_t>(n_in * n_out * 2), random_floats(n_in * n_out)};
    ggml_fp32_to_fp16_row(m.values.data(), (ggml_fp16_t *) m.bytes.data(), n_in * n_out);
    ggml_fp16_to_fp32_row((const ggml_fp16_t *) m.bytes.data(), m.values.data(), n_in * n_out);
    rows x = {{}, product.row_size(n_in), random_floats(n_row * n_in)};
    x.bytes.resize(n_row * x.stride);
    for (int64_t i = 0; i < n_row; i++) {
        x.values[i * n_in + 500] *= outlier;
        product.quantize(x.values.data() + i * n_in, 0, n_in, n_in, x.bytes.data() + i * x.stride);
    }
    const floats y = run(kernels, product, m, x, 0, n_row, nullptr, nullptr);
    double       error = 0.0, size = 0.0;
    for (int64_t i = 0; i < n_row * n_out; i++) {
        double sum = 0.0;
        for (int64_t j = 0; j < n_in; j++) {
            sum += (double) x.values[i / n_out * n_in + j] * m.values[i % n_out * n_in + j];
        }
        error += (y[i] - sum) * (y[i] - sum);
        size += sum * sum;
    }
    return std::sqrt(error / size);
}

// Rows in 16 bits lose less than rows in 14 bits, though more of their values share a scale. micro_kernel_amx_q16.h expects
// 4.8e-5 of normally distributed operands; a cosine of two vectors falls by half of the square.
void check_accuracy_of_16_bits(const omni::kernel_set & kernels, const linear_product & product) {
    const double plain = measure_error(kernels, product, 1.0f);
    check(plain < 6e-5, "16 bits lose " + std::to_string(plain));
    for (const linear_product * other : kernels.products) {
        for (float outlier : {1.0f, 10.0f, 100.0f, 1000.0f}) {
            if (other->x == row_format::q14) {
                check(measure_error(kernels, product, outlier) < measure_error(kernels, *other, outlier),
                      "16 bits lose more than 14, with an outlier of " + std::to_string(outlier));
            }
        }
    }
}

// Two products of the same rows, which may be of two instruction sets: the same bits for any number of rows.
void check_same_product(const omni::kernel_set & kernels, const linear_product & product, const omni::kernel_set & others,
                        const linear_product & other, const matrix & m) {
    const rows   x = random_rows(product, n_row, m.n_in);
    const floats all = run(others, other, m, x, 0, n_row, nullptr, nullptr);
    for (int64_t n = 1; n <= n_row; n++) {
        const floats y = run(kernels, product, m, x, n_row - n, n, nullptr, nullptr);
        check_same_bits(y.data(), all.data() + (n_row - n) * n_out, y.size(),
                        std::string(ggml_type_name(m.type)) + " times " + describe(product) + ": two products differ");
    }
}

// Packed weights give the same bits as those of the file, for any number of rows.
bool check_packed(const omni::kernel_set & kernels, const linear_product & product, const matrix & m) {
    const size_t size = product.packing != nullptr ? product.packing->panel_size(m.type, m.n_in) : 0;
    if (size == 0) {
        return false;
    }
    const int64_t        n_column = product.packing->n_column, n_panel = n_out / n_column;
    std::vector<uint8_t> packed(n_panel * size + 1, 170);
    for (int64_t i = 0; i < n_panel; i++) {
        const uint8_t * columns = m.bytes.data() + i * n_column * ggml_row_size(m.type, m.n_in);
        product.packing->pack_panel(m.type, m.n_in, columns, packed.data() + i * size);
    }
    check(packed.back() == 170, "packing writes past its panel");
    const rows x = random_rows(product, n_row, m.n_in);
    for (int64_t n = 1; n <= n_row; n++) {
        omni::linear_operands p = operands(product, m, x, n_row - n, n);
        const floats          of_file = run(kernels, p);
        p.weight = packed.data();
        p.packed = true;
        check_same_bits(run(kernels, p).data(), of_file.data(), of_file.size(),
                        std::string(ggml_type_name(m.type)) + " times " + describe(product) + ": packed weights differ");
    }
    return true;
}

// More rows than one block of the work has.
void check_many_rows(const omni::kernel_set & kernels, const linear_product & product, const matrix & m) {
    const int64_t n = 1100;
    const rows    x = random_rows(product, n, m.n_in);
    const floats  all = run(kernels, product, m, x, 0, n, nullptr, nullptr);
    for (int64_t first = 0; first < n; first += 100) {
        const floats part = run(kernels, product, m, x, first, 100, nullptr, nullptr);
        check_same_bits(part.data(), all.data() + first * n_out, part.size(), "a row differs among many");
    }
}

// An activation, a gate and the rounding of the result give what they give by themselves, to the bit.
void check_what_follows(const omni::kernel_set & kernels, const linear_product & product, const matrix & m) {
    const std::string what = std::string(ggml_type_name(m.type)) + " times " + describe(product);
    const rows        x = random_rows(product, n_row, m.n_in);
    const floats      bias = random_floats(n_out);
    matrix            gate;
    random_matrix(m.type, m.n_in, gate);
    omni::linear_operands p = operands(product, m, x, 0, n_row);
    p.bias = bias.data();
    const floats y = run(kernels, p), gates = run(kernels, operands(product, gate, x, 0, n_row));

    floats expected(y.size());
    p.activation = kernels.gelu_erf;
    kernels.gelu_erf(y.data(), (int64_t) y.size(), expected.data());
    check_same_bits(run(kernels, p).data(), expected.data(), expected.size(), what + ": GELU in the same operation");
    p.activation = nullptr;
    p.gate = gate.bytes.data();
    kernels.swiglu(gates.data(), y.data(), (int64_t) y.size(), expected.data());
    check_same_bits(run(kernels, p).data(), expected.data(), expected.size(), what + ": a gate in the same operation");

    for (const linear_product * next : kernels.products) {
        const size_t         size = next->row_size(n_out);
        std::vector<uint8_t> rounded(n_row * size), apart(size);
        p.y_product = next;
        run(kernels, p, rounded.data(), size);
        for (int64_t row = 0; row < n_row; row++) {
            next->quantize(expected.data() + row * n_out, 0, n_out, n_out, apart.data());
            check(std::equal(apart.begin(), apart.end(), rounded.begin() + row * (int64_t) size),
                  what + ", then " + describe(*next) + ": differs from rounding the rows afterwards");
        }
    }
}

} // namespace

void check_linear(const omni::kernel_set & kernels) {
    int n_checked[4] = {}; // of each format
    int n_packed = 0;
    for (int t = 0; t < GGML_TYPE_COUNT; t++) {
        const ggml_type type = (ggml_type) t;
        if (type != GGML_TYPE_F32 && !ggml_get_type_traits(type)->to_float) {
            continue; // not a type of weights
        }
        const int64_t n_block = ggml_blck_size(type);
        for (const linear_product * product : kernels.products) {
            // past the parts that the kernels work in, and not a multiple of them
            const int64_t n_group = product->x == row_format::f32 ? 1 : product->x == row_format::q16 ? 64 : 32;
            const int64_t n_whole = std::max(n_block, n_group);
            const int64_t n_in = n_whole == 1 ? 333 : n_whole == 32 ? 21 * n_whole : n_whole == 64 ? 11 * n_whole : 3 * n_whole;
            matrix        m;
            if (!product->takes(type, n_in, n_out) || !random_matrix(type, n_in, m)) {
                continue;
            }
            n_checked[(int) product->x]++;
            check_layer(kernels, *product, m);
            check_what_follows(kernels, *product, m);
            n_packed += check_packed(kernels, *product, m);
            for (float poison : {NAN, INFINITY, -INFINITY}) {
                check_poison(kernels, *product, m, poison);
            }
            matrix small;
            if (type == GGML_TYPE_Q8_0 || type == GGML_TYPE_F16) {
                random_matrix(type, 64, small);
                check_many_rows(kernels, *product, small);
            }
            if (product->x == row_format::q14 && (type == GGML_TYPE_F16 || type == GGML_TYPE_BF16)) {
                check_weights_in_14_bits(kernels, *product, type);
            }
            if (product->x == row_format::q16 && type == GGML_TYPE_F16) {
                check_accuracy_of_16_bits(kernels, *product);
            }
            for (const linear_product * other : kernels.products) {
                if (other->x == row_format::q8 && product->x == row_format::q8 && product < other) {
                    check_same_product(kernels, *product, kernels, *other, m);
                }
            }
        }
    }
    std::printf("  %d types times float rows, %d times q8 rows, %d times q14 rows, %d times q16 rows; %d packed\n",
                n_checked[0], n_checked[1], n_checked[2], n_checked[3], n_packed);
    check(n_checked[0] >= 20, "fewer types than GGUF files have");
}

void check_same_q8(const omni::kernel_set & kernels, const omni::kernel_set & others) {
    int n_checked = 0;
    for (int t = 0; t < GGML_TYPE_COUNT; t++) {
        const ggml_type type = (ggml_type) t;
        if (!ggml_get_type_traits(type)->to_float) {
            continue;
        }
        const int64_t n_in = ggml_blck_size(type) == 32 ? 672 : 768;
        matrix        m;
        const auto    choose = [&](const omni::kernel_set & k) { return omni::choose_product(k, false, type, n_in, n_out); };
        if (choose(kernels) && choose(kernels)->x == row_format::q8 && random_matrix(type, n_in, m)) {
            check_same_product(kernels, *choose(kernels), others, *choose(others), m);
            n_checked++;
        }
    }
    check(n_checked == 7, "not all types of weight_types.cpp were compared");
}
