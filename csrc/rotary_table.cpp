// SPDX-License-Identifier: Apache-2.0
#include "rotary_table.h"

#include <cmath>
#include <vector>

namespace omni {

void rotary_table(const int32_t * coordinates, int64_t n_token, int n_axis, int head_dim, float base, float * table) {
    const int           n_angle = head_dim / 2, share = n_angle / n_axis;
    std::vector<double> frequency(share);
    for (int k = 0; k < share; k++) {
        frequency[k] = std::pow((double) base, -(double) k / share);
    }
    for (int64_t token = 0; token < n_token; token++, table += head_dim) {
        for (int i = 0; i < n_angle; i++) {
            const int    axis = i / share;
            const double angle = coordinates[axis * n_token + token] * frequency[i % share];
            table[i] = (float) std::cos(angle);
            table[i + n_angle] = (float) std::sin(angle);
        }
    }
}

} // namespace omni
