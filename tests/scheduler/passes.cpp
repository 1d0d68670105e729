// turns and thread_pool: interactive work before that of the background, which keeps its share. The clock counts blocks.
#include "check.h"
#include "thread_pool.h"
#include "turns.h"
#include "waits.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace {

using omni::priority;

constexpr omni::turns::clock::duration tick(1);

std::atomic<int64_t> n_tick{0};

omni::turns::clock::time_point read_ticks() { return omni::turns::clock::time_point(n_tick.load() * tick); }

const omni::cancel_flag never(nullptr);

// An interactive pass in a thread of its own, up to where it begins.
class beginning {
public:
    explicit beginning(omni::turns & turns, omni::cancel_flag cancel = never)
        : thread_([this, &turns, cancel] {
              waits_.watch();
              turns.begin(priority::interactive, cancel);
              has_begun_ = true;
          }) {}
    ~beginning() { thread_.join(); }

    void wait_until_begun() const {
        wait_until([&] { return has_begun_.load(); });
    }
    // Waits until it has looked whether it may begin, and may not.
    void wait_until_waiting() const {
        const int n_before = waits_.n_sleep;
        wait_until([&] { return waits_.n_sleep > n_before + 1 || has_begun_; });
        demand(!has_begun_, "it waits for the background");
    }
    void set_late(bool is_late) { waits_.is_late = is_late; }

private:
    watched_waits     waits_;
    std::atomic<bool> has_begun_{false};
    std::thread       thread_;
};

} // namespace

TEST(an_interactive_pass_begins_at_once_without_the_background) {
    omni::turns turns(read_ticks);
    for (int i = 0; i < 3; i++) {
        turns.begin(priority::interactive, never);
        demand(turns.background_waits(), "the background would wait");
        n_tick += 1000;
        turns.end(priority::interactive);
        demand(!turns.background_waits(), "it may go on");
    }
}

TEST(the_background_waits_for_the_end_of_an_interactive_pass) {
    omni::turns turns(read_ticks);
    turns.begin(priority::background, never);
    turns.begin(priority::interactive, never);
    watched_waits     waits;
    std::atomic<bool> goes_on{false};
    std::thread       background([&] {
        waits.watch();
        turns.wait_as_background(never);
        goes_on = true;
    });
    wait_until([&] { return waits.n_sleep > 2; }); // it looks again now and then
    demand(!goes_on, "it waits");
    turns.end(priority::interactive);
    background.join();
    turns.end(priority::background);
}

TEST(a_cancelled_pass_of_the_background_does_not_wait) {
    omni::turns turns(read_ticks);
    turns.begin(priority::background, never);
    turns.begin(priority::interactive, never);
    int32_t       cancelled = 0;
    watched_waits waits;
    std::thread   background([&] {
        waits.watch();
        turns.wait_as_background(omni::cancel_flag(&cancelled));
    });
    wait_until([&] { return waits.n_sleep > 0; });
    omni::set_cancelled(cancelled);
    background.join();
}

TEST(the_next_interactive_pass_begins_when_the_background_has_had_its_share) {
    omni::turns turns(read_ticks);
    turns.begin(priority::background, never);
    turns.begin(priority::interactive, never);
    n_tick += 80;
    turns.end(priority::interactive);
    const beginning next(turns);
    next.wait_until_waiting();
    for (int i = 0; i < 10; i++) {
        next.wait_until_waiting(); // an eighth of 80 is not over
        n_tick++;
    }
    next.wait_until_begun();
}

TEST(a_share_begins_when_the_background_has_woken_up) {
    omni::turns turns(read_ticks);
    turns.begin(priority::background, never);
    turns.begin(priority::interactive, never);
    watched_waits waits;
    std::thread   background([&] {
        waits.watch();
        turns.wait_as_background(never);
    });
    wait_until([&] { return waits.n_sleep > 0; });
    waits.is_late = true;
    n_tick += 80;
    turns.end(priority::interactive);
    const beginning next(turns);
    n_tick += 1000;
    next.wait_until_waiting();
    waits.is_late = false;
    background.join();
    next.wait_until_waiting();
    n_tick += 10;
    next.wait_until_begun();
}

TEST(a_share_may_be_had_in_several_passes) {
    omni::turns turns(read_ticks);
    turns.begin(priority::background, never);
    turns.begin(priority::interactive, never);
    n_tick += 80;
    turns.end(priority::interactive);
    beginning next(turns);
    next.wait_until_waiting();
    next.set_late(true); // or it might begin between two passes
    for (int i = 0; i < 10; i++) {
        n_tick++;
        turns.end(priority::background);
        turns.begin(priority::background, never);
    }
    next.set_late(false);
    next.wait_until_begun(); // and not after another share
}

