// SPDX-License-Identifier: Apache-2.0
#include "thread_pool.h"

#include <chrono>
#include <cstdlib>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace omni {

namespace {

// Longer than the last block of one loop and what lies before the next, and too short to matter where nothing follows.
// OMP_WAIT_POLICY=passive has OpenMP's threads sleep at once, and these too: then processor time is that of work alone.
std::chrono::milliseconds find_spin_time() {
    const char * policy = std::getenv("OMP_WAIT_POLICY");
    const bool   passive = policy != nullptr && (policy[0] == 'p' || policy[0] == 'P');
    return std::chrono::milliseconds(passive ? 0 : 1);
}

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

} // namespace

void waiting_room::wait(const std::function<bool()> & ready) {
    static const std::chrono::milliseconds spin_time = find_spin_time();

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

thread_pool::thread_pool(int n_thread, turns & turns) : turns_(turns) {
    try {
        for (int thread = 1; thread < n_thread; thread++) {
            workers_.emplace_back([this, thread] {
                while (!stopped_) {
                    for_work_.wait([this] { return stopped_ || can_help(); });
                    help(thread);
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

void thread_pool::run(priority of, int32_t n_block, cancel_flag cancel, block_function function, void * work) {
    if (n_block <= 1 || workers_.empty()) {
        for (int32_t block = 0; block < n_block; block++) {
            wait_to_take(of, cancel);
            if (!cancel.is_set()) {
                function(work, 0, block);
            }
        }
        return;
    }
    loop & l = loops_[(int) of];
    l.function = function;
    l.work = work;
    l.n_block = n_block;
    l.cancel = cancel;
    l.unfinished = n_block;
    l.untaken = ((l.untaken >> 32) + 1) << 32 | (uint32_t) n_block;
    for_work_.wake_all();
    do {
        wait_to_take(of, cancel);
    } while (l.take_block(0));
    l.for_end.wait([&] { return l.unfinished == 0; });
}

void thread_pool::wait_to_take(priority of, cancel_flag cancel) {
    if (!may_take(of)) {
        turns_.wait_as_background(cancel);
    }
}

bool thread_pool::can_help() const {
    const auto has_blocks = [this](priority of) { return may_take(of) && loops_[(int) of].has_blocks(); };
    return has_blocks(priority::interactive) || has_blocks(priority::background);
}

void thread_pool::help(int thread) {
    const auto take_block = [this, thread](priority of) { return may_take(of) && loops_[(int) of].take_block(thread); };
    while (take_block(priority::interactive) || take_block(priority::background)) {
    }
}

bool thread_pool::loop::take_block(int thread) {
    for (uint64_t seen = untaken; (uint32_t) seen > 0;) {
        if (untaken.compare_exchange_weak(seen, seen - 1)) {
            if (!cancel.is_set()) {
                function(work, thread, n_block - (int32_t) (uint32_t) seen);
            }
            if (--unfinished == 0) {
                for_end.wake_all();
            }
            return true;
        }
    }
    return false;
}

} // namespace omni
