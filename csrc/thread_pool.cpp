// SPDX-License-Identifier: Apache-2.0
#include "thread_pool.h"

#include <chrono>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace omni {

namespace {

// Longer than the last block of one piece of work and what lies before the next, and too short to matter where nothing follows.
constexpr auto spin_time = std::chrono::milliseconds(1);

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

} // namespace

void waiting_room::wait(const std::function<bool()> & ready) {
    const auto end = std::chrono::steady_clock::now() + spin_time;
    do {
        for (int i = 0; i < 64; i++) {
            if (ready()) {
                return;
            }
            relax();
        }
    } while (std::chrono::steady_clock::now() < end);
    // Counted before the last look, which is before the sleep: a thread that makes it true now is either seen or sees the count.
    std::unique_lock<std::mutex> lock(mutex_);
    n_sleeping_++;
    while (!ready()) {
        condition_.wait(lock);
    }
    n_sleeping_--;
}

void waiting_room::wake_all() {
    if (n_sleeping_ > 0) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
        }
        condition_.notify_all();
    }
}

thread_pool::thread_pool(int n_thread) {
    try {
        for (int thread = 1; thread < n_thread; thread++) {
            workers_.emplace_back([this, thread] {
                while (!stopped_) {
                    for_work_.wait([this] { return stopped_ || (uint32_t) untaken_ > 0; });
                    take_blocks(thread);
                }
            });
        }
    } catch (...) {
        stop();
        throw;
    }
}

thread_pool::~thread_pool() { stop(); }

void thread_pool::stop() {
    stopped_ = true;
    for_work_.wake_all();
    for (std::thread & worker : workers_) {
        worker.join();
    }
}

void thread_pool::run(int32_t n_block, block_function function, void * work) {
    if (n_block <= 1 || workers_.empty()) {
        for (int32_t block = 0; block < n_block; block++) {
            function(work, 0, block);
        }
        return;
    }
    function_ = function;
    work_ = work;
    n_block_ = n_block;
    unfinished_ = n_block;
    untaken_ = ((untaken_ >> 32) + 1) << 32 | (uint32_t) n_block;
    for_work_.wake_all();
    take_blocks(0);
    for_end_.wait([this] { return unfinished_ == 0; });
}

void thread_pool::take_blocks(int thread) {
    for (uint64_t untaken = untaken_; (uint32_t) untaken > 0;) {
        if (untaken_.compare_exchange_weak(untaken, untaken - 1)) {
            function_(work_, thread, n_block_ - (int32_t) (uint32_t) untaken);
            if (--unfinished_ == 0) {
                for_end_.wake_all();
            }
            untaken = untaken_;
        }
    }
}

} // namespace omni
