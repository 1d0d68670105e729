#include "inputs.h"

#include "cancel_flag.h"
#include "gguf_file.h"
#include "passes.h"
#include "text_architecture.h"

#include <algorithm>
#include <random>
#include <utility>

using omni::gguf_file;

towers::towers(ggml_backend_dev_t device, const std::string & text_path, const std::string & vision_path,
               const std::string & audio_path) {
    const auto open = [](const std::string & path) { return std::make_shared<const gguf_file>(path, omni::file_access::map); };
    const auto text_file = open(text_path);
    const auto n_token = (int32_t) text_file->find("token_embd.weight")->ne[1];
    text = std::make_unique<omni::text_tower>(text_file, omni::read_text_architecture(*text_file), n_token, device);
    vision = std::make_unique<omni::vision_tower>(open(vision_path), device);
    audio = std::make_unique<omni::audio_tower>(open(audio_path), device);
}

static std::vector<float> random_values(int64_t n) {
    std::mt19937                          generator(1);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    std::vector<float>                    values(n);
    std::generate(values.begin(), values.end(), [&] { return uniform(generator); });
    return values;
}

inputs texts(const omni::text_tower & tower, const std::string & name, std::vector<int32_t> lengths) {
    std::mt19937                           generator(1);
    std::uniform_int_distribution<int32_t> uniform(0, tower.n_vocab() - 1);
    inputs                                 made = {name, {}, std::move(lengths), {}};
    for (const int32_t length : made.shapes) {
        std::generate_n(std::back_inserter(made.tokens), length, [&] { return uniform(generator); });
    }
    return made;
}

inputs images(const omni::vision_tower & tower, const std::string & name, std::vector<int32_t> grids) {
    inputs        made = {name, {}, std::move(grids), {}};
    const int64_t n_pixel = (int64_t) 3 * 2 * tower.hparams().patch_size * tower.hparams().patch_size;
    made.values = random_values(tower.n_position(made.view()) * n_pixel);
    return made;
}

inputs sounds(const omni::audio_tower & tower, const std::string & name, std::vector<int32_t> lengths) {
    inputs made = {name, {}, std::move(lengths), {}};
    made.values = random_values(tower.n_position(made.view()) * tower.hparams().n_mel);
    return made;
}

std::vector<float> compute(const omni::tower & tower, omni::compute_device & device, const inputs & of,
                           const int32_t * cancel) {
    std::vector<float> out(tower.n_output(of.view()));
    omni::encode_in_passes(tower, device.lane(omni::priority::interactive), of.view(), out.data(), omni::cancel_flag(cancel));
    return out;
}
