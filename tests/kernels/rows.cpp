// What works on one row: norms, rotations, activations and quantizing.
#include "check.h"

#include <numeric>

#define OMNI_VARIANT of_a_row // only the layout is taken from here, which all have
#include "kernels/q14_rows.h"
#include "kernels/q16_rows.h"
#include "kernels/q8_rows.h"

namespace {

using omni::linear_product;
using omni::row_format;

void check_norms(const omni::kernel_set & kernels, int n) {
    const floats x = random_floats(n), weight = random_floats(n), bias = random_floats(n);
    const float  epsilon = 1e-5f;
    floats       y(n);
    double mean = 0.0, square = 0.0, variance = 0.0;
    for (float v : x) {
        mean += v / (double) n;
        square += v * (double) v / n;
    }
    for (float v : x) {
        variance += (v - mean) * (v - mean) / n;
    }
    kernels.rms_norm(x.data(), n, weight.data(), epsilon, y.data());
    for (int i = 0; i < n; i++) {
        const double expected = x[i] / std::sqrt(square + epsilon) * weight[i];
        check_near(y[i], expected, 1e-6 * std::fabs(expected), "rms_norm of " + std::to_string(n));
    }
    kernels.layer_norm(x.data(), n, weight.data(), bias.data(), epsilon, y.data());
    for (int i = 0; i < n; i++) {
        const double scale = weight[i] / std::sqrt(variance + epsilon);
        check_near(y[i], (x[i] - mean) * scale + bias[i], 1e-6 * ((std::fabs(x[i]) + std::fabs(mean)) * std::fabs(scale) + 1.0),
                   "layer_norm of " + std::to_string(n));
    }
}

void check_rotation(const omni::kernel_set & kernels, int head_dim) {
    const int half = head_dim / 2;
    floats x = random_floats(head_dim), table(head_dim), y(head_dim);
    for (int i = 0; i < half; i++) {
        table[i]        = std::cos((float) i);
        table[i + half] = std::sin((float) i);
    }
    kernels.rotate(x.data(), head_dim, table.data(), y.data());
    for (int i = 0; i < half; i++) {
        const double c = table[i], s = table[i + half], a = x[i], b = x[i + half];
        const double tolerance = 1e-7 * (std::fabs(a) + std::fabs(b));
        check_near(y[i], a * c - b * s, tolerance, "rotation");
        check_near(y[i + half], a * s + b * c, tolerance, "rotation");
    }
    kernels.rotate(x.data(), head_dim, table.data(), x.data());
    check_same_bits(x.data(), y.data(), head_dim, "a rotation in place differs");
}

void check_activations(const omni::kernel_set & kernels) {
    floats x;
    for (float v = -110.0f; v < 110.0f; v += std::fabs(v) < 12.0f ? 0.0037f : 0.37f) {
        x.push_back(v);
    }
    const int    n  = (int) x.size();
    const floats up = random_floats(n);
    floats tanh_form(n), erf_form(n), gated(n);
    kernels.gelu_tanh(x.data(), n, tanh_form.data());
    kernels.gelu_erf(x.data(), n, erf_form.data());
    kernels.swiglu(x.data(), up.data(), n, gated.data());
    for (int i = 0; i < n; i++) {
        const double v = x[i], tolerance = 5e-7 * std::fmax(1.0, std::fabs(v));
        const double root = std::sqrt(2.0 / std::acos(-1.0));
        check_near(tanh_form[i], 0.5 * v * (1.0 + std::tanh(root * (v + 0.044715 * v * v * v))), tolerance, "gelu_tanh");
        check_near(erf_form[i], 0.5 * v * std::erfc(-v / std::sqrt(2.0)), tolerance, "gelu_erf");
        check_near(gated[i], v / (1.0 + std::exp(-v)) * up[i], tolerance * std::fmax(1.0, std::fabs(up[i])), "swiglu");
    }
    // the last values, which don't fill a vector, have the same bits as elsewhere
    for (int part = 1; part < 40; part++) {
        floats y(part);
        kernels.gelu_erf(x.data() + 5000, part, y.data());
        check_same_bits(y.data(), erf_form.data() + 5000, part, "the bits of an activation depend on the other values");
    }
    for (const float poison : {NAN, INFINITY, -INFINITY}) {
        const floats in(5, poison), one(5, 1.0f);
        floats y(5);
        kernels.gelu_tanh(in.data(), 5, y.data());
        check(!std::isfinite(y[0]) && !std::isfinite(y[4]), "gelu_tanh of what is not finite");
        kernels.gelu_erf(in.data(), 5, y.data());
        check(!std::isfinite(y[0]) && !std::isfinite(y[4]), "gelu_erf of what is not finite");
        kernels.swiglu(in.data(), one.data(), 5, y.data());
        check(!std::isfinite(y[0]) && !std::isfinite(y[4]), "swiglu of what is not finite");
        kernels.swiglu(one.data(), in.data(), 5, y.data());
        check(!std::isfinite(y[0]) && !std::isfinite(y[4]), "swiglu of what is not finite");
    }
}

constexpr int n_group = 8; // of a row, the second all zeros, two that are not finite, the last next to nothing

floats row_of_groups(int size) {
    floats x = random_floats(size * n_group);
    for (int i = 0; i < size * n_group; i++) {
        x[i] *= std::pow(10.0f, (float) (i / size - 3));
    }
    std::fill(x.begin() + size, x.begin() + 2 * size, 0.0f);
    x[2 * size + 9]  = NAN;
    x[3 * size + 20] = -INFINITY;
    for (int i = size * (n_group - 1); i < size * n_group; i++) {
        x[i] *= 1e-43f;
    }
    return x;
}

// The codes of a group are the values divided by the scale and rounded; that of the largest is largest_code.
template <typename code> void check_group(const floats & x, int g, const code * codes, float scale, int largest_code) {
    const int size = (int) x.size() / n_group;
    if (g == 2 || g == 3) {
        return check(!std::isfinite(scale), "the scale of a group that is not finite");
    }
    if (g == n_group - 1) {
        for (int i = 0; i < size; i++) {
            check(codes[size * g + i] == 0, "a value next to nothing");
        }
        return;
    }
    float largest = 0.0f;
    for (int i = 0; i < size; i++) {
        const float value = x[size * g + i];
        check_near(scale * (double) codes[size * g + i], value, 0.501 * scale, "a code of up to " + std::to_string(largest_code));
        largest = std::fmax(largest, std::fabs(value));
    }
    check_near(largest_code * (double) scale, largest, 1e-6 * largest, "the scale of a group");
}

void check_q8_row(const linear_product & product) {
    const floats x = row_of_groups(32);
    const int    n = (int) x.size();
    std::vector<uint8_t> row(product.row_size(n));
    product.quantize(x.data(), 0, n, n, row.data());
    const int8_t * codes  = (const int8_t *) row.data();
    const auto     groups = (const omni::of_a_row::q8_group *) (row.data() + n);
    for (int g = 0; g < n_group; g++) {
        const float scale = groups[g].scale;
        check_group(x, g, codes, scale, 127);
        if (!std::isfinite(scale)) {
            continue;
        }
        const int8_t * code = codes + 32 * g;
        const int first = std::accumulate(code, code + 16, 0), second = std::accumulate(code + 16, code + 32, 0);
        check(groups[g].offset == -128 * (first + second) && groups[g].second_offset == -128 * second, "the sums of a group");
        check_near(groups[g].minus_sum, -scale * (double) (first + second), 1e-6 * scale * std::abs(first + second),
                   "the sum of a group");
    }
}

void check_q14_row(const linear_product & product) {
    const floats x = row_of_groups(32);
    const int    n = (int) x.size();
    std::vector<uint8_t> row(product.row_size(n));
    product.quantize(x.data(), 0, n, n, row.data());
    for (int g = 0; g < n_group; g++) {
        check_group(x, g, (const int16_t *) row.data(), ((const float *) (row.data() + 2 * n))[g], omni::of_a_row::largest_q14);
    }
}

void check_q16_row(const linear_product & product) {
    const floats x = row_of_groups(omni::of_a_row::n_q16_group);
    const int    n = (int) x.size();
    std::vector<uint8_t> row(product.row_size(n));
    product.quantize(x.data(), 0, n, n, row.data());
    std::vector<int> codes;
    for (int i = 0; i < n; i++) {
        const int64_t at = omni::of_a_row::q16_position(i);
        codes.push_back(256 * (int8_t) row[at] + (int8_t) row[n + at]);
    }
    for (int g = 0; g < n_group; g++) {
        check_group(x, g, codes.data(), ((const float *) (row.data() + 2 * n))[g], omni::of_a_row::largest_q16);
    }
}

} // namespace

void check_rows(const omni::kernel_set & kernels) {
    for (int n : {1, 3, 17, 768, 1000, 1024}) {
        check_norms(kernels, n);
    }
    for (int head_dim : {2, 6, 64, 72, 80, 128}) {
        check_rotation(kernels, head_dim);
    }
    check_activations(kernels);
    for (const linear_product * product : kernels.products) {
        switch (product->x) {
            case row_format::f32: break;
            case row_format::q8:  check_q8_row(*product); break;
            case row_format::q14: check_q14_row(*product); break;
            case row_format::q16: check_q16_row(*product); break;
        }
    }
}