TEST(an_interactive_pass_begins_when_the_background_ends) {
    omni::turns turns(read_ticks);
    turns.begin(priority::background, never);
    turns.begin(priority::interactive, never);
    n_tick += 80;
    turns.end(priority::interactive);
    const beginning next(turns);
    next.wait_until_waiting();
    turns.end(priority::background);
    next.wait_until_begun();
}

TEST(a_cancelled_interactive_pass_does_not_wait_for_the_background) {
    omni::turns turns(read_ticks);
    turns.begin(priority::background, never);
    turns.begin(priority::interactive, never);
    n_tick += 80;
    turns.end(priority::interactive);
    int32_t         cancelled = 0;
    const beginning next(turns, omni::cancel_flag(&cancelled));
    next.wait_until_waiting();
    omni::set_cancelled(cancelled);
    next.wait_until_begun();
}

TEST(no_block_of_the_background_begins_during_an_interactive_pass) {
    for (const int n_thread : {1, 2, 3, 5}) {
        constexpr int     n_block = 60, n_held = 20; // from this one on, blocks of the background are held
        omni::turns       turns(read_ticks);
        omni::thread_pool pool(n_thread, turns);
        std::atomic<int>  n_background{0}, n_inside{0}, n_wrong{0};
        std::atomic<bool> is_free{false}, is_interactive{false};
        std::thread       background([&] {
            turns.begin(priority::background, never);
            pool.run(priority::background, n_block, never, [&](int, int32_t block) {
                n_wrong += is_interactive;
                n_background++;
                if (block >= n_held) {
                    n_inside++;
                    wait_until([&] { return is_free.load(); });
                    n_inside--;
                }
            });
            turns.end(priority::background);
        });
        wait_until([&] { return n_inside == n_thread; }); // all threads are in a block, with no place for another
        turns.begin(priority::interactive, never);
        is_interactive = true;
        is_free = true;
        wait_until([&] { return n_inside == 0; }); // and all of them free
        std::atomic<int> n_interactive{0};
        for (int i = 0; i < 50; i++) {
            pool.run(priority::interactive, 20, never, [&](int, int32_t) { n_interactive++; });
        }
        demand(n_interactive == 50 * 20 && n_background == n_held + n_thread, "only the blocks that were begun before");
        is_interactive = false;
        turns.end(priority::interactive);
        pool.resume_background();
        background.join();
        demand(n_background == n_block && n_wrong == 0, "the others come after it");
    }
}

TEST(the_background_gets_a_tenth_of_the_blocks_beside_endless_interactive_passes) {
    for (const int n_thread : {1, 2, 4}) {
        for (const int n_piece_block : {1, 7, 40}) { // blocks of a piece of the background's work
            omni::turns       turns(read_ticks);
            omni::thread_pool pool(n_thread, turns);
            std::atomic<int>  n_background{0}, n_interactive{0};
            std::atomic<bool> has_begun{false}, is_over{false};
            const auto        count = [](std::atomic<int> & n) {
                n++;
                n_tick++;
            };
            std::thread background([&] {
                turns.begin(priority::background, never);
                has_begun = true;
                while (!is_over) {
                    pool.run(priority::background, n_piece_block, never, [&](int, int32_t) { count(n_background); });
                }
                turns.end(priority::background);
            });
            wait_until([&] { return has_begun.load(); });
            for (int pass = 0; pass < 50; pass++) { // none but the share of the background lies between two of them
                turns.begin(priority::interactive, never);
                if (pass == 0) {
                    n_background = 0;
                }
                for (int i = 0; i < 4; i++) {
                    pool.run(priority::interactive, 18, never, [&](int, int32_t) { count(n_interactive); });
                }
                turns.end(priority::interactive);
                pool.resume_background();
            }
            turns.begin(priority::interactive, never);
            const int n_had = n_background;
            turns.end(priority::interactive);
            pool.resume_background();
            is_over = true;
            background.join();
            demand(10 * n_had >= n_had + n_interactive,
                   std::to_string(n_had) + " blocks beside " + std::to_string(n_interactive));
        }
    }
}

TEST(a_cancelled_piece_of_work_skips_its_blocks) {
    for (const int n_thread : {1, 3}) {
        for (const priority order : {priority::interactive, priority::background}) {
            omni::turns       turns(read_ticks);
            omni::thread_pool pool(n_thread, turns);
            int32_t           cancelled = 0;
            std::atomic<int>  n_run{0};
            if (order == priority::background) {
                turns.begin(priority::interactive, never); // which it need not wait for when it is cancelled
                omni::set_cancelled(cancelled);
            }
            pool.run(order, 1000, omni::cancel_flag(&cancelled), [&](int, int32_t block) {
                n_run++;
                if (block == 10) {
                    omni::set_cancelled(cancelled);
                }
            });
            demand(order == priority::background ? n_run == 0 : n_run < 1000, "blocks are skipped");
        }
    }
}
