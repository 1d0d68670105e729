// SPDX-License-Identifier: Apache-2.0
// The C boundary: argument checks, exceptions to statuses, nothing else.
#include "jina_omni.h"

#include "audio_tower.h"
#include "compute_capability.h"
#include "ggml-backend.h"
#include "native_log.h"
#include "text_tower.h"
#include "vision_tower.h"
#include "vocabulary.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <stdexcept>
#include <system_error>

namespace {

omni::gguf_file open_whole_file(const char * path) {
    omni::gguf_file file(path);
    if (file.integer("split.count").value_or(1) > 1) {
        throw file.error("is one part of a split file; join the parts with llama-gguf-split --merge");
    }
    return file;
}

omni::gguf_file open_text_file(const char * path) {
    omni::gguf_file file = open_whole_file(path);
    const std::string arch(file.required_string("general.architecture"));
    if (arch != "qwen3" && arch != "eurobert") {
        throw file.error("general.architecture is '" + omni::printable(arch) +
                         "', a text file has 'qwen3' (small) or 'eurobert' (nano)" +
                         (arch == "clip" ? "; pass this file as mmproj" : ""));
    }
    return file;
}

} // namespace

struct omni_text {
    omni::gguf_file  file;
    omni::vocabulary vocabulary;
    omni::text_tower tower;

    omni_text(const char * path, ggml_backend_dev_t device)
        : file(open_text_file(path)), vocabulary(file), tower(file, vocabulary.size(), device) {}
};

struct omni_projector {
    omni::gguf_file                     file;
    std::unique_ptr<omni::vision_tower> vision;
    std::unique_ptr<omni::audio_tower>  audio;
    int32_t                             n_embd_out = 0;

    omni_projector(const char * path, ggml_backend_dev_t device);
};

struct omni_context {
    omni::compute_device device;

    omni_context(ggml_backend_dev_t dev, int n_threads, const omni::kernel_set & kernels, bool exact, bool portable)
        : device(dev, n_threads, kernels, exact, portable) {}
};

omni_projector::omni_projector(const char * path, ggml_backend_dev_t device) : file(open_whole_file(path)) {
    const std::string arch(file.required_string("general.architecture"));
    if (arch != "clip") {
        throw file.error("general.architecture is '" + omni::printable(arch) + "', an mmproj file has 'clip'" +
                         (arch == "qwen3" || arch == "eurobert" ? "; pass this file as the text file" : ""));
    }
    // one tower per file, or both with a type each
    const auto single       = file.string("clip.projector_type");
    const auto vision_type  = file.string("clip.vision.projector_type");
    const auto audio_type   = file.string("clip.audio.projector_type");
    const auto is_type      = [](const auto & value, auto... names) { return value && ((*value == names) || ...); };
    const bool has_vision   = is_type(vision_type, "qwen3vl_merger") || is_type(single, "qwen3vl_merger");
    const bool has_audio    = is_type(audio_type, "qwen2.5o", "qwen2a") || is_type(single, "qwen2.5o", "qwen2a");
    if (!has_vision && !has_audio) {
        const auto type = single ? single : vision_type ? vision_type : audio_type;
        throw file.error("clip.projector_type is " + (type ? "'" + omni::printable(*type) + "'" : "missing") +
                         ", a vision file has 'qwen3vl_merger' and an audio file 'qwen2.5o'");
    }
    if (has_vision) {
        vision     = std::make_unique<omni::vision_tower>(file, device);
        n_embd_out = vision->shape.n_embd_out;
    }
    if (has_audio) {
        audio = std::make_unique<omni::audio_tower>(file, device);
        if (has_vision && audio->shape.n_embd_out != n_embd_out) {
            throw file.error("key 'clip.vision.projection_dim' is " + std::to_string(n_embd_out) +
                             ", but 'clip.audio.projection_dim' is " + std::to_string(audio->shape.n_embd_out));
        }
        n_embd_out = audio->shape.n_embd_out;
    }
}

