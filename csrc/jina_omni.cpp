// SPDX-License-Identifier: Apache-2.0
// The C boundary: argument checks, exceptions to statuses, nothing else.
#include "jina_omni.h"

#include "cuda_devices.h"
#include "device.h"
#include "error.h"
#include "ggml-backend.h"
#include "machine.h"
#include "models.h"
#include "native_log.h"
#include "scheduler.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct omni_text : omni::text_model {
    using text_model::text_model;
};

struct omni_projector : omni::projector {
    using projector::projector;
};

struct omni_context {
    template <typename... T> explicit omni_context(T &&... of_device) : device(of_device...), scheduler(device) {}

    omni::compute_device device;
    omni::scheduler      scheduler;
};

namespace {

// Tokens, patches or mel frames of one call, so that their counts fit into 32 bits.
constexpr int64_t n_token_max = (int64_t) 1 << 24;

void copy_text(char * out, size_t n_out, std::string_view text) {
    if (n_out > 0) {
        const size_t n = std::min(n_out - 1, text.size());
        std::memcpy(out, text.data(), n);
        out[n] = '\0';
    }
}

template <size_t N> void copy_text(char (&out)[N], std::string_view text) { copy_text(out, N, text); }

// Runs the body of a boundary function; what it throws becomes a status and a text.
template <typename F> omni_status guarded(omni_error * error, F && body) {
    omni::capture_native_log();
    try {
        body();
        return OMNI_OK;
    } catch (...) {
        return omni::describe_current_exception(error);
    }
}

// The same for a function that takes memory for a model file.
template <typename F> omni_status guarded_loading(omni_error * error, F && body) {
    return guarded(error, [&] {
        try {
            body();
        } catch (const std::bad_alloc &) {
            throw omni::error(OMNI_OUT_OF_MEMORY, "there is not enough memory for this model file; load it with mmap=True, and "
                                                  "without pack=True");
        }
    });
}

// The same for a function without a status: it then returns what it says for "none".
template <typename T, typename F> T value_or(T none, F && body) {
    T value = none;
    return guarded(nullptr, [&] { value = body(); }) == OMNI_OK ? value : none;
}

void require(bool condition, const char * text) {
    if (!condition) {
        throw omni::error(OMNI_INVALID_ARGUMENT, text);
    }
}

template <typename T> T & require_pointer(T * pointer, const char * name) {
    if (pointer == nullptr) {
        throw omni::error(OMNI_INVALID_ARGUMENT, std::string(name) + " is NULL");
    }
    return *pointer;
}

omni::call_queue & get_queue(omni_context * context, int32_t priority) {
    omni_context & required = require_pointer(context, "context");
    require(priority == OMNI_INTERACTIVE || priority == OMNI_BACKGROUND, "priority is neither 0 nor 1");
    return required.scheduler.queue(priority == OMNI_INTERACTIVE ? omni::priority::interactive : omni::priority::background);
}

ggml_backend_dev_t get_device(int32_t index) {
    require(index >= 0 && (size_t) index < ggml_backend_dev_count(), "device is not an index below omni_device_count");
    return ggml_backend_dev_get((size_t) index);
}

// A device to compute on.
ggml_backend_dev_t start_device(int32_t index) {
    ggml_backend_dev_t device = get_device(index);
    const std::string  problem = omni::find_start_problem(device);
    if (!problem.empty()) {
        throw omni::error(OMNI_LOAD_FAILED, "device " + omni::to_user_name(device) + " could not be started: " + problem +
                                                "; use another device");
    }
    return device;
}

omni::file_access get_access(int32_t in_memory) { return in_memory != 0 ? omni::file_access::read : omni::file_access::map; }

// Computes with a tower of a file, which must not change meanwhile: its pages come into memory when they are needed.
void run(omni::call_queue & queue, const omni::gguf_file & file, const std::shared_ptr<const omni::tower> & tower,
         const omni::tower_inputs & inputs, float * out, const volatile int32_t * cancel) {
    file.require_unchanged();
    try {
        queue.run(tower, inputs, out, omni::cancel_flag(cancel));
    } catch (...) {
        file.require_unchanged(); // which may be why
        throw;
    }
    file.require_unchanged();
}

void require_threads(int32_t n_threads) {
    require(n_threads >= 1 && n_threads <= GGML_MAX_N_THREADS, "n_threads is not between 1 and 512");
}

const omni::kernel_set & get_kernels(int32_t index) {
    const auto & all = omni::runnable_kernels();
    require(index >= 0 && (size_t) index < all.size(), "kernels is not an index of omni_kernels_name");
    return *all[index];
}

const omni::linear_product & get_product(const omni::kernel_set & kernels, int32_t index) {
    const omni::linear_products & all = kernels.products;
    require(index >= 0 && index < all.end() - all.begin(), "product is not an index of omni_product_name");
    return *all.begin()[index];
}

// Of a handle that may be null.
template <typename Handle> int64_t read_metadata(const Handle * handle, const char * key, char * value, size_t n_value) {
    return value_or((int64_t) -1, [&] {
        const auto text = handle == nullptr || key == nullptr ? std::nullopt : handle->file->find_string(key);
        if (text && value != nullptr) {
            copy_text(value, n_value, *text);
        }
        return text ? (int64_t) text->size() : -1;
    });
}

} // namespace

