// SPDX-License-Identifier: Apache-2.0
// Which of the waiting calls a device computes next, and which of them together.
#pragma once

#include "cancel_flag.h"
#include "device.h"
#include "tower.h"

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace omni {

// The calls of one priority, first come, first served. A caller that finds nobody before it computes itself. Others wait while
// a thread of the queue computes for them: the oldest call, and those behind it that want the same tower, up to one forward pass.
class call_queue {
public:
    explicit call_queue(compute_lane & lane) : lane_(lane) {}
    ~call_queue(); // when no caller is left
    call_queue(const call_queue &) = delete;
    call_queue & operator=(const call_queue &) = delete;

    // Computes the inputs on a tower, as encode_in_passes does, and throws what that throws. A call that others are computed
    // before or with is left at once when it is cancelled.
    void run(const std::shared_ptr<const tower> & on, const tower_inputs & inputs, float * out, cancel_flag cancel);

private:
    struct call;
    struct batch;

    void wait(const std::shared_ptr<call> & mine, cancel_flag cancel);
    void leave(call & mine);
    void end_own_run();
    void serve();
    void fill(batch & taken);
    void compute(batch & taken) const;
    bool compute_together(batch & taken) const;
    void compute_alone(call & one) const;

    compute_lane &                   lane_;
    std::mutex                       mutex_; // of everything below
    std::condition_variable          changed_;
    std::list<std::shared_ptr<call>> waiting_;      // a list, so that taking from it can't fail for lack of memory
    bool                             busy_ = false; // a caller or the thread computes
    bool                             stopped_ = false;
    std::thread                      thread_; // from the first call on that waits
};

// The queues of a device.
class scheduler {
public:
    explicit scheduler(compute_device & device)
        : interactive_(device.lane(priority::interactive)), background_(device.lane(priority::background)) {}

    call_queue & queue(priority of) { return of == priority::interactive ? interactive_ : background_; }

private:
    call_queue interactive_;
    call_queue background_;
};

} // namespace omni
