// The C boundary from many threads at once, for ThreadSanitizer: one model and one context for several of them, contexts of
// their own, loads and frees, cancelled calls, the log. Results must be those of one thread, to the bit; with the operations of
// other backends, where packed calls may differ in the last bits, almost.
//
//   stress_boundary TEXT MMPROJ [SECONDS]
#include "boundary.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

namespace {

using clock_type = std::chrono::steady_clock;

// Empty where it was cancelled.
std::vector<float> vectors(const model & m, omni_context * context, int32_t priority, const volatile int32_t * cancel) {
    std::vector<float> out;
    omni_error         error = {};
    const omni_status  status = run(m, context, priority, cancel, out, error);
    demand(status == OMNI_OK || (cancel != nullptr && status == OMNI_CANCELLED), "it computes", error);
    return status == OMNI_OK ? out : std::vector<float>();
}

bool are_near(const std::vector<float> & a, const std::vector<float> & b) {
    float difference = 0.0f, size = 0.0f;
    for (size_t i = 0; i < a.size() && a.size() == b.size(); i++) {
        difference = std::max(difference, std::fabs(a[i] - b[i]));
        size = std::max(size, std::fabs(a[i]));
    }
    return a.size() == b.size() && difference <= 0.01f * size;
}

} // namespace

int main(int argc, char ** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: stress_boundary TEXT MMPROJ [SECONDS]\n");
        return 2;
    }
    const auto               end = clock_type::now() + std::chrono::seconds(argc > 3 ? std::atoi(argv[3]) : 10);
    const model              shared(argv[1], argv[2]);
    omni_context *           shared_context = new_context(3);
    const std::vector<float> expected = vectors(shared, shared_context, OMNI_INTERACTIVE, nullptr);

    std::atomic<size_t>      n_run{0};
    std::vector<std::thread> threads;
    const auto               repeat = [&](std::function<void()> work) {
        threads.emplace_back([&, work = std::move(work)] {
            while (clock_type::now() < end) {
                work();
                n_run++;
            }
        });
    };
    const auto same = [&](const std::vector<float> & found) { demand(found == expected, "the bits of one thread"); };
    for (int i = 0; i < 4; i++) { // so that calls of each priority wait for each other
        repeat([&, i] { same(vectors(shared, shared_context, i % 2, nullptr)); });
    }
    omni_context *           portable = new_context(2, true);
    const std::vector<float> expected_portable = vectors(shared, portable, OMNI_INTERACTIVE, nullptr);
    for (int i = 0; i < 4; i++) {
        repeat([&, i] {
            demand(are_near(vectors(shared, portable, i % 2, nullptr), expected_portable), "the vectors of one thread");
        });
    }
    for (int32_t n_threads = 1; n_threads < 4; n_threads++) {
        repeat([&, n_threads] {
            omni_context * context = new_context(n_threads);
            same(vectors(shared, context, OMNI_BACKGROUND, nullptr));
            omni_context_free(context);
        });
    }
    repeat([&] {
        const model own(argv[1], argv[2]);
        same(vectors(own, shared_context, OMNI_INTERACTIVE, nullptr));
    });
    for (omni_context * context : {shared_context, shared_context, portable}) { // two, so that a pack may lose all callers
        repeat([&, context] {
            int32_t     cancel = 0; // set by one thread, once, and polled by those that compute
            std::thread other([&] {
                std::this_thread::sleep_for(std::chrono::microseconds(n_run * 37 % 20000));
                __atomic_store_n(&cancel, 1, __ATOMIC_RELAXED);
            });
            const auto  found = vectors(shared, context, (int32_t) (n_run % 2), &cancel);
            demand(found.empty() || found == expected || (context == portable && are_near(found, expected_portable)),
                   "the bits of one thread, or nothing");
            other.join();
        });
    }
    repeat([&] {
        int32_t level;
        char    text[100];
        while (omni_log_next(&level, text, sizeof(text))) {
        }
        omni_device_info info;
        omni_device_get(0, &info, nullptr);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    for (std::thread & thread : threads) {
        thread.join();
    }
    omni_context_free(shared_context);
    omni_context_free(portable);
    std::printf("%zu calls\n", n_run.load());
}
