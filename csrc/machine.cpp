// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include "thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>

namespace omni {

namespace {

// The threads of a device that does nothing else.
class idle_threads {
public:
    explicit idle_threads(int n_thread) : threads_(n_thread, turns_) {}

    template <typename F> void run(int32_t n_block, F && work) {
        threads_.run(priority::interactive, n_block, cancel_flag(nullptr), [&](int, int32_t block) { work(block); });
    }

    // The highest rate of several loops; work(loop, block) returns how much it did. Whatever else runs on the machine only makes
    // a loop slower.
    template <typename F> double find_highest_rate(int32_t n_block, F && work) {
        using clock = std::chrono::steady_clock;
        double     highest = 0.0;
        const auto end = clock::now() + std::chrono::milliseconds(100);
        for (int64_t loop = 0; loop < 5 || clock::now() < end; loop++) {
            std::atomic<int64_t> amount{0};
            const auto           start = clock::now();
            run(n_block, [&](int32_t block) { amount += work(loop, block); });
            highest = std::max(highest, (double) amount / std::chrono::duration<double>(clock::now() - start).count());
        }
        return highest;
    }

private:
    turns       turns_;
    thread_pool threads_;
};

} // namespace

double measure_multiply_adds(const linear_product & product, int n_thread) {
    constexpr int n_round = 2000; // a block of some 10 microseconds
    return idle_threads(n_thread).find_highest_rate(64 * n_thread,
                                                    [&](int64_t, int32_t) { return product.repeat_multiply_adds(n_round); });
}

double measure_memory_reads(int n_thread) {
    // Several times the last-level cache, of which a thread has a few MiB: what one loop reads is out of it when another does.
    constexpr int64_t                 n_value_block = (256 << 10) / sizeof(uint64_t);
    const int32_t                     n_block = std::max(1024, 128 * n_thread), n_block_loop = n_block / 8;
    idle_threads                      threads(n_thread);
    const std::unique_ptr<uint64_t[]> values(new uint64_t[n_block * n_value_block]);
    const auto block_begin = [&](int64_t block) { return values.get() + block % n_block * n_value_block; };
    // written first, since pages that nobody wrote to are one page of zeros; by all threads, so that each node has some
    threads.run(n_block, [&](int32_t block) { std::fill_n(block_begin(block), n_value_block, (uint64_t) block); });
    std::atomic<uint64_t> total{0}; // so that the compiler can't leave out the reads
    return threads.find_highest_rate(n_block_loop, [&](int64_t loop, int32_t block) {
        const uint64_t * first = block_begin(loop * n_block_loop + block);
        total += std::accumulate(first, first + n_value_block, (uint64_t) 0);
        return n_value_block * (int64_t) sizeof(uint64_t);
    });
}

} // namespace omni
