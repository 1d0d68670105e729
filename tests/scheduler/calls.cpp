// call_queue: who computes a call, in which order, and together with whom.
#include "allocations.h"
#include "check.h"
#include "devices.h"
#include "error.h"
#include "scheduler.h"
#include "waits.h"

#include <algorithm>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

#include <pthread.h>

namespace {

using omni::priority;

constexpr int32_t bad_token = -2; // a tower fails on it
constexpr int64_t n_pass = 64;    // tokens of a pass of the background, and four times those of an interactive one

// An input is some tokens and one value. Its output is two floats that depend on all of them and on their order.
class fake_tower final : public omni::tower {
public:
    struct run {
        std::thread::id      thread;
        priority             order;
        std::vector<int32_t> shapes;
    };

    int64_t n_position(const omni::tower_inputs & inputs) const override { return (int64_t) inputs.tokens.size; }
    int64_t n_output(const omni::tower_inputs & inputs) const override { return 2 * (int64_t) inputs.shapes.size; }
    int64_t n_value(const omni::tower_inputs & inputs) const override { return (int64_t) inputs.shapes.size; }
    int64_t n_pass_position(const omni::compute_device &) const override { return n_pass; }

    void encode(omni::compute_lane & lane, const omni::tower_inputs & inputs, float * out,
                omni::cancel_flag cancel) const override {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            runs_.push_back(
                {std::this_thread::get_id(), lane.order(), {inputs.shapes.data, inputs.shapes.data + inputs.shapes.size}});
            demand(!computes_[(int) lane.order()], "a lane computes one pass at a time");
            computes_[(int) lane.order()] = true;
        }
        struct at_end {
            const fake_tower & self;
            priority           order;
            ~at_end() {
                const std::lock_guard<std::mutex> lock(self.mutex_);
                self.computes_[(int) order] = false;
            }
        } const end{*this, lane.order()};
        n_begun_++;
        if ((int64_t) inputs.tokens.size > n_fit) {
            throw omni::pass_too_large("is too large");
        }
        while (!take_permit()) {
            if (cancel.is_set()) {
                n_stopped_++;
                throw omni::error(OMNI_CANCELLED, "was cancelled");
            }
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
        const int32_t * token = inputs.tokens.data;
        for (size_t i = 0; i < inputs.shapes.size; i++) {
            float sum = 0.0f;
            for (int32_t t = 0; t < inputs.shapes.data[i]; t++, token++) {
                if (*token == bad_token) {
                    throw omni::error(OMNI_FAILED, "a token is bad");
                }
                sum += (float) (*token * (t + 1));
            }
            *out++ = sum;
            *out++ = inputs.values.data[i];
        }
    }

    int64_t n_fit = INT64_MAX; // tokens that a pass may have

    // From now on a run waits until there is a permit for it.
    void hold() { n_permit_ = 0; }
    void permit(int n) { n_permit_ += n; }
    void release() { n_permit_ = unlimited; }

    void wait_for_runs(int n) const {
        wait_until([&] { return n_begun_ >= n; });
    }
    int              n_stopped() const { return n_stopped_; }
    std::vector<run> runs() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return runs_;
    }

    // The lengths of the inputs of each run.
    std::vector<std::vector<int32_t>> shapes() const {
        std::vector<std::vector<int32_t>> all;
        for (run & one : runs()) {
            all.push_back(std::move(one.shapes));
        }
        return all;
    }

private:
    static constexpr int unlimited = 1 << 30;

    bool take_permit() const {
        for (int n = n_permit_; n > 0;) {
            if (n == unlimited || n_permit_.compare_exchange_weak(n, n - 1)) {
                return true;
            }
        }
        return false;
    }

    mutable std::mutex       mutex_;
    mutable std::vector<run> runs_;
    mutable bool             computes_[omni::n_priority] = {};
    mutable std::atomic<int> n_begun_{0}, n_stopped_{0}, n_permit_{unlimited};
};

// A call with its inputs, and what became of it.
struct test_call {
    // Inputs of these lengths; their tokens begin at `first`.
    explicit test_call(std::vector<int32_t> lengths, int32_t first = 1)
        : shapes(std::move(lengths)), tokens(std::accumulate(shapes.begin(), shapes.end(), 0)), out(2 * shapes.size(), -1.0f) {
        std::iota(tokens.begin(), tokens.end(), first);
        for (size_t i = 0; i < shapes.size(); i++) {
            values.push_back((float) (first * 1000 + (int32_t) i));
        }
    }

