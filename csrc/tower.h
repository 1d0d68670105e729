// SPDX-License-Identifier: Apache-2.0
// What the three towers have in common.
#pragma once

#include "cancel_flag.h"
#include "device.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace omni {

template <typename T> struct array_view {
    const T * data = nullptr;
    size_t    size = 0;
};

// The inputs of one call. Array by array one after the other, those of several calls are the inputs of one.
struct tower_inputs {
    array_view<int32_t> tokens; // of the text tower
    array_view<int32_t> shapes; // of each input: its tokens or mel frames, or the grid of its patches
    array_view<float>   values; // media embeddings, patches or mel frames
};

class tower {
public:
    virtual ~tower() = default;

    // Ends with the tower, and is none other's: graphs refer to the weights of a tower.
    std::weak_ptr<const void> identity() const { return identity_; }

    virtual int64_t n_position(const tower_inputs & inputs) const = 0; // tokens, patches or mel frames
    virtual int64_t n_output(const tower_inputs & inputs) const = 0;   // floats

    virtual size_t  n_shape() const { return 1; }                   // numbers that describe an input
    virtual int64_t n_value(const tower_inputs & inputs) const = 0; // floats that belong to the tokens and shapes

    // Positions of one forward pass: more do not compute faster, and take memory.
    virtual int64_t n_pass_position(const compute_device & device) const = 0;

    // Writes n_output floats: see the functions of the C header. All shapes and ids are in range. Throws pass_too_large where
    // all at once are too many for the device: encode_in_passes computes fewer then.
    virtual void encode(compute_lane & lane, const tower_inputs & inputs, float * out, cancel_flag cancel) const = 0;

private:
    std::shared_ptr<const void> identity_ = std::make_shared<const char>();
};

} // namespace omni
