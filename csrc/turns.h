// SPDX-License-Identifier: Apache-2.0
// Which computation may go on: an interactive pass holds up the passes of the background, which keep a share of the time.
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

// At most one interactive pass at a time, and any number of the background's.
class turns {
public:
    // An interactive pass begins once the background, if it computes too, has had its share of the time of the last one. Until
    // its end, the background waits.
    void begin(priority of, cancel_flag cancel);
    void end(priority of);

    bool background_waits() const { return held_; }
    void wait_as_background(cancel_flag cancel); // also returns when it is cancelled

private:
    using clock = std::chrono::steady_clock;

    std::mutex              mutex_;
    std::condition_variable changed_;
    std::atomic<bool>       held_{false}; // by an interactive pass
    int                     n_background_ = 0;
    clock::time_point       interactive_began_;
    clock::time_point       background_resumed_; // when background passes were last free to go on
    clock::duration         background_share_{}; // what they may compute from then on before the next interactive pass
};

} // namespace omni
