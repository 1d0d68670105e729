// Towers of files, and inputs for them.
#pragma once

#include "audio_tower.h"
#include "device.h"
#include "text_tower.h"
#include "vision_tower.h"

#include <memory>
#include <string>
#include <vector>

struct towers {
    towers(ggml_backend_dev_t device, const std::string & text, const std::string & vision, const std::string & audio);

    std::unique_ptr<omni::text_tower>   text;
    std::unique_ptr<omni::vision_tower> vision;
    std::unique_ptr<omni::audio_tower>  audio;
};

struct inputs {
    std::string          name;
    std::vector<int32_t> tokens, shapes;
    std::vector<float>   values;

    omni::tower_inputs view() const {
        return {{tokens.data(), tokens.size()}, {shapes.data(), shapes.size()}, {values.data(), values.size()}};
    }
};

inputs texts(const omni::text_tower & tower, const std::string & name, std::vector<int32_t> lengths);
inputs images(const omni::vision_tower & tower, const std::string & name, std::vector<int32_t> grids);
inputs sounds(const omni::audio_tower & tower, const std::string & name, std::vector<int32_t> lengths);

std::vector<float> compute(const omni::tower & tower, omni::compute_device & device, const inputs & of,
                           const int32_t * cancel = nullptr);
