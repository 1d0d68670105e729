// SPDX-License-Identifier: Apache-2.0
#include "turns.h"

#include <algorithm>

namespace omni {

namespace {

// The background computes for an eighth of the time of the interactive passes: a ninth of all, more than the promised tenth.
constexpr int share = 8;

constexpr auto cancel_poll = std::chrono::milliseconds(20);

} // namespace

void turns::begin(priority of, cancel_flag cancel) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (of == priority::background) {
        if (n_background_++ == 0) {
            background_resumed_ = clock::now();
        }
        return;
    }
    const auto is_due = [&] { return n_background_ == 0 || clock::now() >= background_resumed_ + background_share_; };
    while (!is_due() && !cancel.is_set()) {
        changed_.wait_until(lock, std::min(background_resumed_ + background_share_, clock::now() + cancel_poll));
    }
    held_ = true;
    interactive_began_ = clock::now();
}

void turns::end(priority of) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (of == priority::background) {
            n_background_--;
        } else {
            held_ = false;
            background_resumed_ = clock::now();
            background_share_ = n_background_ > 0 ? (background_resumed_ - interactive_began_) / share : clock::duration();
        }
    }
    changed_.notify_all();
}

void turns::wait_as_background(cancel_flag cancel) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (held_ && !cancel.is_set()) {
        changed_.wait_for(lock, cancel_poll);
    }
}

} // namespace omni
