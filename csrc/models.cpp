// SPDX-License-Identifier: Apache-2.0
#include "models.h"

#include "printable.h"

#include <optional>
#include <string_view>

namespace omni {

namespace {

std::shared_ptr<const gguf_file> open_file(const std::string & path, file_access access) {
    auto       file = std::make_shared<const gguf_file>(path, access);
    const auto type = file->find_string("general.type").value_or("model"); // GGUFType of gguf-py has them all
    if (type == "imatrix") {
        throw file->error("is an importance matrix, with which a model is quantized; take the file of the model");
    }
    if (type == "adapter") {
        throw file->error("is an adapter, which is not supported; take the file of a whole model");
    }
    return file;
}

} // namespace

text_model::text_model(const std::string & path_utf8, file_access access, ggml_backend_dev_t device)
    : file(open_file(path_utf8, access)), architecture(read_text_architecture(*file)), vocabulary(*file, architecture),
      tower(std::make_shared<text_tower>(file, architecture, vocabulary.size(), device)) {
    file->require_unchanged();
}

projector::projector(const std::string & path_utf8, file_access access, ggml_backend_dev_t device)
    : file(open_file(path_utf8, access)) {
    const std::string_view architecture = file->required_string("general.architecture");
    if (architecture != "clip") {
        throw file->error("general.architecture is " + quoted(architecture) + ", an mmproj file has 'clip'" +
                          (find_text_architecture(architecture) != nullptr ? "; pass this file as the text file" : ""));
    }
    // one tower per file, or both with a type each
    const auto single = file->string("clip.projector_type");
    const auto vision_type = file->string("clip.vision.projector_type");
    const auto audio_type = file->string("clip.audio.projector_type");
    const auto is_type = [](const auto & value, auto... names) { return value && ((*value == names) || ...); };
    const bool has_vision = is_type(vision_type, "qwen3vl_merger") || is_type(single, "qwen3vl_merger");
    const bool has_audio = is_type(audio_type, "qwen2.5o", "qwen2a") || is_type(single, "qwen2.5o", "qwen2a");
    if (!has_vision && !has_audio) {
        const auto type = single ? single : vision_type ? vision_type : audio_type;
        throw file->error("clip.projector_type is " + (type ? quoted(*type) : "missing") +
                          ", a vision file has 'qwen3vl_merger' and an audio file 'qwen2.5o'");
    }
    if (has_vision) {
        vision = std::make_shared<vision_tower>(file, device);
        n_embd_out = vision->hparams().n_embd_out;
    }
    if (has_audio) {
        audio = std::make_shared<audio_tower>(file, device);
        if (has_vision && audio->hparams().n_embd_out != n_embd_out) {
            throw file->error("key 'clip.vision.projection_dim' is " + std::to_string(n_embd_out) +
                              ", but 'clip.audio.projection_dim' is " + std::to_string(audio->hparams().n_embd_out));
        }
        n_embd_out = audio->hparams().n_embd_out;
    }
    file->require_unchanged();
}

} // namespace omni