// ---- log and devices ----------------------------------------------------------------------------------------------------

int32_t omni_log_next(int32_t * level, char * text, size_t n_text) {
    return value_or(0, [&] { return level != nullptr && text != nullptr && omni::next_log_line(level, text, n_text) ? 1 : 0; });
}

const char * omni_backend(void) { return OMNI_BACKEND; }

int32_t omni_device_count(void) {
    return value_or(0, [] { return (int32_t) ggml_backend_dev_count(); });
}

omni_status omni_device_get(int32_t device, omni_device_info * info, omni_error * error) {
    return guarded(error, [&] {
        require_pointer(info, "info") = {};
        ggml_backend_dev_t dev = get_device(device);
        copy_text(info->name, omni::to_user_name(dev));
        copy_text(info->description, ggml_backend_dev_description(dev));
        info->is_cpu = ggml_backend_dev_type(dev) == GGML_BACKEND_DEVICE_TYPE_CPU;
        info->is_integrated = ggml_backend_dev_type(dev) == GGML_BACKEND_DEVICE_TYPE_IGPU;
        info->compute_capability = omni::compute_capability(dev);
    });
}

omni_status omni_device_memory(int32_t device, int64_t * free, int64_t * total, omni_error * error) {
    return guarded(error, [&] {
        int64_t & free_out = require_pointer(free, "free");
        int64_t & total_out = require_pointer(total, "total");
        size_t    n_free = 0, n_total = 0;
        if (ggml_backend_dev_t dev = get_device(device); omni::find_start_problem(dev).empty()) {
            ggml_backend_dev_memory(dev, &n_free, &n_total);
        }
        free_out = (int64_t) n_free;
        total_out = (int64_t) n_total;
    });
}

// ---- text model file ----------------------------------------------------------------------------------------------------

omni_status omni_text_load(const char * path, int32_t device, int32_t in_memory, omni_text ** text, omni_error * error) {
    return guarded_loading(error, [&] {
        omni_text *& out = require_pointer(text, "text");
        out = new omni_text(&require_pointer(path, "path"), get_access(in_memory), start_device(device));
    });
}

void omni_text_free(omni_text * text) { delete text; }