namespace {

// Sequences and tokens of one call; the text graph counts nodes per sequence.
constexpr int64_t n_token_max = (int64_t) 1 << 24;

void set_text(char * out, size_t n_out, std::string_view text) {
    if (n_out > 0) {
        const size_t n = std::min(n_out - 1, text.size());
        std::memcpy(out, text.data(), n);
        out[n] = '\0';
    }
}

template <size_t N> void set_text(char (&out)[N], std::string_view text) { set_text(out, N, text); }

// Runs the body of a boundary function; whatever it throws becomes a status and a text.
template <typename F> omni_status guarded(omni_error * error, F && body) {
    const auto fail = [&](omni_status status, const char * text) {
        if (error != nullptr) {
            set_text(error->text, text);
        }
        return status;
    };
    omni::capture_native_log();
    try {
        body();
        return OMNI_OK;
    } catch (const omni::load_error & e) {
        return fail(OMNI_LOAD_FAILED, e.what());
    } catch (const omni::cancelled_error & e) {
        return fail(OMNI_CANCELLED, e.what());
    } catch (const std::invalid_argument & e) {
        return fail(OMNI_BAD_INPUT, e.what());
    } catch (const std::bad_alloc &) {
        return fail(OMNI_OUT_OF_MEMORY, "out of memory; use smaller inputs or a smaller batch_tokens");
    } catch (const std::length_error &) {
        return fail(OMNI_OUT_OF_MEMORY, "out of memory; use smaller inputs or a smaller batch_tokens");
    } catch (const std::system_error & e) { // of a thread that could not be started
        return fail(OMNI_FAILED, (std::string("the system refused a thread: ") + e.what() + "; use a smaller n_threads").c_str());
    } catch (const std::exception & e) {
        return fail(OMNI_FAILED, e.what());
    } catch (...) {
        return fail(OMNI_FAILED, "unknown native failure");
    }
}

void require(bool condition, const char * text) {
    if (!condition) {
        throw std::invalid_argument(text);
    }
}

ggml_backend_dev_t device_at(int32_t index) {
    require(index >= 0 && (size_t) index < ggml_backend_dev_count(), "no device of this index");
    return ggml_backend_dev_get((size_t) index);
}

int64_t metadata(const omni::gguf_file & file, const char * key, char * value, size_t n_value) {
    if (key == nullptr || !file.has_string(key)) {
        return -1;
    }
    const std::string_view text = *file.string(key);
    if (value != nullptr) {
        set_text(value, n_value, text);
    }
    return (int64_t) text.size();
}

} // namespace

int32_t omni_log_next(int32_t * level, char * text, size_t n_text) {
    return level != nullptr && text != nullptr && omni::next_log_line(level, text, n_text);
}

int32_t omni_device_count(void) {
    omni::capture_native_log();
    return (int32_t) ggml_backend_dev_count();
}

omni_status omni_device_get(int32_t device, omni_device_info * info, omni_error * error) {
    return guarded(error, [&] {
        require(info != nullptr, "info is NULL");
        ggml_backend_dev_t dev = device_at(device);
        *info = {};
        set_text(info->name, ggml_backend_dev_name(dev));
        set_text(info->description, ggml_backend_dev_description(dev));
        info->is_cpu = ggml_backend_dev_type(dev) == GGML_BACKEND_DEVICE_TYPE_CPU;
        size_t free = 0, total = 0;
        ggml_backend_dev_memory(dev, &free, &total);
        info->memory_free        = (int64_t) free;
        info->memory_total       = (int64_t) total;
        info->compute_capability = omni::compute_capability(dev);
    });
}

const char * omni_backend(void) { return OMNI_BACKEND; }

omni_status omni_text_load(const char * path, int32_t device, omni_text ** text, omni_error * error) {
    return guarded(error, [&] {
        require(path != nullptr && text != nullptr, "path or text is NULL");
        *text = new omni_text(path, device_at(device));
    });
}

void omni_text_free(omni_text * text) { delete text; }