    void run(omni::call_queue & queue, const std::shared_ptr<const omni::tower> & on) {
        const omni::tower_inputs inputs{
            {tokens.data(), tokens.size()}, {shapes.data(), shapes.size()}, {values.data(), values.size()}};
        try {
            queue.run(on, inputs, out.data(), omni::cancel_flag(&cancelled));
            status = OMNI_OK;
        } catch (...) {
            status = omni::describe_current_exception(&failure);
        }
    }

    void cancel() { omni::set_cancelled(cancelled); }

    bool is_right() const {
        size_t token = 0;
        for (size_t i = 0; i < shapes.size(); i++) {
            float sum = 0.0f;
            for (int32_t t = 0; t < shapes[i]; t++, token++) {
                sum += (float) (tokens[token] * (t + 1));
            }
            if (out[2 * i] != sum || out[2 * i + 1] != values[i]) {
                return false;
            }
        }
        return status == OMNI_OK;
    }

    std::vector<int32_t> shapes, tokens;
    std::vector<float>   values, out;
    int32_t              cancelled = 0;
    omni_status          status = OMNI_FAILED;
    omni_error           failure = {};
};

// A call in a thread of its own.
class caller {
public:
    caller(omni::call_queue & queue, std::shared_ptr<const omni::tower> on, test_call & call)
        : thread_([this, &queue, on = std::move(on), &call] {
              waits_.watch();
              call.run(queue, on);
              has_ended_ = true;
          }) {}
    ~caller() { join(); }
    caller(const caller &) = delete;
    caller & operator=(const caller &) = delete;

    void wait_until_queued() {
        wait_until([&] { return waits_.n_sleep > 0 || has_ended_; });
        demand(!has_ended_, "the call waits");
    }
    bool has_ended() const { return has_ended_; }
    void join() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }

private:
    watched_waits     waits_;
    std::atomic<bool> has_ended_{false};
    std::thread       thread_;
};

// A queue whose first call is being computed, so that all that come later wait.
struct busy_queue {
    explicit busy_queue(priority order = priority::background) : lane(device.lane(order)) {
        tower->hold();
        start(first);
        tower->wait_for_runs(1);
    }

    caller & start(test_call & call, const std::shared_ptr<fake_tower> & on = nullptr) {
        return callers.emplace_back(*queue, on != nullptr ? on : tower, call);
    }
    // Waits until it is in the queue.
    caller & add(test_call & call, const std::shared_ptr<fake_tower> & on = nullptr) {
        caller & added = start(call, on);
        added.wait_until_queued();
        return added;
    }
    void join() {
        for (caller & one : callers) {
            one.join();
        }
    }
    // Computes all that wait.
    void finish() {
        tower->release();
        join();
        demand(first.is_right(), "the first call gets its own");
    }

    test_device                     device;
    omni::compute_lane &            lane;
    std::shared_ptr<fake_tower>     tower = std::make_shared<fake_tower>();
    std::optional<omni::call_queue> queue{std::in_place, lane};
    test_call                       first{{3, 1}};
    std::list<caller>               callers;
};

using lengths = std::vector<std::vector<int32_t>>;

size_t count_threads() {
    const std::filesystem::directory_iterator all("/proc/self/task");
    return (size_t) std::distance(begin(all), end(all));
}

} // namespace

TEST(an_idle_queue_computes_in_its_callers_thread_and_starts_none) {
    test_device      device;
    omni::call_queue queue(device.lane(priority::interactive));
    const auto       tower = std::make_shared<fake_tower>();
    const size_t     n_thread = count_threads();
    for (int i = 0; i < 3; i++) {
        test_call call({3, 4, i + 1});
        call.run(queue, tower);
        demand(call.is_right(), "the call gets its own");
    }
    for (const fake_tower::run & run : tower->runs()) {
        demand(run.thread == std::this_thread::get_id(), "it is computed in the caller's thread");
    }
    demand(count_threads() == n_thread, "no thread was started");
}

TEST(calls_that_wait_for_a_tower_are_packed_up_to_a_pass) {
    busy_queue busy;
    test_call  b({20}, 10), c({15, 15}, 100), d({10}, 200), e({10}, 300), f({54}, 400);
    for (test_call * call : {&b, &c, &d, &e, &f}) {
        busy.add(*call);
    }
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}, {20, 15, 15, 10}, {10, 54}}), "they are packed up to 64 tokens");
    for (const test_call * call : {&b, &c, &d, &e, &f}) {
        demand(call->is_right(), "each gets its own");
    }
    const auto runs = busy.tower->runs();
    demand(runs[1].thread == runs[2].thread, "one thread serves those that wait");
}

