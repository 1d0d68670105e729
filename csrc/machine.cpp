// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include "thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <numeric>

namespace omni {

namespace {

using seconds = std::chrono::duration<double>;

double wall_time() { return seconds(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Of the calling thread, without the time of other programs on its processor.
double processor_time() {
#if defined(CLOCK_THREAD_CPUTIME_ID)
    timespec time = {};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
#else
    return wall_time();
#endif
}

// The threads of a device that does nothing else.
class idle_threads {
public:
    explicit idle_threads(int n_thread) : threads_(n_thread, turns_) {}

    template <typename F> void run(int32_t n_block, F && work) {
        threads_.run(priority::interactive, n_block, cancel_flag(nullptr), [&](int, int32_t block) { work(block); });
    }

private:
    turns       turns_;
    thread_pool threads_;
};

// The highest of what measure(loop) returns for several loops. Whatever else runs on the machine only makes a loop slower.
template <typename F> double find_highest_rate(F && measure) {
    measure(0); // starts the threads
    double       highest = 0.0;
    const double end = wall_time() + 0.1;
    for (int64_t loop = 1; loop < 5 || wall_time() < end; loop++) {
        highest = std::max(highest, measure(loop));
    }
    return highest;
}

} // namespace

double measure_multiply_adds(const linear_product & product, int n_thread) {
    constexpr int n_round = 10000; // a block of tens of microseconds, many times what reading the clock takes
    idle_threads  threads(n_thread);
    return find_highest_rate([&](int64_t) {
        std::atomic<int64_t> n_multiply_add{0}, nanoseconds{0};
        threads.run(16 * n_thread, [&](int32_t) {
            const double start = processor_time();
            n_multiply_add += product.repeat_multiply_adds(n_round);
            nanoseconds += (int64_t) (1e9 * (processor_time() - start));
        });
        return 1e9 * n_thread * (double) n_multiply_add / (double) std::max<int64_t>(nanoseconds, 1);
    });
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
    return find_highest_rate([&](int64_t loop) {
        const double start = wall_time();
        threads.run(n_block_loop, [&](int32_t block) {
            const uint64_t * first = block_begin(loop * n_block_loop + block);
            total += std::accumulate(first, first + n_value_block, (uint64_t) 0);
        });
        return (double) (n_block_loop * n_value_block * (int64_t) sizeof(uint64_t)) / (wall_time() - start);
    });
}

} // namespace omni