omni_status omni_text_get_info(const omni_text * text, omni_text_info * info, omni_error * error) {
    return guarded(error, [&] {
        require_pointer(info, "info") = {};
        const omni::text_tower & tower = *require_pointer(text, "text").tower;
        copy_text(info->architecture, text->architecture.name);
        info->n_embd = tower.hparams().n_embd;
        info->n_layer = tower.hparams().n_layer;
        info->n_head = tower.hparams().n_head;
        info->n_ctx = tower.hparams().n_ctx;
        info->n_vocab = tower.n_vocab();
        info->causal = tower.hparams().causal;
        info->normalizes_to_nfc = text->architecture.normalizes_to_nfc;
        info->add_eos = text->vocabulary.add_eos();
        info->eos = text->vocabulary.eos();
        info->n_params = tower.n_params();
        info->n_bytes = tower.n_bytes();
    });
}

int64_t omni_text_metadata(const omni_text * text, const char * key, char * value, size_t n_value) {
    return read_metadata(text, key, value, n_value);
}

omni_status omni_text_tokenize(const omni_text * text, const char * utf8, size_t n_utf8, int32_t * ids, size_t n_max,
                               size_t * n_ids, omni_error * error) {
    return guarded(error, [&] {
        const omni::vocabulary & vocabulary = require_pointer(text, "text").vocabulary;
        size_t &                 count = require_pointer(n_ids, "n_ids");
        require(utf8 != nullptr || n_utf8 == 0, "utf8 is NULL");
        require(ids != nullptr || n_max == 0, "ids is NULL");
        const std::vector<int32_t> out = vocabulary.tokenize({utf8, n_utf8});
        std::copy_n(out.begin(), std::min(n_max, out.size()), ids);
        count = out.size();
    });
}

int32_t omni_text_special_token(const omni_text * text, const char * spelling) {
    return value_or(-1, [&] { return text == nullptr || spelling == nullptr ? -1 : text->vocabulary.special_token(spelling); });
}

// ---- projector file -----------------------------------------------------------------------------------------------------

omni_status omni_projector_load(const char * path, int32_t device, int32_t in_memory, omni_projector ** projector,
                                omni_error * error) {
    return guarded_loading(error, [&] {
        omni_projector *& out = require_pointer(projector, "projector");
        out = new omni_projector(&require_pointer(path, "path"), get_access(in_memory), start_device(device));
    });
}

void omni_projector_free(omni_projector * projector) { delete projector; }

omni_status omni_projector_get_info(const omni_projector * projector, omni_projector_info * info, omni_error * error) {
    return guarded(error, [&] {
        require_pointer(info, "info") = {};
        const auto & vision = require_pointer(projector, "projector").vision;
        const auto & audio = projector->audio;
        info->has_vision = vision != nullptr;
        info->has_audio = audio != nullptr;
        info->n_embd_out = projector->n_embd_out;
        if (vision != nullptr) {
            const omni::vision_hparams & hparams = vision->hparams();
            info->patch_size = hparams.patch_size;
            info->merge_size = hparams.merge_size;
            info->image_min_pixels = hparams.image_min_pixels;
            info->image_max_pixels = hparams.image_max_pixels;
            info->video_min_pixels = hparams.video_min_pixels;
            info->video_max_pixels = hparams.video_max_pixels;
            std::copy(hparams.image_mean.begin(), hparams.image_mean.end(), info->image_mean);
            std::copy(hparams.image_std.begin(), hparams.image_std.end(), info->image_std);
            info->n_params += vision->n_params();
            info->n_bytes += vision->n_bytes();
        }
        if (audio != nullptr) {
            const omni::audio_hparams & hparams = audio->hparams();
            info->n_mel = hparams.n_mel;
            info->n_window = hparams.n_window;
            info->max_mel_frames = hparams.n_frame_max();
            info->n_params += audio->n_params();
            info->n_bytes += audio->n_bytes();
        }
    });
}

int64_t omni_projector_metadata(const omni_projector * projector, const char * key, char * value, size_t n_value) {
    return read_metadata(projector, key, value, n_value);
}

// ---- computing ----------------------------------------------------------------------------------------------------------

const char * omni_kernels_name(int32_t index) {
    return value_or<const char *>(nullptr, [&] { return get_kernels(index).name; });
}

