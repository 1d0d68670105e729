// SPDX-License-Identifier: Apache-2.0
// Prefetching what is multiplied later, spread over what is multiplied now: so that the memory works all the time, and its few
// open requests are never all taken, in which case a thread stands still.
#pragma once

#include "kernels.h"
#include "panel.h"

namespace omni::OMNI_VARIANT {

// A range of memory, of which step() prefetches the next lines.
class memory_ahead {
public:
    memory_ahead(const void * first, size_t n) : at_((const char *) first), end_(at_ + n) {}

    // The part [first, end) of n, to be prefetched in n_step steps.
    memory_ahead part(int64_t first, int64_t end, int64_t n, int n_step) const {
        const int64_t n_line = (end_ - at_) / line_size, first_line = first * n_line / n, end_line = end * n_line / n;
        memory_ahead  p(at_ + first_line * line_size, (end_line - first_line) * line_size);
        p.n_each_ = (int) ((end_line - first_line + n_step - 1) / n_step);
        return p;
    }

    void step() {
        for (int i = 0; i < n_each_ && at_ < end_; i++, at_ += line_size) {
            simd::prefetch(at_);
        }
    }

private:
    static constexpr int64_t line_size = 64;

    const char * at_;
    const char * end_;
    int          n_each_ = 0; // lines of a step
};

// The panel that this thread is likely to get next, of panel_size bytes: its part [first, end) of n. The columns of a panel are
// rows of the file, one after the other: in their order memory is several times as fast as in that of the panel.
inline memory_ahead next_panel(const linear_operands & p, size_t panel_size, int64_t out_first, int64_t first, int64_t end,
                               int64_t n) {
    out_first += n_column * p.n_thread;
    if (out_first >= p.n_out) {
        return {nullptr, 0};
    }
    return memory_ahead((const char *) p.weight + out_first / n_column * panel_size, panel_size).part(first, end, n, 1);
}

} // namespace omni::OMNI_VARIANT
