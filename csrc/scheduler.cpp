// SPDX-License-Identifier: Apache-2.0
#include "scheduler.h"

#include "error.h"
#include "passes.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace omni {

namespace {

constexpr auto cancel_poll = std::chrono::milliseconds(20);

// An interactive batch is a quarter of a forward pass: that has most of the speed, and a call waits less for those before it.
constexpr int64_t interactive_fraction = 4;

struct owned_inputs {
    std::vector<int32_t> tokens, shapes;
    std::vector<float>   values;

    void append(const tower_inputs & inputs) {
        const auto add = [](auto & to, const auto & from) { to.insert(to.end(), from.data, from.data + from.size); };
        add(tokens, inputs.tokens);
        add(shapes, inputs.shapes);
        add(values, inputs.values);
    }

    tower_inputs view() const {
        return {{tokens.data(), tokens.size()}, {shapes.data(), shapes.size()}, {values.data(), values.size()}};
    }
};

} // namespace

// It owns all that is computed for it, so that its caller may leave at any time.
struct call_queue::call {
    call(std::shared_ptr<const tower> on_, const tower_inputs & borrowed)
        : on(std::move(on_)), n_position(on->n_position(borrowed)), out((size_t) on->n_output(borrowed)) {
        inputs.append(borrowed);
    }

    std::shared_ptr<const tower>               on;
    int64_t                                    n_position;
    owned_inputs                               inputs;
    std::vector<float>                         out;
    omni_status                                status = OMNI_OK;
    omni_error                                 failure = {};
    int32_t                                    cancelled = 0; // its caller has left
    std::list<std::shared_ptr<call>>::iterator place;         // among those that wait
    batch *                                    taken_in = nullptr;
    bool                                       done = false;
    std::condition_variable                    finished;
};

struct call_queue::batch {
    std::list<std::shared_ptr<call>> calls;
    size_t                           n_left = 0;    // of their callers
    int32_t                          cancelled = 0; // all have left
};

call_queue::~call_queue() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void call_queue::run(const std::shared_ptr<const tower> & on, const tower_inputs & inputs, float * out, cancel_flag cancel) {
    bool is_first = false;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        is_first = !busy_ && waiting_.empty();
        busy_ = busy_ || is_first;
    }
    if (is_first) {
        struct own_run {
            explicit own_run(call_queue & queue_) : queue(queue_) {}
            ~own_run() { queue.end_own_run(); }
            own_run(const own_run &) = delete;
            own_run & operator=(const own_run &) = delete;

            call_queue & queue;
        } const running(*this);
        encode_in_passes(*on, lane_, inputs, out, cancel);
        return;
    }
    const auto mine = std::make_shared<call>(on, inputs);
    wait(mine, cancel);
    if (mine->status != OMNI_OK) {
        throw error(mine->status, mine->failure.text);
    }
    std::copy(mine->out.begin(), mine->out.end(), out);
}

void call_queue::end_own_run() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        busy_ = false;
    }
    changed_.notify_one();
}

void call_queue::wait(const std::shared_ptr<call> & mine, cancel_flag cancel) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!thread_.joinable()) {
        thread_ = std::thread([this] { serve(); });
    }
    mine->place = waiting_.insert(waiting_.end(), mine);
    changed_.notify_one();
    while (!mine->done) {
        if (cancel.is_set()) {
            leave(*mine);
            throw error(OMNI_CANCELLED, "was cancelled");
        }
        mine->finished.wait_for(lock, cancel_poll);
    }
}

void call_queue::leave(call & mine) {
    set_cancelled(mine.cancelled);
    if (mine.taken_in == nullptr) {
        waiting_.erase(mine.place);
    } else if (++mine.taken_in->n_left == mine.taken_in->calls.size()) {
        set_cancelled(mine.taken_in->cancelled);
    }
}

void call_queue::serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stopped_ || (!busy_ && !waiting_.empty()); });
        if (stopped_) {
            return;
        }
        batch taken;
        fill(taken);
        busy_ = true;
        lock.unlock();
        compute(taken);
        lock.lock();
        busy_ = false;
        for (const std::shared_ptr<call> & one : taken.calls) {
            one->done = true;
            one->finished.notify_one();
        }
    }
}

void call_queue::fill(batch & taken) {
    const tower * on = waiting_.front()->on.get();
    int64_t room = on->n_pass_position(lane_.device()) / (lane_.order() == priority::interactive ? interactive_fraction : 1);
    for (auto next = waiting_.begin(); next != waiting_.end();) {
        const auto at = next++;
        call &     one = **at;
        if (one.on.get() != on) {
            continue;
        }
        if (one.n_position > room && !taken.calls.empty()) {
            break; // nor may a smaller one overtake it
        }
        room -= one.n_position;
        one.taken_in = &taken;
        taken.calls.splice(taken.calls.end(), waiting_, at);
    }
}

void call_queue::compute(batch & taken) const {
    if (taken.calls.size() > 1 && compute_together(taken)) {
        return;
    }
    for (const std::shared_ptr<call> & one : taken.calls) {
        compute_alone(*one);
    }
}

// False where it fails: the fault may be that of one call only.
bool call_queue::compute_together(batch & taken) const {
    try {
        owned_inputs inputs;
        size_t       n_out = 0;
        for (const std::shared_ptr<call> & one : taken.calls) {
            inputs.append(one->inputs.view());
            n_out += one->out.size();
        }
        std::vector<float> out(n_out);
        encode_in_passes(*taken.calls.front()->on, lane_, inputs.view(), out.data(), cancel_flag(&taken.cancelled));
        auto found = out.cbegin();
        for (const std::shared_ptr<call> & one : taken.calls) {
            std::copy_n(found, one->out.size(), one->out.begin());
            found += (ptrdiff_t) one->out.size();
        }
        return true;
    } catch (...) {
        return false;
    }
}

void call_queue::compute_alone(call & one) const {
    try {
        const cancel_flag cancel(&one.cancelled);
        if (!cancel.is_set()) {
            encode_in_passes(*one.on, lane_, one.inputs.view(), one.out.data(), cancel);
        }
    } catch (...) {
        one.status = describe_current_exception(&one.failure);
    }
}

} // namespace omni