const char * omni_product_name(int32_t kernels, int32_t product) {
    return value_or<const char *>(nullptr, [&] { return get_product(get_kernels(kernels), product).name; });
}

omni_status omni_measure_product(int32_t kernels, int32_t product, int32_t n_threads, double * rate, omni_error * error) {
    return guarded(error, [&] {
        double & out = require_pointer(rate, "rate");
        require_threads(n_threads);
        out = omni::measure_multiply_adds(get_product(get_kernels(kernels), product), n_threads);
    });
}

omni_status omni_measure_memory(int32_t n_threads, double * rate, omni_error * error) {
    return guarded(error, [&] {
        double & out = require_pointer(rate, "rate");
        require_threads(n_threads);
        out = omni::measure_memory_reads(n_threads);
    });
}

omni_status omni_context_init(int32_t device, int32_t n_threads, int32_t kernels, int32_t exact, int32_t portable,
                              omni_context ** context, omni_error * error) {
    return guarded(error, [&] {
        omni_context *& out = require_pointer(context, "context");
        require_threads(n_threads);
        out = new omni_context(start_device(device), n_threads, get_kernels(kernels), exact != 0, portable != 0);
    });
}

void omni_context_free(omni_context * context) { delete context; }

omni_status omni_text_pack(omni_text * text, omni_context * context, int64_t * n_bytes, omni_error * error) {
    return guarded_loading(error, [&] {
        omni::text_tower & tower = *require_pointer(text, "text").tower;
        int64_t &          sum = require_pointer(n_bytes, "n_bytes");
        sum = tower.pack(require_pointer(context, "context").device);
    });
}

omni_status omni_projector_pack(omni_projector * projector, omni_context * context, int64_t * n_bytes, omni_error * error) {
    return guarded_loading(error, [&] {
        omni_projector &       towers = require_pointer(projector, "projector");
        omni::compute_device & device = require_pointer(context, "context").device;
        int64_t &              sum = require_pointer(n_bytes, "n_bytes");
        sum = towers.vision != nullptr ? towers.vision->pack(device) : 0;
        sum += towers.audio != nullptr ? towers.audio->pack(device) : 0;
    });
}

int64_t omni_context_multiply_adds(const omni_context * context, int32_t product) {
    return value_or((int64_t) -1, [&] {
        const omni::compute_device & device = require_pointer(context, "context").device;
        get_product(device.kernels, product);
        return device.linear_work.multiply_adds(product);
    });
}

int64_t omni_context_weight_bytes(const omni_context * context) {
    return value_or((int64_t) -1, [&] { return require_pointer(context, "context").device.linear_work.weight_bytes(); });
}

omni_status omni_encode_patches(omni_context * context, const omni_projector * projector, const float * patches,
                                const int32_t * grids, int32_t n_grids, float * embeddings, int32_t priority,
                                const volatile int32_t * cancel, omni_error * error) {
    return guarded(error, [&] {
        omni::call_queue & queue = get_queue(context, priority);
        require(require_pointer(projector, "projector").vision != nullptr, "projector has no vision tower");
        require_pointer(patches, "patches");
        require_pointer(grids, "grids");
        require_pointer(embeddings, "embeddings");
        require(n_grids >= 1, "n_grids is below 1");
        const omni::vision_tower & tower = *projector->vision;
        const int64_t              patch = tower.hparams().patch_size, merge = tower.hparams().merge_size;
        int64_t                    n_patch = 0;
        for (int32_t i = 0; i < n_grids; i++) {
            const int32_t * g = grids + 3 * (int64_t) i;
            require(g[0] >= 1 && g[1] >= 1 && g[2] >= 1, "grids has a side below 1");
            require(g[1] % merge == 0 && g[2] % merge == 0, "grids has a height or width that is not a multiple of merge_size");
            const int64_t n_frame = (int64_t) g[1] * g[2];
            require(n_frame <= n_token_max && g[0] <= n_token_max / n_frame, "grids has one of over 16,777,216 patches");
            n_patch += g[0] * n_frame;
            require(n_patch <= n_token_max, "grids has over 16,777,216 patches in all");
        }
        const omni::tower_inputs inputs{
            {}, {grids, 3 * (size_t) n_grids}, {patches, (size_t) (n_patch * 3 * 2 * patch * patch)}};
        run(queue, *projector->file, projector->vision, inputs, embeddings, cancel);
    });
}

