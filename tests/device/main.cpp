// Towers on an accelerator for tests.
//
//   device_test compare TEXT VISION AUDIO   inputs together there, and each alone by ggml on the CPU
//   device_test fail TEXT VISION AUDIO      each allocation and each graph of the accelerator fails once, and what is too large
//   device_test keep TEXT OTHER VISION AUDIO
//                                           what is kept of graphs, and what is computed with it; OTHER is a text file of the
//                                           same shape with other weights
//   device_test memory TEXT VISION AUDIO    what does not fit its memory together, or alone
//   device_test cancel TEXT VISION AUDIO    calls that are cancelled in each piece of their graphs
//   device_test look-up TEXT VISION AUDIO   where token embeddings are looked up
//   device_test errors                      what exceptions of drivers become
//   device_test count TEXT VISION AUDIO INPUTS...
//                                           the kernels and the compute memory of inputs, such as texts:512*8, sounds:310..380*8
//                                           (mel frames) or images:32x32,38x28 (patches)
#include "../scheduler/devices.h"
#include "accelerator.h"
#include "error.h"
#include "inputs.h"
#include "passes.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <vector>

namespace {

void demand(bool condition, const std::string & text) {
    if (!condition) {
        std::printf("wrong: %s\n", text.c_str());
        std::exit(1);
    }
}

struct work {
    const omni::tower * tower;
    inputs              all;
    size_t              n_shape; // numbers that describe one input
    int64_t             n_token; // of the text tower, otherwise 0
};

std::vector<work> make_work(const towers & t, const std::vector<std::vector<int32_t>> & lengths) {
    std::vector<work> all;
    for (const auto & of : lengths) {
        all.push_back({t.text.get(), texts(*t.text, "texts", of), 1, 1});
    }
    all.push_back({t.vision.get(), images(*t.vision, "images of one size", {3, 8, 12, 1, 8, 12}), 3, 0});
    all.push_back({t.vision.get(), images(*t.vision, "images", {1, 8, 12, 2, 20, 16, 1, 4, 4, 1, 40, 30}), 3, 0});
    all.push_back({t.audio.get(), sounds(*t.audio, "sounds", {300, 3, 77, 450}), 1, 0});
    return all;
}

// The inputs one by one.
std::vector<float> compute_each(const work & w, omni::compute_device & device) {
    std::vector<float> out;
    int64_t            n_done = 0;
    for (size_t i = 0; i < w.all.shapes.size(); i += w.n_shape) {
        inputs one = {w.all.name, {}, {w.all.shapes.begin() + i, w.all.shapes.begin() + i + w.n_shape}, {}};
        if (w.n_token > 0) {
            one.tokens.assign(w.all.tokens.begin() + n_done, w.all.tokens.begin() + n_done + one.shapes[0]);
            n_done += one.shapes[0];
        } else {
            const int64_t n_value = (int64_t) w.all.values.size() / w.tower->n_position(w.all.view()) *
                                    w.tower->n_position(one.view());
            one.values.assign(w.all.values.begin() + n_done, w.all.values.begin() + n_done + n_value);
            n_done += n_value;
        }
        const std::vector<float> found = compute(*w.tower, device, one);
        out.insert(out.end(), found.begin(), found.end());
    }
    return out;
}

double difference(const std::vector<float> & a, const std::vector<float> & b) {
    demand(a.size() == b.size(), "results of one size");
    double sum = 0.0, square = 0.0;
    for (size_t i = 0; i < a.size(); i++) {
        sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
        square += (double) a[i] * a[i];
    }
    return std::sqrt(sum / square);
}

int compare(char ** files) {
    const std::vector<std::vector<int32_t>> lengths = {
        {12},   {7, 7, 7}, {1, 40, 3, 40, 9, 200}, {256, 255, 257, 512, 511, 1, 1024, 700}, {1025, 30, 1025, 1500, 2},
        {2049}, {2600, 5},
    };
    test_accelerator   accelerator;
    ggml_backend_dev_t cpu = ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0);
    test_device        there(1, true, accelerator.get()), here(1, true, cpu); // the same order of sums where one query sees all
    const towers       of_there(accelerator.get(), files[0], files[1], files[2]), of_here(cpu, files[0], files[1], files[2]);
    const auto         add_large = [&](const towers & t) {
        auto all = make_work(t, lengths);
        all.push_back({t.vision.get(), images(*t.vision, "large images", {1, 32, 32, 1, 34, 36, 1, 30, 36}), 3, 0});
        return all;
    };
    accelerator.be_vulkan();
    test_device as_vulkan(1, true, accelerator.get()); // whose attention to many keys is by products
    const auto  work_there = add_large(of_there), work_here = add_large(of_here);
    for (size_t i = 0; i < work_there.size(); i++) {
        const auto   expected = compute_each(work_here[i], here);
        const auto & w = work_there[i];
        std::printf("%s %.2e %.2e\n", w.all.name.c_str(), difference(expected, compute(*w.tower, there, w.all)),
                    difference(expected, compute(*w.tower, as_vulkan, w.all)));
    }
    return 0;
}

