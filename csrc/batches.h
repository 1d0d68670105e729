// SPDX-License-Identifier: Apache-2.0
// Cuts the inputs of a call into the batches that one forward pass each computes.
#pragma once

#include <cstdint>

namespace omni {

// Calls run(first, n) for one batch of consecutive items after the other. size(i): of item i. A batch is at most `limit` in size,
// but has one item at least.
template <typename Size, typename Run> void for_each_batch(int32_t n_item, int64_t limit, Size && size, Run && run) {
    for (int32_t first = 0, next = 0; first < n_item; first = next) {
        int64_t total = size(first);
        for (next = first + 1; next < n_item && total + size(next) <= limit; next++) {
            total += size(next);
        }
        run(first, next - first);
    }
}

} // namespace omni
