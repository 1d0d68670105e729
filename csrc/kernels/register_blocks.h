// SPDX-License-Identifier: Apache-2.0
// Register blocks: the rows that a micro-kernel holds accumulators for.
#pragma once

namespace omni::OMNI_VARIANT {

template <int n> struct row_count {
    static constexpr int value = n;
};

template <int n_most, typename F> inline void in_last_block(int n_row, int first, F && work) {
    if constexpr (n_most > 0) {
        if (n_row == n_most) {
            work(row_count<n_most>(), first);
        } else {
            in_last_block<n_most - 1>(n_row, first, work);
        }
    }
}

// Calls work(row_count<n>(), first) for the rows [first, first + n): n_block rows at a time, and the rest in two halves where it
// is more, since a block of one or two rows would have too few accumulators to keep the processor busy.
template <int n_block, typename F> inline void in_register_blocks(int n_row, F && work) {
    int first = 0;
    for (; n_row - first >= 2 * n_block; first += n_block) {
        work(row_count<n_block>(), first);
    }
    if (n_row - first > n_block) {
        const int n_half = (n_row - first + 1) / 2;
        in_last_block<n_block>(n_half, first, work);
        first += n_half;
    }
    in_last_block<n_block>(n_row - first, first, work);
}

} // namespace omni::OMNI_VARIANT