void omni_text_get_info(const omni_text * text, omni_text_info * info) {
    const auto & shape = text->tower.shape;
    *info = {};
    set_text(info->architecture, shape.causal ? "qwen3" : "eurobert");
    info->n_embd   = shape.n_embd;
    info->n_layer  = shape.n_layer;
    info->n_head   = shape.n_head;
    info->n_ctx    = shape.n_ctx;
    info->n_vocab  = shape.n_vocab;
    info->causal   = shape.causal;
    info->add_eos  = text->vocabulary.add_eos();
    info->eos      = text->vocabulary.eos();
    info->n_params = text->tower.n_params();
    info->n_bytes  = text->tower.n_bytes();
}

int64_t omni_text_metadata(const omni_text * text, const char * key, char * value, size_t n_value) {
    return metadata(text->file, key, value, n_value);
}

omni_status omni_text_tokenize(const omni_text * text, const char * utf8, size_t n_utf8, int32_t * ids, size_t n_max,
                               size_t * n_ids, omni_error * error) {
    return guarded(error, [&] {
        require(text != nullptr && n_ids != nullptr, "text or n_ids is NULL");
        require(utf8 != nullptr || n_utf8 == 0, "utf8 is NULL");
        require(ids != nullptr || n_max == 0, "ids is NULL");
        const std::vector<int32_t> out = text->vocabulary.tokenize({utf8, n_utf8});
        std::copy_n(out.begin(), std::min(n_max, out.size()), ids);
        *n_ids = out.size();
    });
}

int32_t omni_text_special_token(const omni_text * text, const char * spelling) {
    return spelling == nullptr ? -1 : text->vocabulary.special_token(spelling);
}

omni_status omni_projector_load(const char * path, int32_t device, omni_projector ** projector, omni_error * error) {
    return guarded(error, [&] {
        require(path != nullptr && projector != nullptr, "path or projector is NULL");
        *projector = new omni_projector(path, device_at(device));
    });
}

void omni_projector_free(omni_projector * projector) { delete projector; }

void omni_projector_get_info(const omni_projector * projector, omni_projector_info * info) {
    *info = {};
    info->has_vision = projector->vision != nullptr;
    info->has_audio  = projector->audio != nullptr;
    info->n_embd_out = projector->n_embd_out;
    if (projector->vision) {
        const auto & shape = projector->vision->shape;
        info->vision_n_embd    = shape.n_embd;
        info->vision_n_layer   = shape.n_layer;
        info->patch_size       = shape.patch_size;
        info->merge_size       = shape.merge_size;
        info->image_min_pixels = shape.image_min_pixels;
        info->image_max_pixels = shape.image_max_pixels;
        info->video_min_pixels = shape.video_min_pixels;
        info->video_max_pixels = shape.video_max_pixels;
        std::copy_n(shape.image_mean, 3, info->image_mean);
        std::copy_n(shape.image_std, 3, info->image_std);
        info->n_params += projector->vision->n_params();
        info->n_bytes  += projector->vision->n_bytes();
    }
    if (projector->audio) {
        const auto & shape = projector->audio->shape;
        info->audio_n_embd   = shape.n_embd;
        info->audio_n_layer  = shape.n_layer;
        info->n_mel          = shape.n_mel;
        info->n_window       = shape.n_window;
        info->max_mel_frames = projector->audio->n_frame_max();
        info->n_params += projector->audio->n_params();
        info->n_bytes  += projector->audio->n_bytes();
    }
}

int64_t omni_projector_metadata(const omni_projector * projector, const char * key, char * value, size_t n_value) {
    return metadata(projector->file, key, value, n_value);
}

const char * omni_kernels_name(int32_t index) {
    const auto & all = omni::runnable_kernels();
    return index >= 0 && (size_t) index < all.size() ? all[index]->name : nullptr;
}

omni_status omni_context_init(int32_t device, int32_t n_threads, int32_t kernels, int32_t exact, int32_t portable,
                              omni_context ** context, omni_error * error) {
    return guarded(error, [&] {
        require(context != nullptr, "context is NULL");
        require(n_threads >= 1 && n_threads <= GGML_MAX_N_THREADS, "n_threads is not between 1 and 512");
        require(omni_kernels_name(kernels) != nullptr, "no kernels of this index");
        *context = new omni_context(device_at(device), n_threads, *omni::runnable_kernels()[kernels], exact != 0, portable != 0);
    });
}

void omni_context_free(omni_context * context) { delete context; }

