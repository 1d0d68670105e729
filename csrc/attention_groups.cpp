// SPDX-License-Identifier: Apache-2.0
#include "attention_groups.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace omni {

namespace {

using segments = std::vector<attention_segment>;

// Keys of a bin. Longer segments have operations of their own, since masks grow with the square. Above 1,024 a bin holds one
// segment: images have 1,024 patches or somewhat more, and the sizes are close together, so that little is padded. Causal masks
// have that many rows of their own, and end before.
constexpr int32_t bin_sizes[] = {256, 512, 1024, 1280, 1536, 2048, 2560, 3072, 4096};
constexpr int32_t n_causal_bin_key_max = 1024;

// Queries of a long causal segment that are computed together, with the keys up to the last of them: half of what a mask of all
// would have.
constexpr int32_t n_part_query = 512;
constexpr int32_t n_part_from = 2048; // queries from which on a segment is long

bool have_one_shape(const segments & all) {
    return std::all_of(all.begin(), all.end(), [&](const attention_segment & s) {
        return s.q_len == all.front().q_len && s.kv_len == all.front().kv_len;
    });
}

bool have_one_shape_and_follow_each_other(const segments & all) {
    return std::adjacent_find(all.begin(), all.end(), [](const attention_segment & a, const attention_segment & b) {
               return b.q_len != a.q_len || b.kv_len != a.kv_len || b.q_begin != a.q_begin + a.q_len ||
                      b.kv_begin != a.kv_begin + a.kv_len;
           }) == all.end();
}

// First fit: the longest segments first, each into the first bin that has room.
std::vector<segments> fill_bins(const segments & sorted, int32_t size) {
    std::vector<segments> bins;
    std::vector<int32_t>  free;
    for (const attention_segment & s : sorted) {
        const auto bin = std::find_if(free.begin(), free.end(), [&](int32_t n) { return n >= s.kv_len; }) - free.begin();
        if (bin == (ptrdiff_t) free.size()) {
            bins.emplace_back();
            free.push_back(size);
        }
        bins[bin].push_back(s);
        free[bin] -= s.kv_len;
    }
    return bins;
}

void append_range(std::vector<int32_t> & rows, int32_t begin, int32_t n) {
    rows.resize(rows.size() + n);
    std::iota(rows.end() - n, rows.end(), begin);
}

} // namespace

attention_groups::attention_groups(const attention_layout & layout) {
    const segments & all = layout.segments;
    if (all.empty()) {
        return;
    }
    if (layout.padded.n_key > 0) {
        n_query = layout.padded.n_query;
        groups = {{1, n_query, layout.padded.n_key, 0, 0, 0}};
        masks = {{n_query, layout.padded.n_key, {all}}};
        return;
    }
    if (have_one_shape_and_follow_each_other(all)) {
        add_alike(all, layout.causal);
        return;
    }
    int32_t n_result = 0;
    for (const attention_segment & s : all) {
        n_result = std::max(n_result, s.q_begin + s.q_len);
    }
    result_rows.resize(n_result);

    segments sorted = all;
    std::stable_sort(sorted.begin(), sorted.end(), [](const attention_segment & a, const attention_segment & b) {
        return a.kv_len != b.kv_len ? a.kv_len > b.kv_len : a.q_len > b.q_len;
    });
    const auto find_end = [&](auto begin, auto && belongs) { return std::find_if_not(begin, sorted.end(), belongs); };
    auto       next = sorted.begin();
    for (size_t i = std::size(bin_sizes); i-- > 0 && next != sorted.end();) {
        const int32_t size = bin_sizes[i], smaller = i > 0 ? bin_sizes[i - 1] : 0;
        if (layout.causal && size > n_causal_bin_key_max) {
            continue;
        }
        while (next != sorted.end() && next->kv_len > size) {
            const auto end = find_end(
                next, [&](const attention_segment & s) { return s.kv_len == next->kv_len && s.q_len == next->q_len; });
            add_alike_rows({next, end}, layout.causal);
            next = end;
        }
        const auto     end = find_end(next, [&](const attention_segment & s) { return s.kv_len > smaller; });
        const segments of_size(next, end);
        if (!of_size.empty() && 2 * of_size.front().kv_len > size && have_one_shape(of_size)) {
            add_alike_rows(of_size, layout.causal); // they would have a bin each
        } else if (!of_size.empty()) {
            add_bins(fill_bins(of_size, size), size);
        }
        next = end;
    }
}

void attention_groups::add_alike(const std::vector<attention_segment> & alike, bool causal) {
    const attention_segment & s = alike.front();
    const auto                n_bin = (int64_t) alike.size(), key_begin = (int64_t) key_rows.size();
    const bool                has_mask = causal && s.q_len > 1;
    const int32_t             n_part = has_mask && n_bin == 1 && s.q_len > n_part_from ? n_part_query : s.q_len;
    for (int32_t first = 0; first < s.q_len; first += n_part) {
        const int64_t n = std::min(n_part, s.q_len - first), n_key = causal ? s.kv_len - s.q_len + first + n : s.kv_len;
        groups.push_back({n_bin, n, n_key, n_query + first, key_begin, has_mask ? (int32_t) masks.size() : -1});
        if (has_mask) {
            masks.push_back({n, n_key, {}});
        }
    }
    n_query += n_bin * s.q_len;
}

void attention_groups::add_alike_rows(const std::vector<attention_segment> & alike, bool causal) {
    add_alike(alike, causal);
    std::for_each(alike.begin(), alike.end(), [&](const attention_segment & s) { add_rows(s); });
}

void attention_groups::add_bins(std::vector<segments> bins, int64_t n_key) {
    attention_group group = {(int64_t) bins.size(), 0, n_key, n_query, (int64_t) key_rows.size(), (int32_t) masks.size()};
    for (const segments & bin : bins) {
        const auto add = [](int64_t n, const attention_segment & s) { return n + s.q_len; };
        group.n_query = std::max(group.n_query, std::accumulate(bin.begin(), bin.end(), (int64_t) 0, add));
    }
    for (segments & bin : bins) {
        const size_t query_begin = query_rows.size(), bin_begin = key_rows.size();
        for (attention_segment & s : bin) {
            const attention_segment in_bin = {(int32_t) (query_rows.size() - query_begin), s.q_len,
                                              (int32_t) (key_rows.size() - bin_begin), s.kv_len};
            add_rows(s);
            s = in_bin;
        }
        query_rows.resize(query_begin + group.n_query); // any row will do to fill up
        key_rows.resize(bin_begin + n_key);
    }
    n_query += group.n_bin * group.n_query;
    masks.push_back({group.n_query, n_key, std::move(bins)});
    groups.push_back(group);
}

void attention_groups::add_rows(const attention_segment & s) {
    std::iota(result_rows.begin() + s.q_begin, result_rows.begin() + s.q_begin + s.q_len, (int32_t) query_rows.size());
    append_range(query_rows, s.q_begin, s.q_len);
    append_range(key_rows, s.kv_begin, s.kv_len);
}

} // namespace omni