TEST(an_interactive_pack_is_a_quarter_of_a_pass) {
    busy_queue busy(priority::interactive);
    test_call  b({8}, 10), c({8}, 100), d({1}, 200);
    for (test_call * call : {&b, &c, &d}) {
        busy.add(*call);
    }
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}, {8, 8}, {1}}), "they are packed up to 16 tokens");
}

TEST(a_call_larger_than_a_pass_is_computed_alone) {
    busy_queue busy;
    test_call  b({50, 50}, 10), c({1}, 100);
    busy.add(b);
    busy.add(c);
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}, {50, 50}, {1}}), "each in a run of its own");
    demand(b.is_right() && c.is_right(), "each gets its own");
}

TEST(what_does_not_fit_is_computed_in_halves_and_only_what_is_too_large_alone_fails) {
    busy_queue busy;
    test_call  b({9, 8, 7, 6, 5}, 10), c({17}, 100), d({16}, 200);
    busy.tower->n_fit = 16;
    for (test_call * call : {&b, &c, &d}) {
        busy.add(*call);
    }
    busy.finish();
    demand(b.is_right() && b.status == OMNI_OK, "in smaller passes");
    demand(c.status == OMNI_TOO_LARGE && std::string(c.failure.text) == "is too large", "its error");
    demand(d.is_right() && d.status == OMNI_OK, "the others get their own");
}

TEST(calls_for_other_towers_are_not_packed_and_the_oldest_goes_first) {
    busy_queue busy;
    const auto other = std::make_shared<fake_tower>();
    test_call  b({5}, 10), c({6}, 100), d({7}, 200), e({8}, 300);
    busy.add(b);
    busy.add(c, other);
    busy.add(d);
    busy.add(e, other);
    other->hold();
    busy.tower->release();
    other->wait_for_runs(1);
    demand(busy.tower->shapes() == lengths({{3, 1}, {5, 7}}), "those of one tower go first");
    other->release();
    busy.finish();
    demand(other->shapes() == lengths({{6, 8}}), "then those of the other");
    for (const test_call * call : {&b, &c, &d, &e}) {
        demand(call->is_right(), "each gets its own");
    }
}

TEST(calls_of_other_priorities_are_not_packed_nor_waited_for) {
    busy_queue       busy;
    omni::call_queue interactive(busy.device.lane(priority::interactive));
    test_call        b({5}, 10), c({6}, 100), d({7}, 200);
    busy.add(b);
    caller first(interactive, busy.tower, c); // computes itself, though the background's queue is busy
    busy.tower->wait_for_runs(2);
    caller second(interactive, busy.tower, d);
    second.wait_until_queued();
    busy.finish();
    first.join();
    second.join();
    for (const fake_tower::run & run : busy.tower->runs()) {
        const bool is_background = run.shapes == std::vector<int32_t>{3, 1} || run.shapes == std::vector<int32_t>{5};
        demand(run.shapes.size() == 1 || run.shapes == std::vector<int32_t>{3, 1}, "each in a run of its own");
        demand((run.order == priority::background) == is_background, "each in the lane of its priority");
    }
    demand(b.is_right() && c.is_right() && d.is_right(), "each gets its own");
}

TEST(a_smaller_call_does_not_overtake) {
    busy_queue busy;
    test_call  b({40}, 10), c({40}, 100), d({4}, 200), e({4}, 300);
    for (test_call * call : {&b, &c, &d, &e}) {
        busy.add(*call);
    }
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}, {40}, {40, 4, 4}}), "first come, first served");
}

TEST(a_call_that_comes_when_others_wait_goes_behind_them) {
    busy_queue busy;
    test_call  b({64}, 10), c({64}, 100), d({2}, 200);
    busy.add(b);
    busy.add(c);
    busy.tower->permit(1);
    busy.tower->wait_for_runs(2); // b's: nobody but it is computed
    busy.add(d);
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}, {64}, {64}, {2}}), "first come, first served");
}

TEST(nobody_overtakes_between_two_runs) {
    for (int i = 0; i < 100; i++) {
        busy_queue busy;
        test_call  b({64}, 10), c({2}, 100);
        busy.add(b);
        busy.tower->release();
        wait_until([&] { return busy.callers.front().has_ended(); }); // whoever serves b may still be asleep
        c.run(*busy.queue, busy.tower);
        busy.finish();
        demand(busy.tower->shapes() == lengths({{3, 1}, {64}, {2}}), "first come, first served");
    }
}