int64_t omni_audio_token_count(int32_t n_frames) { return omni::audio_tower::n_media_token(std::max(n_frames, 0)); }

omni_status omni_encode_mel(omni_context * context, const omni_projector * projector, const float * frames,
                            const int32_t * lengths, int32_t n_clips, float * embeddings, int32_t priority,
                            const volatile int32_t * cancel, omni_error * error) {
    return guarded(error, [&] {
        omni::call_queue & queue = get_queue(context, priority);
        require(require_pointer(projector, "projector").audio != nullptr, "projector has no audio tower");
        require_pointer(frames, "frames");
        require_pointer(lengths, "lengths");
        require_pointer(embeddings, "embeddings");
        require(n_clips >= 1, "lengths is empty: n_clips is below 1");
        const omni::audio_tower & tower = *projector->audio;
        int64_t                   n_frame = 0;
        for (int32_t i = 0; i < n_clips; i++) {
            require(lengths[i] >= 3, "lengths has a clip of fewer than 3 mel frames");
            require(lengths[i] <= tower.hparams().n_frame_max(), "lengths has a clip that is longer than max_mel_frames");
            n_frame += lengths[i];
            require(n_frame <= n_token_max, "lengths has over 16,777,216 mel frames in all");
        }
        const omni::tower_inputs inputs{{}, {lengths, (size_t) n_clips}, {frames, (size_t) (n_frame * tower.hparams().n_mel)}};
        run(queue, *projector->file, projector->audio, inputs, embeddings, cancel);
    });
}

omni_status omni_encode_sequences(omni_context * context, const omni_text * text, const int32_t * tokens,
                                  const int32_t * lengths, int32_t n_seq, const float * media_embeddings,
                                  int64_t n_media_embeddings, float * pooled, int32_t priority, const volatile int32_t * cancel,
                                  omni_error * error) {
    return guarded(error, [&] {
        omni::call_queue &       queue = get_queue(context, priority);
        const omni::text_tower & tower = *require_pointer(text, "text").tower;
        require_pointer(tokens, "tokens");
        require_pointer(lengths, "lengths");
        require_pointer(pooled, "pooled");
        require(n_seq >= 1, "lengths is empty: n_seq is below 1");
        int64_t n_token = 0;
        for (int32_t i = 0; i < n_seq; i++) {
            require(lengths[i] >= 1, "lengths has a sequence without tokens");
            require(lengths[i] <= tower.hparams().n_ctx, "lengths has a sequence that is longer than n_ctx");
            n_token += lengths[i];
            require(n_token <= n_token_max, "lengths has over 16,777,216 tokens in all");
        }
        int64_t n_media_token = 0;
        for (int64_t i = 0; i < n_token; i++) {
            require(tokens[i] >= -1 && tokens[i] < tower.n_vocab(),
                    "tokens has an id that is neither -1 nor in the vocabulary");
            n_media_token += tokens[i] == -1;
        }
        require(n_media_token == n_media_embeddings, "media_embeddings is not one row for each -1 in tokens");
        require(media_embeddings != nullptr || n_media_embeddings == 0, "media_embeddings is NULL");
        const omni::tower_inputs inputs{{tokens, (size_t) n_token},
                                        {lengths, (size_t) n_seq},
                                        {media_embeddings, (size_t) (n_media_token * tower.hparams().n_embd)}};
        run(queue, *text->file, text->tower, inputs, pooled, cancel);
    });
}
