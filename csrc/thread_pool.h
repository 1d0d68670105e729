// SPDX-License-Identifier: Apache-2.0
// Threads that share out the blocks of one piece of work after the other.
//
// A free thread takes the next block, the caller among them, so a thread that the system has put aside for another process
// delays only the block that it holds. Waiting threads spin for a moment, since the next piece of work of a computation
// comes within microseconds, and then sleep.
#pragma once

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

// One piece of work at a time.
class thread_pool {
public:
    explicit thread_pool(int n_thread); // the caller of run is one of them; throws std::system_error
    ~thread_pool();
    thread_pool(const thread_pool &) = delete;
    thread_pool & operator=(const thread_pool &) = delete;

    int size() const { return (int) workers_.size() + 1; }

    // Calls work(thread, block) for each block of [0, n_block), thread in [0, size()), and returns when all have returned.
    template <typename F> void run(int32_t n_block, F && work) {
        run(
            n_block,
            [](void * w, int thread, int32_t block) { (*static_cast<std::remove_reference_t<F> *>(w))(thread, block); }, &work);
    }

private:
    using block_function = void (*)(void * work, int thread, int32_t block);

    void run(int32_t n_block, block_function function, void * work);
    void take_blocks(int thread);
    void stop();

    // The number of this piece of work in the upper half, its blocks that nobody has taken in the lower. A thread that takes
    // one by counting down knows that the work it belongs to is the present one.
    std::atomic<uint64_t>    untaken_{0};
    std::atomic<int32_t>     unfinished_{0};
    std::atomic<bool>        stopped_{false};
    block_function           function_ = nullptr;
    void *                   work_ = nullptr;
    int32_t                  n_block_ = 0;
    waiting_room             for_work_, for_end_;
    std::vector<std::thread> workers_;
};

} // namespace omni
