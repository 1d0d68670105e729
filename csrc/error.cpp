// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

namespace omni {

// As vulkan.hpp throws them: VK_ERROR_OUT_OF_HOST_MEMORY and VK_ERROR_OUT_OF_DEVICE_MEMORY.
static bool is_vulkan_out_of_memory(const std::error_code & code) {
    return std::strcmp(code.category().name(), "vk::Result") == 0 && (code.value() == -1 || code.value() == -2);
}

omni_status describe_current_exception(omni_error * out) noexcept {
    // Nothing here may allocate: memory may be what is missing.
    const auto describe = [out](omni_status status, const char * before, const char * text = "", const char * behind = "") {
        if (out != nullptr) {
            std::snprintf(out->text, sizeof(out->text), "%s%s%s", before, text, behind);
        }
        return status;
    };
    const char * const out_of_memory = "out of memory; use smaller inputs or a smaller batch_tokens";
    try {
        throw;
    } catch (const error & e) {
        return describe(e.status(), e.what());
    } catch (const std::bad_alloc &) {
        return describe(OMNI_OUT_OF_MEMORY, out_of_memory);
    } catch (const std::length_error &) { // of a container that can't hold so much
        return describe(OMNI_OUT_OF_MEMORY, out_of_memory);
    } catch (const std::system_error & e) {
        if (e.code() == std::errc::resource_unavailable_try_again) {
            return describe(OMNI_FAILED, "the system refused a thread: ", e.what(), "; use a smaller n_threads");
        }
        if (is_vulkan_out_of_memory(e.code())) {
            return describe(OMNI_OUT_OF_MEMORY, out_of_memory);
        }
        return describe(OMNI_FAILED, "the device failed: ", e.what(), "; open the model again, or use device=\"cpu\"");
    } catch (const std::exception & e) {
        return describe(OMNI_FAILED, e.what());
    } catch (...) {
        return describe(OMNI_FAILED, "unknown native failure");
    }
}

} // namespace omni