// Returns the text of the error that body throws.
template <typename F> std::string catch_error(F && body) {
    try {
        body();
    } catch (const omni::error & e) {
        return e.what();
    }
    return "no error";
}

void demand_text(const std::string & text, const std::string & part) {
    demand(text.find(part) != std::string::npos, "'" + text + "' has '" + part + "'");
}

// Calls body with each number of successes, until nothing fails. Returns how often something did.
template <typename F> int64_t fail_at_each(int64_t & n_left, F && body) {
    for (int64_t n = 0;; n++) {
        n_left = n;
        try {
            body();
        } catch (const std::bad_alloc &) {
        } catch (const omni::error &) {
        }
        const bool failed = n_left < 0;
        n_left = -1;
        if (!failed) {
            return n;
        }
    }
}

int fail(char ** files) {
    test_accelerator accelerator;
    const auto       run = [](const towers & t, omni::compute_device & device) {
        std::vector<float> out;
        for (const work & w : make_work(t, {{5}, {3, 40, 300}})) {
            const auto found = compute(*w.tower, device, w.all);
            out.insert(out.end(), found.begin(), found.end());
        }
        return out;
    };
    const auto expected = [&] {
        test_device device(2, true, accelerator.get());
        return run(towers(accelerator.get(), files[0], files[1], files[2]), device);
    }();
    const int64_t n_load = fail_at_each(accelerator.n_allocation, [&] {
        try {
            const towers t(accelerator.get(), files[0], files[1], files[2]);
        } catch (const omni::error & e) {
            demand_text(e.what(), " MiB on the device test:0, of which ");
            throw;
        }
    });
    accelerator.n_byte_max = 1 << 16;
    demand_text(catch_error([&] { towers(accelerator.get(), files[0], files[1], files[2]); }),
                "which has buffers of 1 MiB at most");
    accelerator.n_byte_max = SIZE_MAX;
    accelerator.lacks = [](const ggml_tensor * operation) { return operation->op == GGML_OP_FLASH_ATTN_EXT; };
    demand_text(catch_error([&] { towers(accelerator.get(), files[0], files[1], files[2]); }),
                ", for which the device test:0 has no attention; use");
    accelerator.lacks = [](const ggml_tensor * operation) {
        return operation->op == GGML_OP_MUL_MAT && operation->src[0]->type == GGML_TYPE_F16;
    };
    demand_text(catch_error([&] { towers(accelerator.get(), files[0], files[1], files[2]); }),
                "is of type f16, which the device test:0 does not multiply; use");
    accelerator.lacks = nullptr;
    test_device   device(2, true, accelerator.get());
    const towers  t(accelerator.get(), files[0], files[1], files[2]);
    const int64_t n_graph = fail_at_each(accelerator.n_graph, [&] { run(t, device); });
    demand(run(t, device) == expected, "the same bits after graphs that failed");
    demand_text(catch_error([&] { compute(*t.text, device, texts(*t.text, "long", {65'536})); }),
                "has 65536 tokens, more than the 65535 that the device test:0 computes at once; split it");
    demand_text(catch_error([&] { compute(*t.audio, device, sounds(*t.audio, "long", {65'535})); }),
                "has 65535 mel frames, more than the 65534 that");
    const int64_t n_compute = fail_at_each(accelerator.n_allocation, [&] {
        test_device fresh(2, true, accelerator.get());
        try {
            demand(difference(expected, run(t, fresh)) < 3e-3, "the same results in smaller passes");
        } catch (...) {
            accelerator.n_allocation = -1;
            demand(run(t, fresh) == expected, "the same bits after memory that was short");
            accelerator.n_allocation = -2;
            throw;
        }
    });
    std::printf("%lld %lld %lld\n", (long long) n_load, (long long) n_compute, (long long) n_graph);
    return 0;
}

using omni::kept_graphs;

// The embedding of a text on a device that keeps nothing yet.
std::vector<float> compute_fresh(test_accelerator & accelerator, const omni::tower & tower, const inputs & of) {
    test_device device(2, true, accelerator.get());
    return compute(tower, device, of);
}

kept_graphs & kept_by(omni::compute_device & device) { return device.lane(omni::priority::interactive).kept(); }

// Texts of nearby lengths, from the third on, are each one launch of what was recorded.
void replay_queries(test_accelerator & accelerator, const omni::text_tower & tower) {
    test_device device(2, true, accelerator.get());
    const auto  query = [&](int32_t length) { return texts(tower, "query", {length}); };
    for (int32_t length = 9; length <= 16; length++) {
        const int64_t n_submit = accelerator.n_submit, n_replay = accelerator.n_replay;
        demand(compute(tower, device, query(length)) == compute_fresh(accelerator, tower, query(length)), "the same bits");
        demand(kept_by(device).n_taken() == std::max(0, length - 10), "two passes of a shape, and a graph for those after");
        demand(accelerator.n_submit == n_submit + 2 && accelerator.n_replay == n_replay + (length > 10 ? 1 : 0),
               "one launch, and one by the device that keeps nothing");
    }
    demand(kept_by(device).n_graph() == 1, "one graph for all lengths");
    demand(kept_by(device).n_byte() > 0, "with memory");
    compute(tower, device, texts(tower, "texts", {3, 9, 4}));
    compute(tower, device, texts(tower, "texts", {5, 5, 1, 5}));
    compute(tower, device, texts(tower, "texts", {1, 1, 12}));
    demand(kept_by(device).n_graph() == 2 && kept_by(device).n_taken() == 7, "one graph for three texts and for four");
}

// Padding doesn't show: a text that is padded alone has the embedding that it has beside one that is too long for that.
void compare_padded(test_accelerator & accelerator, const omni::text_tower & tower) {
    for (const int32_t length : {1, 7, 8, 9, 33, 200, 511, 512}) {
        inputs both = texts(tower, "texts", {length, 513}), one = both;
        one.shapes.pop_back();
        one.tokens.resize(length);
        std::vector<float> beside = compute_fresh(accelerator, tower, both);
        beside.resize(tower.hparams().n_embd);
        std::printf("padded %d %.2e\n", length, difference(beside, compute_fresh(accelerator, tower, one)));
    }
}

// The most that is kept, of images and sounds of many shapes.
void bound(test_accelerator & accelerator, const towers & t) {
    test_device device(2, true, accelerator.get());
    const auto  add = [&](const omni::tower & tower, const inputs & of) {
        const auto first = compute(tower, device, of);
        demand(compute(tower, device, of) == first && compute(tower, device, of) == first, "the same bits each time");
    };
    for (int32_t i = 0; i < (int32_t) kept_graphs::n_graph_max; i++) {
        add(*t.vision, images(*t.vision, "image", {1, 2, 2 + 2 * i}));
    }
    demand(kept_by(device).n_graph() == kept_graphs::n_graph_max, "a graph for each size");
    const int64_t n_taken = kept_by(device).n_taken();
    add(*t.audio, sounds(*t.audio, "sound", {123}));
    demand(kept_by(device).n_graph() == kept_graphs::n_graph_max, "no more than that");
    compute(*t.vision, device, images(*t.vision, "image", {1, 2, 4}));
    demand(kept_by(device).n_taken() == n_taken + 2, "the second oldest has stayed");
    compute(*t.vision, device, images(*t.vision, "image", {1, 2, 2}));
    demand(kept_by(device).n_taken() == n_taken + 2, "the oldest has gone");
    const auto large = images(*t.vision, "large", {1, 40, 40});
    add(*t.vision, large);
    add(*t.vision, large);
    demand(kept_by(device).n_taken() == n_taken + 2, "what takes long is not kept");

    kept_graphs      few;
    const auto       tower = std::make_shared<const char>();
    constexpr auto   half = kept_graphs::n_byte_max / 2;
    constexpr size_t n = 3;
    for (int32_t i = 0; i < (int32_t) n; i++) {
        few.keep({tower, {i}}, std::make_unique<omni::kept_graph>(), half);
    }
    few.keep({tower, {4}}, std::make_unique<omni::kept_graph>(), kept_graphs::n_byte_max + 1);
    demand(few.n_graph() == n - 1 && few.n_byte() == 2 * half, "no more memory than the most");
    demand(few.take({tower, {0}}) == nullptr && few.take({tower, {1}}) != nullptr, "of which the last used stay");
}

// What is kept of a tower goes with it, also where another takes its place in memory.
void close(test_accelerator & accelerator, char ** files) {
    test_device        device(2, true, accelerator.get());
    std::vector<float> found[2];
    for (int i = 0; i < 2; i++) {
        const towers t(accelerator.get(), files[i], files[2], files[3]);
        const inputs query = texts(*t.text, "query", {12});
        for (int k = 0; k < 3; k++) {
            found[i] = compute(*t.text, device, query);
        }
        demand(found[i] == compute_fresh(accelerator, *t.text, query), "the weights of this file");
        demand(kept_by(device).n_graph() == 1, "none of a tower that is closed");
    }
    demand(found[0] != found[1], "two files");
}

// A pass that fails loses its graph, and others make room for what would not fit.
void lose(test_accelerator & accelerator, const omni::text_tower & tower) {
    test_device device(2, true, accelerator.get());
    const auto  query = texts(tower, "query", {12}), longer = texts(tower, "longer", {600});
    const auto  expected = compute(tower, device, query);
    compute(tower, device, query);
    accelerator.n_graph = 0;
    demand_text(catch_error([&] { compute(tower, device, query); }), "failed");
    accelerator.n_graph = -1;
    demand(kept_by(device).n_graph() == 0, "none after a failure");
    demand(compute(tower, device, query) == expected && kept_by(device).n_graph() == 1, "the same bits with a new one");
    int32_t            is_cancelled = 1;
    std::vector<float> out(expected.size());
    try {
        tower.encode(device.lane(omni::priority::interactive), query.view(), out.data(), omni::cancel_flag(&is_cancelled));
        demand(false, "a pass that is cancelled");
    } catch (const omni::error & e) {
        demand(e.status() == OMNI_CANCELLED, e.what());
    }
    demand(compute(tower, device, query) == expected && kept_by(device).n_graph() == 1, "the same bits after a cancel");
    accelerator.n_allocation = 0;
    const auto found = compute(tower, device, longer);
    demand(accelerator.n_allocation == -1 && kept_by(device).n_graph() == 0, "room for what is longer");
    demand(found == compute_fresh(accelerator, tower, longer), "the same bits");
    const auto second = texts(tower, "second", {40});
    compute(tower, device, second);
    accelerator.n_allocation = 0;
    const auto in_lane = compute(tower, device, second);
    demand(accelerator.n_allocation == -1 && in_lane == compute_fresh(accelerator, tower, second), "in memory of the lane");
    demand(kept_by(device).n_graph() == 0, "nothing is kept for which there is no room");
}

int keep(char ** files) {
    test_accelerator accelerator;
    const towers     t(accelerator.get(), files[0], files[2], files[3]);
    replay_queries(accelerator, *t.text);
    compare_padded(accelerator, *t.text);
    bound(accelerator, t);
    close(accelerator, files);
    lose(accelerator, *t.text);
    return 0;
}

// The test accelerator adds up the values of an attention in float16, in an order that depends on what lies in a bin together. A
// sum of 60 values is off by the square root of that times half of 2^-11, and three layers of both sides add up to this. A mask
// that shows one of 60 keys too many is off by 1.6e-2.
constexpr double n_rounding_max = 5e-3;

// Inputs in just as much memory as they take together, in a little less, and in next to none.
int memory(char ** files) {
    test_accelerator accelerator;
    const towers     t(accelerator.get(), files[0], files[1], files[2]);
    const size_t     n_weights = accelerator.n_byte_live;
    for (const work & w : make_work(t, {std::vector<int32_t>(10, 60), {300, 3, 40, 1, 9, 120, 77}, {70}})) {
        int64_t    n_pass = 0;
        size_t     n_used = 0;
        const auto run = [&](size_t n_usable) {
            test_device device(2, true, accelerator.get());
            n_pass = 0;
            n_used = 0;
            accelerator.n_memory = n_weights + (n_usable + ((size_t) 64 << 20)) * 4 / 3 + 4; // see usable_memory
            return compute(*w.tower, device, w.all);
        };
        accelerator.before_graph = [&] {
            n_pass++;
            n_used = std::max(n_used, accelerator.n_byte_live - n_weights);
        };
        const std::vector<float> expected = run((size_t) 1 << 30);
        const size_t             n_together = n_used;
        demand(n_pass == 1, "all fits in one pass");
        if (w.all.shapes.size() > w.n_shape) {
            demand(difference(expected, run(n_together - 64)) < n_rounding_max, "the same results in smaller passes");
            demand(n_pass > 1 && n_used < n_together, "several passes, which take less");
        }
        const std::string refused = catch_error([&] { run(64); });
        demand(refused.rfind("takes ", 0) == 0, "the rest of a sentence about the input: " + refused);
        demand_text(refused, " MiB to compute on the device test:0, of which 85 MiB are free and 0 MiB may be used; use");
        demand(n_pass == 0, "nothing is computed of what does not fit");
        demand(run(n_together) == expected && n_pass == 1, "the same bits in as much memory as one pass takes");
        test_device        both(2, true, accelerator.get());
        std::vector<float> found(expected.size());
        omni::encode_in_passes(*w.tower, both.lane(omni::priority::background), w.all.view(), found.data(),
                               omni::cancel_flag(nullptr));
        n_used = 0;
        demand(compute(*w.tower, both, w.all) == expected && n_used == n_together, "and with that of a lane that is idle");
        std::printf("%s %zu\n", w.all.name.c_str(), n_together);
    }
    accelerator.n_memory = SIZE_MAX;
    accelerator.is_hollow = true;
    test_device       device(2, true, accelerator.get());
    const std::string found = catch_error([&] { compute(*t.text, device, texts(*t.text, "long", {32'768, 32'768})); });
    demand(found == "no error", "texts of over 65,535 tokens together are computed in smaller passes: " + found);
    return 0;
}

// Each piece of each pass is the last one once: nothing is computed after the piece in which the call was cancelled.
int cancel(char ** files) {
    test_accelerator accelerator;
    const towers     t(accelerator.get(), files[0], files[1], files[2]);
    test_device      device(2, true, accelerator.get());
    for (const work & w : make_work(t, {{5, 12}})) {
        int32_t cancelled = 0;
        int64_t n_piece = 0, n_last = INT64_MAX;
        accelerator.before_graph = [&] {
            while (device.rate.n_operation() > 1) {
                device.rate.add(device.rate.n_operation(), std::chrono::hours(1)); // so that a piece is one operation
            }
            if (++n_piece == n_last) {
                omni::set_cancelled(cancelled);
            }
        };
        compute(*w.tower, device, w.all); // its first piece is a large one
        n_piece = 0;
        const auto    expected = compute(*w.tower, device, w.all, &cancelled);
        const int64_t n_all = n_piece;
        accelerator.is_hollow = true; // what is cancelled needs no values
        for (n_last = 1; n_last <= n_all; n_last++) {
            n_piece = 0;
            cancelled = 0;
            demand_text(catch_error([&] { compute(*w.tower, device, w.all, &cancelled); }), "was cancelled");
            demand(n_piece == n_last, "no piece after the one in which the call was cancelled");
        }
        accelerator.is_hollow = false;
        n_last = INT64_MAX;
        cancelled = 0;
        demand(compute(*w.tower, device, w.all, &cancelled) == expected, "the same bits after a call that was cancelled");
        std::printf("%s %lld\n", w.all.name.c_str(), (long long) n_all);
    }
    return 0;
}

// The same bits by a table on the device and by that of the file, which serves where the device can't, or has no buffer as large.
int look_up(char ** files) {
    test_accelerator accelerator;
    const auto       load = [&] {
        accelerator.n_byte = 0;
        return std::make_unique<towers>(accelerator.get(), files[0], files[1], files[2]);
    };
    const auto    there = load();
    const int64_t n_byte_there = accelerator.n_byte;
    const int64_t n_row = there->text->n_vocab(), n_embd = there->text->hparams().n_embd;
    accelerator.lacks = [](const ggml_tensor * operation) { return operation->op == GGML_OP_GET_ROWS; };
    const auto    here = load();
    const int64_t n_byte_table = n_byte_there - accelerator.n_byte;
    accelerator.lacks = nullptr;
    demand(n_byte_table >= (int64_t) sizeof(ggml_fp16_t) * n_row * n_embd, "memory for a table of F16");
    demand(there->text->n_bytes() == here->text->n_bytes() && there->text->n_params() == here->text->n_params(),
           "a table counts once");

    inputs fused = texts(*there->text, "fused", {20, 5});
    fused.tokens[3] = fused.tokens[4] = fused.tokens[22] = -1;
    fused.values.assign(3 * n_embd, 0.25f);
    const inputs all[] = {texts(*there->text, "short", {12}), texts(*there->text, "long", {700, 3}), fused};
    test_device  one(2, true, accelerator.get());
    for (const inputs & of : all) {
        const auto expected = compute_fresh(accelerator, *here->text, of);
        for (int i = 0; i < 3; i++) {
            demand(compute(*there->text, one, of) == expected, "the same bits: " + of.name);
        }
    }
    inputs text = fused; // of the same shape without media
    text.tokens = texts(*there->text, "text", {20, 5}).tokens;
    text.values.clear();
    demand(compute(*there->text, one, text) == compute_fresh(accelerator, *here->text, text), "text after media");
    demand(omni::can_look_up_rows(accelerator.get(), GGML_TYPE_F16, 1024, 151'936), "a table of 297 MiB");
    accelerator.n_byte_max = (size_t) 256 << 20;
    demand(!omni::can_look_up_rows(accelerator.get(), GGML_TYPE_F16, 1024, 151'936), "larger than a buffer");
    accelerator.be_vulkan();
    demand(!omni::can_look_up_rows(accelerator.get(), GGML_TYPE_Q8_0, 1024, 151'936), "151 MiB, which Vulkan need not see");
    demand(omni::can_look_up_rows(accelerator.get(), GGML_TYPE_Q6_K, 1024, 151'936), "122 MiB");
    accelerator.n_memory = accelerator.n_byte_live + there->text->n_bytes() / 4 * 5;
    accelerator.n_byte = 0;
    const auto file = std::make_shared<const omni::gguf_file>(files[0], omni::file_access::map);
    omni::text_tower(file, omni::read_text_architecture(*file), (int32_t) n_row, accelerator.get());
    demand(accelerator.n_byte < there->text->n_bytes(), "no table where there is too little memory for it");
    std::printf("%lld\n", (long long) n_byte_table);
    return 0;
}

struct vulkan_category : std::error_category {
    const char * name() const noexcept override { return "vk::Result"; }
    std::string  message(int) const override { return "a driver's words"; }
};

int errors() {
    const vulkan_category vulkan;
    const auto            demand_status = [](const std::error_code & code, omni_status status, const char * part) {
        omni_error found = {};
        try {
            throw std::system_error(code, "submit");
        } catch (...) {
            demand(omni::describe_current_exception(&found) == status, found.text);
        }
        demand_text(found.text, part);
    };
    demand_status({-1, vulkan}, OMNI_OUT_OF_MEMORY, "use smaller inputs");
    demand_status({-2, vulkan}, OMNI_OUT_OF_MEMORY, "use smaller inputs");
    demand_status({-4, vulkan}, OMNI_FAILED, "the device failed: submit: a driver's words; open the model again");
    demand_status(std::make_error_code(std::errc::resource_unavailable_try_again), OMNI_FAILED, "refused a thread");
    return 0;
}

int names() {
    const std::pair<const char *, const char *> pairs[] = {
        {"CPU", "cpu"}, {"CUDA0", "cuda:0"}, {"CUDA12", "cuda:12"}, {"Metal", "metal"}, {"Vulkan1", "vulkan:1"}};
    for (const auto & [ggml, user] : pairs) {
        demand(omni::to_user_name(ggml) == user, std::string("the name of ") + ggml);
    }
    return 0;
}

// "8..64*256": 256 lengths, evenly from 8 to 64.
std::vector<int32_t> parse_lengths(const char * text) {
    const int32_t        least = std::atoi(text);
    const char *         dots = std::strstr(text, "..");
    const char *         times = std::strchr(text, '*');
    const int32_t        most = dots != nullptr ? std::atoi(dots + 2) : least, n = times != nullptr ? std::atoi(times + 1) : 1;
    std::vector<int32_t> lengths(n);
    for (int32_t i = 0; i < n; i++) {
        lengths[i] = least + (n > 1 ? (most - least) * i / (n - 1) : 0);
    }
    return lengths;
}

// "32x32,38x28": two grids.
std::vector<int32_t> parse_grids(const char * text) {
    std::vector<int32_t> grids;
    for (const char * next = text; next != nullptr; next = std::strchr(next, ',')) {
        next += *next == ',' ? 1 : 0;
        grids.insert(grids.end(), {1, std::atoi(next), std::atoi(std::strchr(next, 'x') + 1)});
    }
    return grids;
}

// The inputs of a kind, and the tower that they are for: "texts:12".
work parse_work(const towers & t, const std::string & text) {
    const size_t      colon = text.find(':');
    const std::string kind = text.substr(0, colon);
    const char *      shapes = text.c_str() + colon + 1;
    if (kind == "images") {
        return {t.vision.get(), images(*t.vision, text, parse_grids(shapes)), 3, 0};
    }
    if (kind == "sounds") {
        return {t.audio.get(), sounds(*t.audio, text, parse_lengths(shapes)), 1, 0};
    }
    return {t.text.get(), texts(*t.text, text, parse_lengths(shapes)), 1, 1};
}

int count(char ** files, char ** inputs) {
    test_accelerator accelerator;
    accelerator.is_hollow = true;
    const towers t(accelerator.get(), files[0], files[1], files[2]);
    for (; *inputs != nullptr; inputs++) {
        const work  w = parse_work(t, *inputs);
        test_device device(2, true, accelerator.get()); // without memory of the inputs before
        accelerator.n_kernel = accelerator.n_byte = 0;
        compute(*w.tower, device, w.all);
        std::printf("%s %lld %lld\n", *inputs, (long long) accelerator.n_kernel, (long long) accelerator.n_byte);
    }
    return 0;
}

} // namespace

int main(int argc, char ** argv) {
    const std::string command = argc > 1 ? argv[1] : "";
    if (command == "compare" && argc == 5) {
        return compare(argv + 2);
    }
    if (command == "fail" && argc == 5) {
        return fail(argv + 2);
    }
    if (command == "keep" && argc == 6) {
        return keep(argv + 2);
    }
    if (command == "memory" && argc == 5) {
        return memory(argv + 2);
    }
    if (command == "cancel" && argc == 5) {
        return cancel(argv + 2);
    }
    if (command == "look-up" && argc == 5) {
        return look_up(argv + 2);
    }
    if (command == "errors" && argc == 2) {
        return errors();
    }
    if (command == "names" && argc == 2) {
        return names();
    }
    if (command == "count" && argc > 5) {
        return count(argv + 2, argv + 5);
    }
    return 2;
}
