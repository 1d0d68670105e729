// The C boundary from many threads at once, for ThreadSanitizer: one model and one context for several of them, contexts of
// their own, loads and frees, cancelled calls, the log. Results must be those of one thread, to the bit.
//
//   stress_boundary TEXT MMPROJ [SECONDS]
#include "jina_omni.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

void demand(bool condition, const char * text, const omni_error & error = {}) {
    if (!condition) {
        std::fprintf(stderr, "wrong: %s %s\n", text, error.text);
        std::abort();
    }
}

struct model {
    omni_text *         text      = nullptr;
    omni_projector *    projector = nullptr;
    omni_text_info      text_info;
    omni_projector_info projector_info;

    model(const char * text_path, const char * projector_path) {
        omni_error error = {};
        demand(omni_text_load(text_path, 0, &text, &error) == OMNI_OK, "text loads", error);
        demand(omni_projector_load(projector_path, 0, &projector, &error) == OMNI_OK, "mmproj loads", error);
        omni_text_get_info(text, &text_info);
        omni_projector_get_info(projector, &projector_info);
    }
    ~model() {
        omni_text_free(text);
        omni_projector_free(projector);
    }
};

omni_context * new_context(int32_t n_threads) {
    omni_context * context = nullptr;
    omni_error error = {};
    demand(omni_context_init(0, n_threads, 0, 0, 0, &context, &error) == OMNI_OK, "a context starts", error);
    return context;
}

// Everything that a caller asks of a model, empty where it was cancelled.
std::vector<float> run(const model & m, omni_context * context, const volatile int32_t * cancel) {
    omni_error error = {};
    std::vector<int32_t> ids(64);
    size_t n_ids = 0;
    const char words[] = "Some words, and <|im_end|> 3.14";
    demand(omni_text_tokenize(m.text, words, sizeof(words) - 1, ids.data(), ids.size(), &n_ids, &error) == OMNI_OK, "tokens", error);
    ids.resize(n_ids);
    const int32_t n_first = (int32_t) n_ids / 2;
    const int32_t lengths[] = {n_first, (int32_t) n_ids - n_first};
    std::vector<float> out(2 * m.text_info.n_embd);
    const auto done = [&](omni_status status) {
        demand(status == OMNI_OK || (cancel != nullptr && status == OMNI_CANCELLED), "it computes", error);
        return status == OMNI_OK;
    };
    if (!done(omni_encode_sequences(context, m.text, ids.data(), lengths, 2, nullptr, 0, out.data(), cancel, &error))) {
        return {};
    }
    const int32_t merge = m.projector_info.merge_size, patch = m.projector_info.patch_size;
    const int32_t grids[] = {1, 2 * merge, merge, 1, merge, merge};
    const std::vector<float> patches((size_t) 3 * merge * merge * 6 * patch * patch, 0.5f);
    std::vector<float> rows((size_t) 3 * m.projector_info.n_embd_out);
    if (!done(omni_encode_patches(context, m.projector, patches.data(), grids, 2, rows.data(), cancel, &error))) {
        return {};
    }
    out.insert(out.end(), rows.begin(), rows.end());
    const int32_t n_frames[] = {20, 3};
    const std::vector<float> frames((size_t) 23 * m.projector_info.n_mel, 0.25f);
    rows.resize((size_t) (omni_mel_rows(20) + omni_mel_rows(3)) * m.projector_info.n_embd_out);
    if (!done(omni_encode_mel(context, m.projector, frames.data(), n_frames, 2, rows.data(), cancel, &error))) {
        return {};
    }
    out.insert(out.end(), rows.begin(), rows.end());
    return out;
}

} // namespace

int main(int argc, char ** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: stress_boundary TEXT MMPROJ [SECONDS]\n");
        return 2;
    }
    const auto end = clock_type::now() + std::chrono::seconds(argc > 3 ? std::atoi(argv[3]) : 10);
    const model shared(argv[1], argv[2]);
    omni_context * shared_context = new_context(3);
    const std::vector<float> expected = run(shared, shared_context, nullptr);

    std::atomic<size_t> n_run{0};
    std::vector<std::thread> threads;
    const auto repeat = [&](std::function<void()> work) {
        threads.emplace_back([&, work = std::move(work)] {
            while (clock_type::now() < end) {
                work();
                n_run++;
            }
        });
    };
    const auto same = [&](const std::vector<float> & found) { demand(found == expected, "the bits of one thread"); };
    for (int i = 0; i < 2; i++) {
        repeat([&] { same(run(shared, shared_context, nullptr)); });
    }
    for (int32_t n_threads = 1; n_threads < 4; n_threads++) {
        repeat([&, n_threads] {
            omni_context * context = new_context(n_threads);
            same(run(shared, context, nullptr));
            omni_context_free(context);
        });
    }
    repeat([&] {
        const model own(argv[1], argv[2]);
        same(run(own, shared_context, nullptr));
    });
    repeat([&] {
        int32_t cancel = 0; // set by one thread, once, and polled by those that compute
        std::thread other([&] {
            std::this_thread::sleep_for(std::chrono::microseconds(n_run * 37 % 20000));
            __atomic_store_n(&cancel, 1, __ATOMIC_RELAXED);
        });
        const auto found = run(shared, shared_context, &cancel);
        demand(found.empty() || found == expected, "the bits of one thread, or nothing");
        other.join();
    });
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
    std::printf("%zu calls\n", n_run.load());
}
