// SPDX-License-Identifier: Apache-2.0
#include "passes.h"

#include "error.h"

#include <numeric>

namespace omni {

namespace {

template <typename T> array_view<T> take_front(array_view<T> & rest, size_t n) {
    const array_view<T> front{rest.data, n};
    rest = {rest.data + n, rest.size - n};
    return front;
}

// The first n inputs, which are no longer in `rest` then.
tower_inputs take_inputs(const tower & on, tower_inputs & rest, size_t n) {
    tower_inputs first;
    first.shapes = take_front(rest.shapes, n * on.n_shape());
    if (rest.tokens.size > 0) {
        const int32_t * lengths = first.shapes.data;
        first.tokens = take_front(rest.tokens, std::accumulate(lengths, lengths + first.shapes.size, (size_t) 0));
    }
    first.values = take_front(rest.values, (size_t) on.n_value(first));
    return first;
}

} // namespace

void encode_in_passes(const tower & on, compute_lane & lane, const tower_inputs & inputs, float * out, cancel_flag cancel) {
    const size_t n_input = inputs.shapes.size / on.n_shape();
    try {
        on.encode(lane, inputs, out, cancel);
        return;
    } catch (const pass_too_large &) {
        if (n_input < 2) {
            throw;
        }
    }
    tower_inputs       rest = inputs;
    const tower_inputs first = take_inputs(on, rest, n_input / 2);
    encode_in_passes(on, lane, first, out, cancel);
    encode_in_passes(on, lane, rest, out + on.n_output(first), cancel);
}

} // namespace omni
