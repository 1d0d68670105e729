// SPDX-License-Identifier: Apache-2.0
// The two kinds of model files, each with what is computed from it.
#pragma once

#include "audio_tower.h"
#include "gguf_file.h"
#include "text_architecture.h"
#include "text_tower.h"
#include "vision_tower.h"
#include "vocabulary.h"

#include <memory>
#include <string>

namespace omni {

// What computes with a tower shares it, so that it outlives the file's handle where a caller leaves a computation.

// A text model file: vocabulary and text tower.
struct text_model {
    text_model(const std::string & path_utf8, file_access access, ggml_backend_dev_t device); // throws error

    std::shared_ptr<const gguf_file> file;
    const text_architecture &        architecture; // in the table, which lives as long as the process
    omni::vocabulary                 vocabulary;
    std::shared_ptr<text_tower>      tower;
};

// A projector file: vision tower, audio tower or both.
struct projector {
    projector(const std::string & path_utf8, file_access access, ggml_backend_dev_t device); // throws error

    std::shared_ptr<const gguf_file> file;
    std::shared_ptr<vision_tower>    vision;
    std::shared_ptr<audio_tower>     audio;
    int32_t                          n_embd_out = 0;
};

} // namespace omni