TEST(an_idle_queue_computes_in_its_callers_thread_again_after_others_waited) {
    busy_queue busy;
    test_call  b({5}, 10), c({6}, 100);
    busy.add(b);
    busy.finish();
    c.run(*busy.queue, busy.tower);
    demand(c.is_right() && busy.tower->runs().back().thread == std::this_thread::get_id(), "in the caller's thread");
}

TEST(a_failing_call_leaves_the_others_of_its_pack_alone) {
    busy_queue busy;
    test_call  b({5}, 10), c({6, 7}, 100), d({8}, 200);
    c.tokens[4] = bad_token;
    for (test_call * call : {&b, &c, &d}) {
        busy.add(*call);
    }
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}, {5, 6, 7, 8}, {5}, {6, 7}, {8}}), "the pack, then each alone");
    demand(b.is_right() && d.is_right(), "the others get their own");
    demand(c.status == OMNI_FAILED && c.failure.text == std::string("a token is bad"), "the one gets its error");
}

TEST(a_failing_call_that_computes_itself_leaves_the_queue_usable) {
    test_device      device;
    omni::call_queue queue(device.lane(priority::background));
    const auto       tower = std::make_shared<fake_tower>();
    test_call        bad({3}), good({4});
    bad.tokens[0] = bad_token;
    bad.run(queue, tower);
    good.run(queue, tower);
    demand(bad.status == OMNI_FAILED && good.is_right(), "each gets its own");
    demand(tower->runs()[1].thread == std::this_thread::get_id(), "the queue is idle again");
}

TEST(memory_for_a_pack_that_is_not_there_does_not_fail_its_calls) {
    busy_queue busy;
    test_call  b({5}, 10), c({6}, 100);
    b.values.resize(10'000);
    c.values.resize(10'000);
    busy.add(b);
    busy.add(c);
    largest_allocation = 60'000;
    busy.finish();
    largest_allocation = SIZE_MAX;
    demand(busy.tower->shapes() == lengths({{3, 1}, {5}, {6}}), "each is computed alone");
    demand(b.is_right() && c.is_right(), "each gets its own");
}

TEST(memory_for_a_call_that_waits_is_its_own_error) {
    busy_queue busy;
    test_call  b({5}, 10), c({6}, 100);
    b.values.resize(10'000);
    largest_allocation = 30'000;
    b.run(*busy.queue, busy.tower);
    largest_allocation = SIZE_MAX;
    demand(b.status == OMNI_OUT_OF_MEMORY, "it is told so");
    busy.add(c);
    busy.finish();
    demand(c.is_right(), "the next one gets its own");
}

TEST(a_thread_that_the_system_refuses_is_the_error_of_the_call_that_needs_it) {
    busy_queue     busy;
    test_call      b({5}, 10), c({6}, 100);
    pthread_attr_t before, huge;
    demand(pthread_getattr_default_np(&before) == 0 && pthread_attr_init(&huge) == 0 &&
               pthread_attr_setstacksize(&huge, (size_t) 1 << 46) == 0 && pthread_setattr_default_np(&huge) == 0,
           "no stack of that size can be had");
    b.run(*busy.queue, busy.tower);
    demand(pthread_setattr_default_np(&before) == 0, "stacks are as before");
    demand(b.status == OMNI_FAILED && std::string(b.failure.text).find("refused a thread") != std::string::npos,
           "it is told so");
    busy.add(c);
    busy.finish();
    demand(c.is_right(), "the next one gets its own");
}

TEST(a_cancelled_call_leaves_the_queue_at_once) {
    busy_queue busy;
    test_call  b({5}, 10), c({6}, 100), d({7}, 200);
    busy.add(b);
    caller & leaving = busy.add(c);
    busy.add(d);
    c.cancel();
    leaving.join(); // while the first call is still held
    demand(c.status == OMNI_CANCELLED, "it is told so");
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}, {5, 7}}), "it is not computed");
    demand(b.is_right() && d.is_right(), "the others get their own");
}

TEST(a_call_that_is_cancelled_before_it_comes_is_not_computed) {
    busy_queue busy;
    test_call  b({5}, 10);
    b.cancel();
    b.run(*busy.queue, busy.tower);
    demand(b.status == OMNI_CANCELLED, "it is told so");
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}}), "it is not computed");
}

TEST(a_cancelled_call_leaves_its_pack_at_once_and_the_others_finish) {
    busy_queue busy;
    test_call  b({5}, 10), c({6}, 100), d({7}, 200);
    busy.add(b);
    caller & leaving = busy.add(c);
    busy.add(d);
    busy.tower->permit(1);
    busy.tower->wait_for_runs(2);
    c.cancel();
    leaving.join(); // while the pack is still held
    demand(c.status == OMNI_CANCELLED, "it is told so");
    busy.finish();
    demand(busy.tower->n_stopped() == 0 && b.is_right() && d.is_right(), "the others get their own");
}

