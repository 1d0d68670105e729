// SPDX-License-Identifier: Apache-2.0
// Threads that share out the blocks of two loops, an interactive one and one of the background.
//
// A free thread takes the next block, the caller among them, so a thread that the system has put aside for another process
// delays only the block that it holds. Nobody takes a block of the background while that waits for an interactive pass. Waiting
// threads spin for a moment, since the next loop of a pass comes within microseconds, and then sleep.
#pragma once

#include "cancel_flag.h"
#include "turns.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace omni {

// Where threads wait for something that other threads make true.
class waiting_room {
public:
    void wait(const std::function<bool()> & ready);
    void wake_all(); // after it became true

private:
    std::mutex              mutex_;
    std::condition_variable condition_;
    std::atomic<int>        n_sleeping_{0};
};

// One loop of each priority at a time.
class thread_pool {
public:
    // The caller of run is one of the threads. Throws std::system_error.
    thread_pool(int n_thread, turns & turns);
    ~thread_pool();
    thread_pool(const thread_pool &) = delete;
    thread_pool & operator=(const thread_pool &) = delete;

    int size() const { return (int) workers_.size() + 1; }

    // Calls work(thread, block) for each block of [0, n_block), thread in [0, size()), and returns when all have returned. Once
    // cancelled, it skips the blocks that are left.
    template <typename F> void run(priority of, int32_t n_block, cancel_flag cancel, F && work) {
        const auto function = [](void * w, int thread, int32_t block) {
            (*static_cast<std::remove_reference_t<F> *>(w))(thread, block);
        };
        run(of, n_block, cancel, function, &work);
    }

    // After the background no longer waits for an interactive pass.
    void resume_background() { for_work_.wake_all(); }

private:
    using block_function = void (*)(void * work, int thread, int32_t block);

    struct loop {
        // The number of the loop in the upper half, its blocks that nobody has taken in the lower. A thread that takes one by
        // counting down knows that the block belongs to the present loop.
        std::atomic<uint64_t> untaken{0};
        std::atomic<int32_t>  unfinished{0};
        block_function        function = nullptr;
        void *                work = nullptr;
        int32_t               n_block = 0;
        cancel_flag           cancel{nullptr};
        waiting_room          for_end;

        bool has_blocks() const { return (uint32_t) untaken > 0; }
        bool take_block(int thread); // false where there is none
    };

    bool may_take(priority of) const { return of == priority::interactive || !turns_.background_waits(); }
    void wait_to_take(priority of, cancel_flag cancel);
    void run(priority of, int32_t n_block, cancel_flag cancel, block_function function, void * work);
    void help(int thread);
    bool can_help() const;
    void stop();

    turns &                  turns_;
    loop                     loops_[n_priority];
    std::atomic<bool>        stopped_{false};
    waiting_room             for_work_;
    std::vector<std::thread> workers_;
};

} // namespace omni
