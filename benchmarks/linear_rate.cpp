// How fast the linear layers of a tower are by themselves, in GFLOP/s: with the quantizing of the rows, and nothing else.
//
//   linear_rate TYPE ROWS THREADS LAYERS IN:OUT...
//
// multiplies ROWS rows with LAYERS times the matrices IN x OUT, each with memory of its own, and prints the rate of the fastest
// of a few turns: whatever else runs on the machine only makes it slower.
#include "kernels/kernels.h"
#include "thread_pool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

struct matrix {
    int64_t              n_in, n_out;
    std::vector<uint8_t> weight;
};

ggml_type type_named(const std::string & name) {
    for (int t = 0; t < GGML_TYPE_COUNT; t++) {
        if (ggml_type_name((ggml_type) t) == name) {
            return (ggml_type) t;
        }
    }
    std::fprintf(stderr, "no type %s\n", name.c_str());
    std::exit(2);
}

std::vector<float> random_floats(size_t n) {
    static std::mt19937 bits(1);
    std::normal_distribution<float> normal;
    std::vector<float> x(n);
    for (float & v : x) {
        v = normal(bits);
    }
    return x;
}

// A few rows of weights, over and over.
matrix random_matrix(ggml_type type, int64_t n_in, int64_t n_out) {
    const int64_t n_row = 32;
    const size_t  n_bytes = n_row * ggml_row_size(type, n_in);
    std::vector<uint8_t> rows(n_bytes);
    ggml_quantize_chunk(type, random_floats(n_row * n_in).data(), rows.data(), 0, n_row, n_in, nullptr);
    matrix m = {n_in, n_out, std::vector<uint8_t>(n_out / n_row * n_bytes)};
    for (size_t at = 0; at < m.weight.size(); at += n_bytes) {
        std::memcpy(m.weight.data() + at, rows.data(), n_bytes);
    }
    return m;
}

} // namespace

int main(int argc, char ** argv) {
    if (argc < 6) {
        std::fprintf(stderr, "usage: linear_rate TYPE ROWS THREADS LAYERS IN:OUT...\n");
        return 2;
    }
    const omni::kernel_set & kernels = *omni::runnable_kernels().front();
    const ggml_type type  = type_named(argv[1]);
    const int64_t   n_row = std::atoi(argv[2]);
    omni::turns       turns;
    omni::thread_pool threads(std::atoi(argv[3]), turns);
    const auto        run = [&](int64_t n_block, auto && work) {
        threads.run(omni::priority::interactive, (int32_t) n_block, omni::cancel_flag(nullptr), work);
    };

    std::vector<matrix> matrices;
    size_t widest = 0;
    double flop   = 0.0;
    for (int layer = 0; layer < std::atoi(argv[4]); layer++) {
        for (int i = 5; i < argc; i++) {
            const int64_t n_in = std::atoi(argv[i]), n_out = std::atoi(std::strchr(argv[i], ':') + 1);
            matrices.push_back(random_matrix(type, n_in, n_out));
            widest = std::max({widest, (size_t) n_in, (size_t) n_out});
            flop += 2.0 * n_row * n_in * n_out;
        }
    }
    const std::vector<float> x = random_floats(n_row * widest);
    std::vector<float>   y(n_row * widest);
    std::vector<float>   scratch(threads.size() * kernels.linear_scratch(n_row));
    std::vector<uint8_t> quantized(n_row * widest * sizeof(float) + n_row * widest);

    double best = INFINITY;
    for (int turn = 0; turn < 5; turn++) {
        const auto start = std::chrono::steady_clock::now();
        for (const matrix & m : matrices) {
            const omni::linear_product & product = *omni::choose_product(kernels, false, type, m.n_in, m.n_out);
            const size_t stride = product.row_size(m.n_in);
            const int64_t n_together = 16; // so much work that handing it to another thread pays
            run((n_row + n_together - 1) / n_together, [&](int, int32_t block) {
                for (int64_t row = block * n_together; row < std::min((block + 1) * n_together, n_row); row++) {
                    product.quantize(x.data() + row * m.n_in, 0, m.n_in, m.n_in, quantized.data() + row * stride);
                }
            });
            omni::linear_operands p = {};
            p.product = &product;
            p.type = type;
            p.n_in = m.n_in;
            p.n_out = m.n_out;
            p.weight = m.weight.data();
            p.x = quantized.data();
            p.x_stride = stride;
            p.n_row = n_row;
            p.y = (uint8_t *) y.data();
            p.y_stride = m.n_out * sizeof(float);
            p.n_thread = threads.size();
            run(kernels.count_linear_blocks(p), [&](int thread, int32_t block) {
                kernels.compute_linear_block(p, block, scratch.data() + thread * kernels.linear_scratch(n_row));
            });
        }
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::printf("%.1f\n", flop / best / 1e9);
}