TEST(a_cancelled_call_of_a_pack_that_fails_is_not_computed_again) {
    busy_queue busy;
    test_call  b({5}, 10), c({6}, 100), d({7}, 200);
    b.tokens[0] = bad_token;
    busy.add(b);
    caller & leaving = busy.add(c);
    busy.add(d);
    busy.tower->permit(1);
    busy.tower->wait_for_runs(2);
    c.cancel();
    leaving.join();
    busy.finish();
    demand(busy.tower->shapes() == lengths({{3, 1}, {5, 6, 7}, {5}, {7}}), "the others alone");
    demand(b.status == OMNI_FAILED && d.is_right(), "each gets its own");
}

TEST(a_run_that_all_callers_left_is_stopped) {
    for (const bool is_pack : {false, true}) {
        busy_queue busy;
        test_call  b({5}, 10), c({6}, 100), d({7}, 200);
        caller &   b_leaving = busy.add(b);
        if (is_pack) {
            busy.add(c);
        }
        busy.tower->permit(1);
        busy.tower->wait_for_runs(2);
        b.cancel();
        b_leaving.join();
        if (is_pack) {
            demand(busy.tower->n_stopped() == 0, "it goes on for the other");
            c.cancel();
        }
        busy.join();
        wait_until([&] { return busy.tower->n_stopped() == 1; }); // without a permit
        busy.tower->release();
        d.run(*busy.queue, busy.tower);
        demand(busy.tower->runs().size() == 3 && d.is_right(), "nothing is computed again, and the next gets its own");
    }
}

TEST(a_cancelled_call_that_computes_itself_stops) {
    busy_queue busy;
    test_call  b({5}, 10);
    busy.add(b);
    busy.first.cancel();
    wait_until([&] { return busy.tower->n_stopped() == 1; });
    busy.tower->release();
    busy.join();
    demand(busy.first.status == OMNI_CANCELLED && b.is_right(), "the other gets its own");
}

TEST(a_queue_that_all_have_left_ends_with_what_is_still_computed) {
    for (const int n_call : {0, 1, 3}) {
        busy_queue             busy;
        std::vector<test_call> calls((size_t) n_call, test_call({5}, 10));
        for (test_call & call : calls) {
            busy.add(call);
        }
        if (n_call > 0) {
            busy.tower->permit(1);
            busy.tower->wait_for_runs(2);
        } else {
            busy.tower->release();
        }
        for (test_call & call : calls) {
            call.cancel();
        }
        busy.join();
        busy.queue.reset(); // nothing hangs, and nothing is used that is gone
        demand(busy.tower->n_stopped() == (n_call > 0 ? 1 : 0) && busy.tower.use_count() == 1, "nothing is left behind");
    }
}

TEST(callers_at_random_get_their_own) {
    for (unsigned seed = 0; seed < 40; seed++) {
        test_device                       device;
        omni::scheduler                   scheduler(device);
        const std::shared_ptr<fake_tower> towers[] = {std::make_shared<fake_tower>(), std::make_shared<fake_tower>()};
        const auto                        live = [&](unsigned number) {
            std::mt19937 random(100 * seed + number);
            for (int i = 0; i < 25; i++) {
                test_call  call(std::vector<int32_t>(1 + random() % 3, (int32_t) (1 + random() % 30)),
                                (int32_t) (random() % 1000));
                const bool is_bad = random() % 8 == 0;
                if (is_bad) {
                    call.tokens[random() % call.tokens.size()] = bad_token;
                }
                std::optional<std::thread> canceller;
                if (random() % 4 == 0) {
                    canceller.emplace([&call, pause = random() % 200] {
                        std::this_thread::sleep_for(std::chrono::microseconds(pause));
                        call.cancel();
                    });
                }
                call.run(scheduler.queue((priority) (random() % 2)), towers[random() % 2]);
                if (canceller) {
                    canceller->join();
                }
                demand(is_bad ? call.status == OMNI_FAILED || (canceller && call.status == OMNI_CANCELLED)
                              : call.is_right() || (canceller && call.status == OMNI_CANCELLED),
                       "it gets its own, seed " + std::to_string(seed));
            }
        };
        std::vector<std::thread> threads;
        for (unsigned number = 0; number < 6; number++) {
            threads.emplace_back(live, number);
        }
        for (std::thread & thread : threads) {
            thread.join();
        }
    }
}
