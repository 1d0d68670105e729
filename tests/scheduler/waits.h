// Watches where a thread waits inside the library, so that a test goes on when it does and not after some time.
#pragma once

#include "ggml-backend.h"

#include <atomic>
#include <functional>

// Of one thread, from the moment on that it calls `watch`.
struct watched_waits {
    std::atomic<int>  n_sleep{0};     // waits for another thread, by a condition variable
    std::atomic<int>  n_lock{0};      // locks of a mutex, tried or done
    std::atomic<bool> is_late{false}; // it takes until the end of that to wake up

    void watch();
};

// Called for each piece of a graph before it is computed, in the thread that does; empty at first. To be set while none is.
extern std::function<void(ggml_cgraph *)> before_piece;
