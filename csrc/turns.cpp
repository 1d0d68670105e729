// SPDX-License-Identifier: Apache-2.0
#include "turns.h"

#include <algorithm>

namespace omni {

namespace {

// The background computes for an eighth of the time of the interactive passes: a ninth of all, more than the promised tenth.
constexpr int share = 8;

constexpr turns::clock::duration cancel_poll = std::chrono::milliseconds(20);

} // namespace

void turns::begin(priority of, cancel_flag cancel) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (of == priority::background) {
        has_background_ = true;
        set_background_runs(true);
        return;
    }
    for (;;) {
        const clock::duration owed = background_share_ - background_time();
        if (!has_background_ || owed <= clock::duration::zero() || cancel.is_set()) {
            break;
        }
        changed_.wait_for(lock, std::min(owed, cancel_poll));
    }
    held_ = true;
    interactive_began_ = now_();
}

void turns::end(priority of) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (of == priority::background) {
            has_background_ = false;
            set_background_runs(false);
        } else {
            held_ = false;
            background_share_ = background_time() +
                                (has_background_ ? (now_() - interactive_began_) / share : clock::duration());
        }
    }
    changed_.notify_all();
}

void turns::wait_as_background(cancel_flag cancel) {
    if (!held_) {
        return;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    set_background_runs(false);
    while (held_ && !cancel.is_set()) {
        changed_.wait_for(lock, cancel_poll);
    }
    set_background_runs(true);
}

turns::clock::duration turns::background_time() const {
    return background_runs_ ? background_time_ + (now_() - background_resumed_) : background_time_;
}

void turns::set_background_runs(bool runs) {
    background_time_ = background_time();
    background_resumed_ = now_();
    background_runs_ = runs;
}

} // namespace omni