omni_status omni_encode_patches(omni_context * context, const omni_projector * projector, const float * patches,
                                const int32_t * grids, int32_t n_grids, float * rows, const volatile int32_t * cancel,
                                omni_error * error) {
    return guarded(error, [&] {
        require(context != nullptr && projector != nullptr && patches != nullptr && grids != nullptr && rows != nullptr,
                "an argument is NULL");
        require(projector->vision != nullptr, "this mmproj file has no vision tower");
        require(n_grids >= 1, "n_grids is below 1");
        int64_t n_patch = 0;
        for (int32_t i = 0; i < n_grids; i++) {
            const int32_t * g = grids + 3 * i;
            const int32_t merge = projector->vision->shape.merge_size;
            require(g[0] >= 1 && g[1] >= 1 && g[2] >= 1, "a grid has a side below 1");
            require(g[1] % merge == 0 && g[2] % merge == 0, "a grid's sides are no multiples of merge_size");
            require((int64_t) g[1] * g[2] <= n_token_max && g[0] <= n_token_max / ((int64_t) g[1] * g[2]), "a grid is too large");
            n_patch += (int64_t) g[0] * g[1] * g[2];
            require(n_patch <= n_token_max, "the grids are too large together");
        }
        const std::lock_guard<std::mutex> lock(context->device.mutex);
        projector->vision->encode(context->device, patches, grids, n_grids, rows, cancel);
    });
}

int64_t omni_mel_rows(int32_t n_frames) { return omni::audio_tower::n_rows(std::max(n_frames, 0)); }

omni_status omni_encode_mel(omni_context * context, const omni_projector * projector, const float * frames,
                            const int32_t * lengths, int32_t n_clips, float * rows, const volatile int32_t * cancel,
                            omni_error * error) {
    return guarded(error, [&] {
        require(context != nullptr && projector != nullptr && frames != nullptr && lengths != nullptr && rows != nullptr,
                "an argument is NULL");
        require(projector->audio != nullptr, "this mmproj file has no audio tower");
        require(n_clips >= 1, "n_clips is below 1");
        int64_t n_frame = 0;
        for (int32_t i = 0; i < n_clips; i++) {
            require(lengths[i] >= 3, "a clip has fewer than 3 mel frames");
            require(lengths[i] <= projector->audio->n_frame_max(), "a clip is longer than max_mel_frames");
            n_frame += lengths[i];
            require(n_frame <= n_token_max, "the clips are too long together");
        }
        const std::lock_guard<std::mutex> lock(context->device.mutex);
        projector->audio->encode(context->device, frames, lengths, n_clips, rows, cancel);
    });
}

omni_status omni_encode_sequences(omni_context * context, const omni_text * text, const int32_t * tokens,
                                  const int32_t * lengths, int32_t n_seq, const float * rows, int64_t n_rows,
                                  float * pooled, const volatile int32_t * cancel, omni_error * error) {
    return guarded(error, [&] {
        require(context != nullptr && text != nullptr && tokens != nullptr && lengths != nullptr && pooled != nullptr,
                "an argument is NULL");
        require(n_seq >= 1, "n_seq is below 1");
        const auto & shape = text->tower.shape;
        int64_t n_token = 0;
        for (int32_t i = 0; i < n_seq; i++) {
            require(lengths[i] >= 1, "a sequence is empty");
            require(lengths[i] <= shape.n_ctx, "a sequence is longer than n_ctx");
            n_token += lengths[i];
            require(n_token <= n_token_max, "the sequences are too long together");
        }
        int64_t n_media = 0;
        for (int64_t i = 0; i < n_token; i++) {
            require(tokens[i] >= -1 && tokens[i] < shape.n_vocab, "a token is outside the vocabulary");
            n_media += tokens[i] == -1;
        }
        require(n_media == n_rows, "n_rows differs from the count of -1 in tokens");
        require(rows != nullptr || n_rows == 0, "rows is NULL");
        const std::lock_guard<std::mutex> lock(context->device.mutex);
        text->tower.encode(context->device, tokens, lengths, n_seq, rows, pooled, cancel);
    });
}
