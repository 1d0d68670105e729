// compute_pass, piece_rate and graph on a device without our kernels: one step at a time, interactive ones first.
#include "check.h"
#include "devices.h"
#include "graph.h"
#include "piece_rate.h"
#include "waits.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <numeric>
#include <vector>

namespace {

using omni::priority;

const omni::cancel_flag never(nullptr);

// The steps of both priorities in the order in which they were computed.
class step_log {
public:
    void add(priority order) {
        const std::lock_guard<std::mutex> lock(mutex_);
        orders_ += order == priority::interactive ? 'i' : 'b';
    }
    std::string orders() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return orders_;
    }

private:
    mutable std::mutex mutex_;
    std::string        orders_;
};

// x doubled n_node times, each a node of n_value operations.
std::vector<float> double_often(omni::compute_lane & lane, int n_node, int64_t n_value, omni::cancel_flag cancel = never) {
    omni::graph   graph(lane, cancel);
    ggml_tensor * x = graph.input(GGML_TYPE_F32, n_value, 1,
                                  [=](void * data) { std::fill_n(static_cast<float *>(data), n_value, 1.0f); });
    for (int i = 0; i < n_node; i++) {
        x = graph.scale(x, i % 2 == 0 ? 2.0f : 0.5f);
    }
    std::vector<float> out((size_t) n_value);
    graph.compute(x, out.data(), n_value);
    return out;
}

// So that graphs of few operations are cut into pieces.
void make_pieces_short(omni::piece_rate & rate, int64_t n_operation) {
    while (rate.n_operation() > n_operation) {
        rate.add(rate.n_operation(), std::chrono::hours(1));
    }
}

} // namespace

TEST(a_piece_doubles_or_halves_at_most) {
    omni::piece_rate rate;
    const int64_t    first = rate.n_operation();
    rate.add(first, std::chrono::nanoseconds(0));
    demand(rate.n_operation() == 2 * first, "it doubles");
    rate.add(2 * first, std::chrono::hours(1));
    demand(rate.n_operation() == first, "it halves");
    rate.add(first / 2 - 1, std::chrono::hours(1));
    demand(rate.n_operation() == first, "the end of a graph does not count");
    rate.add(first, std::chrono::milliseconds(30));
    demand(rate.n_operation() == first, "it takes as long as it should");
    rate.add(first, std::chrono::milliseconds(40));
    demand(rate.n_operation() == first / 4 * 3, "it becomes shorter by as much as it was too long");
}

TEST(a_piece_recovers_however_short_it_became) {
    omni::piece_rate rate;
    for (int i = 0; i < 100; i++) {
        rate.add(rate.n_operation(), std::chrono::hours(1));
    }
    demand(rate.n_operation() == 1, "there is always one operation");
    rate.add(1, std::chrono::nanoseconds(0));
    demand(rate.n_operation() == 2, "it doubles again");
}

TEST(interactive_steps_go_between_two_of_the_background) {
    test_device       device(1, true);
    step_log          log;
    std::atomic<bool> is_inside{false};
    std::thread       background([&] {
        omni::compute_pass pass(device.lane(priority::background), never);
        for (int i = 0; i < 4; i++) {
            pass.step([&] {
                if (i == 1) {
                    is_inside = true;
                    wait_until([&] { return device.turns.background_waits(); });
                }
                log.add(priority::background);
            });
        }
    });
    wait_until([&] { return is_inside.load(); });
    {
        omni::compute_pass pass(device.lane(priority::interactive), never);
        for (int i = 0; i < 3; i++) {
            pass.step([&] { log.add(priority::interactive); });
        }
    }
    background.join();
    demand(log.orders() == "bbiiibb", log.orders());
}

TEST(a_step_of_the_background_that_waited_for_another_lets_an_interactive_pass_go_first) {
    test_device                  device(1, true);
    step_log                     log;
    watched_waits                waits;
    std::unique_lock<std::mutex> step(device.step_mutex); // as during a step
    std::thread                  background([&] {
        omni::compute_pass pass(device.lane(priority::background), never);
        waits.watch();
        pass.step([&] { log.add(priority::background); });
    });
    wait_until([&] { return waits.n_lock > 0; });
    {
        omni::compute_pass pass(device.lane(priority::interactive), never);
        step.unlock();
        wait_until([&] { return waits.n_sleep > 0 || !log.orders().empty(); });
        for (int i = 0; i < 3; i++) {
            pass.step([&] { log.add(priority::interactive); });
        }
    }
    background.join();
    demand(log.orders() == "iiib", log.orders());
}

