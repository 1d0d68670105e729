// SPDX-License-Identifier: Apache-2.0
// How ggml's attention computes all segments of a batch in few operations: those of one shape together, short ones of many
// lengths side by side in bins of one size, and long ones in parts, for which a small mask suffices.
#pragma once

#include "attention_layout.h"

#include <cstdint>
#include <vector>

namespace omni {

// What the queries of a group see: those of segments in bins the keys of their own segment, and others the keys up to their own
// place, where the last query has the place of the last key. Of causal segments no query sees what is behind it.
struct attention_mask {
    int64_t                                     n_query, n_key;
    std::vector<std::vector<attention_segment>> bins; // the segments of each bin, counted from its beginning; or none
};

// Bins of one shape, whose queries and keys lie one bin after the other. They are the batch of one operation.
struct attention_group {
    int64_t n_bin, n_query, n_key;  // of each bin
    int64_t query_begin, key_begin; // of the first bin, in the order of the groups
    int32_t mask;                   // its index, or -1: all queries see all keys
};

struct attention_groups {
    explicit attention_groups(const attention_layout & layout);

    std::vector<attention_group> groups;
    std::vector<attention_mask>  masks;
    int64_t                      n_query = 0; // in all groups, with those that only fill a bin up

    // Rows of the queries and of the keys in the order of the groups, and where each row of the result lies in that order.
    // Empty: as they are.
    std::vector<int32_t> query_rows, key_rows, result_rows;

private:
    void add_alike(const std::vector<attention_segment> & alike, bool causal);
    void add_alike_rows(const std::vector<attention_segment> & alike, bool causal);
    void add_bins(std::vector<std::vector<attention_segment>> bins, int64_t n_key);
    void add_rows(const attention_segment & segment);
};

} // namespace omni
