// What the tests of the kernels share: random operands, and a count of the values that are wrong.
#pragma once

#include "kernels/kernels.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

using floats = std::vector<float>;

inline std::mt19937 & random_bits() {
    static std::mt19937 engine(1);
    return engine;
}

inline floats random_floats(size_t n) {
    std::normal_distribution<float> normal;
    floats x(n);
    for (float & v : x) {
        v = normal(random_bits());
    }
    return x;
}

// Counts a failure, and prints the first few of them.
void fail(const std::string & what);

inline void check(bool right, const std::string & what) {
    if (!right) {
        fail(what);
    }
}

inline void check_near(double value, double expected, double tolerance, const std::string & what) {
    if (!(std::fabs(value - expected) <= tolerance)) { // nor is a NaN near anything
        fail(what + ": " + std::to_string(value) + " instead of " + std::to_string(expected) + ", " +
             std::to_string(std::fabs(value - expected) / tolerance) + " times the tolerance");
    }
}

inline void check_same_bits(const float * x, const float * y, size_t n, const std::string & what) {
    check(std::memcmp(x, y, n * sizeof(float)) == 0, what);
}

void check_linear(const omni::kernel_set & kernels);
// The fastest products of 8-bit rows give the same bits in both.
void check_same_q8(const omni::kernel_set & kernels, const omni::kernel_set & others);
void check_attention(const omni::kernel_set & kernels);
void check_rows(const omni::kernel_set & kernels);