TEST(all_threads_go_on_with_the_background_after_an_interactive_pass) {
    constexpr int     n_thread = 3;
    test_device       device(n_thread);
    std::atomic<int>  n_begun{0}, n_together{0};
    std::atomic<bool> is_free{false};
    std::thread       background([&] {
        omni::compute_pass pass(device.lane(priority::background), never);
        device.threads.run(priority::background, 2 * n_thread, never, [&](int, int32_t) {
            if (n_begun++ < n_thread) {
                wait_until([&] { return is_free.load(); });
            } else {
                n_together++;
                wait_until([&] { return n_together == n_thread; }); // each thread in one of the last blocks
            }
        });
    });
    wait_until([&] { return n_begun == n_thread; });
    {
        omni::compute_pass pass(device.lane(priority::interactive), never);
        is_free = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(30)); // so that the threads fall asleep
    }
    background.join();
}

TEST(a_cancelled_pass_of_the_background_ends_beside_an_interactive_one) {
    for (const bool portable : {false, true}) {
        test_device        device(1, portable);
        omni::compute_pass interactive(device.lane(priority::interactive), never);
        int32_t            cancelled = 0;
        watched_waits      waits;
        std::thread        background([&] {
            waits.watch();
            omni::compute_pass pass(device.lane(priority::background), omni::cancel_flag(&cancelled));
            pass.step([] {});
        });
        wait_until([&] { return waits.n_sleep > 0; });
        omni::set_cancelled(cancelled);
        background.join();
    }
}

TEST(a_graph_is_computed_in_pieces_of_its_nodes) {
    test_device      device(1, true);
    std::vector<int> sizes;
    before_piece = [&](ggml_cgraph * piece) { sizes.push_back(ggml_graph_n_nodes(piece)); };
    double_often(device.lane(priority::background), 40, 64);
    demand(sizes == std::vector<int>{40}, "what takes no time is one piece");
    sizes.clear();
    make_pieces_short(device.rate, 256);
    demand(device.rate.n_operation() == 256, "a piece has 256 operations");
    const std::vector<float> out = double_often(device.lane(priority::background), 40, 64);
    before_piece = {};
    demand(sizes.size() > 1 && sizes[0] == 4, "the first piece has four nodes of 64 operations");
    demand(std::accumulate(sizes.begin(), sizes.end(), 0) == 40, "each node is in one piece");
    demand(out == std::vector<float>(64, 1.0f), "the result is right");
}

// The background is in mid-graph, inside ggml and with the mutex of the steps, when the interactive graph comes.
TEST(an_interactive_graph_goes_between_two_pieces_of_the_background) {
    test_device       device(1, true);
    step_log          log;
    std::atomic<bool> is_inside{false};
    std::thread       background;
    make_pieces_short(device.rate, 1);
    before_piece = [&](ggml_cgraph *) {
        const bool is_background = std::this_thread::get_id() == background.get_id();
        if (is_background && !is_inside.exchange(true)) {
            wait_until([&] { return device.turns.background_waits(); });
        }
        log.add(is_background ? priority::background : priority::interactive);
    };
    std::mutex starting; // until `background` has its value
    {
        const std::lock_guard<std::mutex> lock(starting);
        background = std::thread([&] {
            {
                const std::lock_guard<std::mutex> started(starting);
            }
            double_often(device.lane(priority::background), 30, 64);
        });
    }
    wait_until([&] { return is_inside.load(); });
    double_often(device.lane(priority::interactive), 30, 64);
    background.join();
    before_piece = {};
    const std::string orders = log.orders();
    const size_t      n_interactive = (size_t) std::count(orders.begin(), orders.end(), 'i');
    demand(orders.find('b', 1) > n_interactive && n_interactive > 1, orders);
}

TEST(graphs_of_both_priorities_at_once_have_their_own_results) {
    for (const bool portable : {false, true}) {
        test_device device(2, portable);
        make_pieces_short(device.rate, 64);
        const auto compute = [&](priority order) {
            for (int i = 0; i < 300; i++) {
                const int n_node = 1 + i % 40;
                demand(double_often(device.lane(order), n_node, 64) == std::vector<float>(64, n_node % 2 == 0 ? 1.0f : 2.0f),
                       "the result is right");
            }
        };
        std::thread background([&] { compute(priority::background); });
        compute(priority::interactive);
        background.join();
    }
}
