// Pools of every size that are born, do work of both priorities and die while others do: for ThreadSanitizer, and for a hang.
//
//   stress_pool [SECONDS]
#include "thread_pool.h"
#include "turns.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace {

using clock_type = std::chrono::steady_clock;

void demand(bool condition, const char * text) {
    if (!condition) {
        std::fprintf(stderr, "wrong: %s\n", text);
        std::abort();
    }
}

// Each block runs once, on one thread of the pool at a time, and what it wrote is there when run returns.
void work(omni::thread_pool & pool, omni::priority order, std::mt19937 & random) {
    const int        n_block = (int) (random() % 40);
    std::vector<int> n_run(n_block, 0); // not atomic: a race on them is a race of the pool
    std::vector<int> is_busy(pool.size(), 0);
    const int        n_pause = (int) (random() % 2000);
    pool.run(order, n_block, omni::cancel_flag(nullptr), [&](int thread, int32_t block) {
        demand(thread >= 0 && thread < pool.size() && block >= 0 && block < n_block, "a number is out of range");
        demand(is_busy[thread]++ == 0, "two blocks on one thread at once");
        for (volatile int i = 0; i < n_pause; i = i + 1) {
        }
        n_run[block]++;
        is_busy[thread]--;
    });
    for (const int n : n_run) {
        demand(n == 1, "a block did not run once");
    }
}

// Passes of one priority, of several loops each.
size_t compute_passes(omni::turns & turns, omni::thread_pool & pool, omni::priority order, unsigned seed) {
    const omni::cancel_flag never(nullptr);
    std::mt19937            random(seed);
    size_t                  n_run = 0;
    for (int pass = (int) (random() % 20); pass > 0; pass--) {
        turns.begin(order, never);
        for (int i = (int) (random() % 20); i > 0; i--, n_run++) {
            work(pool, order, random);
        }
        turns.end(order);
        if (order == omni::priority::interactive) {
            pool.resume_background();
        }
        if (random() % 4 == 0) { // longer than the threads spin
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
        }
    }
    return n_run;
}

size_t live(unsigned seed, clock_type::time_point end) {
    std::mt19937 random(seed);
    size_t       n_run = 0;
    while (clock_type::now() < end) {
        omni::turns       turns;
        omni::thread_pool pool(1 + (int) (random() % 6), turns);
        size_t            n_background = 0;
        std::thread       background([&, s = (unsigned) random()] {
            n_background = compute_passes(turns, pool, omni::priority::background, s);
        });
        n_run += compute_passes(turns, pool, omni::priority::interactive, (unsigned) random());
        background.join();
        n_run += n_background;
    }
    return n_run;
}

} // namespace

int main(int argc, char ** argv) {
    const auto end = clock_type::now() + std::chrono::seconds(argc > 1 ? std::atoi(argv[1]) : 10);
    std::vector<std::thread> owners;
    std::atomic<size_t> n_run{0};
    for (unsigned i = 0; i < 4; i++) {
        owners.emplace_back([&, i] { n_run += live(i, end); });
    }
    for (std::thread & owner : owners) {
        owner.join();
    }
    std::printf("%zu loops\n", n_run.load());
}
