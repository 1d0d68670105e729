// SPDX-License-Identifier: Apache-2.0
// Memory for packed weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace omni {

// In huge pages where the system gives them. A pass reads all of it: of ordinary pages there are more than the processor keeps
// the addresses of, and looking one up takes longer than its weights take to arrive.
class packed_memory {
public:
    packed_memory() = default;
    explicit packed_memory(size_t n_byte); // throws std::bad_alloc

    uint8_t * data() const { return data_.get(); }

private:
    struct release {
        void operator()(uint8_t * data) const;
    };

    std::unique_ptr<uint8_t, release> data_;
};

} // namespace omni
