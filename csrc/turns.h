// SPDX-License-Identifier: Apache-2.0
// Which computation may go on: an interactive pass holds up the pass of the background, which keeps a share of the time.
#pragma once

#include "cancel_flag.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace omni {

// Of a call: interactive work goes before background work.
enum class priority { interactive, background };

constexpr int n_priority = 2;

// At most one pass of each priority at a time, each with one thread that leads it.
class turns {
public:
    using clock = std::chrono::steady_clock;

    explicit turns(clock::time_point (*now)() = read_clock) : now_(now) {} // tests count work instead of time

    // An interactive pass begins once the background, if it computes too, has had its share of the time of the last one. Until
    // its end, the background waits.
    void begin(priority of, cancel_flag cancel);
    void end(priority of);

    bool background_waits() const { return held_; }
    void wait_as_background(cancel_flag cancel); // for the leading thread; also returns when it is cancelled

private:
    static clock::time_point read_clock() { return clock::now(); }

    // Only what the background has had counts, not the time since it might have gone on: its thread may take long to wake up.
    clock::duration background_time() const;
    void            set_background_runs(bool runs);

    clock::time_point (*now_)();
    std::mutex              mutex_; // of everything below
    std::condition_variable changed_;
    std::atomic<bool>       held_{false};             // by an interactive pass; read without the mutex
    bool                    has_background_ = false;  // a pass that computes or waits
    bool                    background_runs_ = false; // it does not wait
    clock::time_point       background_resumed_;
    clock::duration         background_time_{};  // until it last began to wait
    clock::duration         background_share_{}; // the next interactive pass begins when background_time() reaches it
    clock::time_point       interactive_began_;
};

} // namespace omni
