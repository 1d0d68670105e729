// SPDX-License-Identifier: Apache-2.0
// Computes inputs in one forward pass, or in smaller ones where the device can't compute them at once.
#pragma once

#include "tower.h"

namespace omni {

// As tower::encode. Inputs that are too large together are computed half by half; one that is too large alone is its error.
void encode_in_passes(const tower & on, compute_lane & lane, const tower_inputs & inputs, float * out, cancel_flag cancel);

} // namespace omni
