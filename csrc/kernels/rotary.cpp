// SPDX-License-Identifier: Apache-2.0
#include "rotary.h"

#include "simd.h"

namespace omni::OMNI_VARIANT {

void rotate(const float * x, int head_dim, const float * table, float * y) {
    using namespace simd;
    const int half = head_dim / 2;
    int       i = 0;
    for (; i + width <= half; i += width) {
        const vec c = load(table + i), s = load(table + i + half), a = load(x + i), b = load(x + i + half);
        store(y + i, a * c - b * s);
        store(y + i + half, a * s + b * c);
    }
    for (; i < half; i++) {
        const float c = table[i], s = table[i + half], a = x[i], b = x[i + half];
        y[i] = a * c - b * s;
        y[i + half] = a * s + b * c;
    }
}

} // namespace omni::OMNI_VARIANT
