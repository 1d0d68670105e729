// SPDX-License-Identifier: Apache-2.0
// Rotary position embedding: value i of a head and value i + head_dim / 2 turn by an angle that depends on the position.
#pragma once

#include <cstdint>

namespace omni {

// Of each of n_token tokens, the cosines and then the sines of its head_dim / 2 angles. A token has n_axis coordinates, and
// each of them an equal share of the angles: coordinate * base^(-k / share), k = 0, 1, ... coordinates: those of all tokens
// along one axis, then along the next.
void rotary_table(const int32_t * coordinates, int64_t n_token, int n_axis, int head_dim, float base, float * table);

} // namespace omni
