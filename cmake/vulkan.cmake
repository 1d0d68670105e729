# SPDX-License-Identifier: Apache-2.0
# What ggml's Vulkan backend needs. Without these checks a build ends after minutes, in an error that names no package.

find_package(Vulkan COMPONENTS glslc)
if(NOT Vulkan_FOUND)
    message(FATAL_ERROR "Vulkan's headers, its loader or the compiler glslc were not found. Install libvulkan-dev, glslc and "
        "spirv-headers (Debian, Ubuntu), vulkan-headers, vulkan-loader-devel, glslc and spirv-headers-devel (Fedora), or the "
        "Vulkan SDK.")
endif()

set(vulkan_least 1.3.275) # with vk::LayerSettingEXT
if(Vulkan_VERSION VERSION_LESS vulkan_least)
    message(FATAL_ERROR "Vulkan's headers in ${Vulkan_INCLUDE_DIR} are of version ${Vulkan_VERSION}, and ${vulkan_least} is "
        "needed. Debian 13, Ubuntu 24.04 and the Vulkan SDK have newer ones (libvulkan-dev); name their folder by "
        "-C cmake.define.Vulkan_INCLUDE_DIR=...")
endif()

find_package(SPIRV-Headers CONFIG QUIET)
if(NOT SPIRV-Headers_FOUND)
    message(FATAL_ERROR "SPIRV-Headers were not found. Install spirv-headers (Debian, Ubuntu), spirv-headers-devel (Fedora) or the "
        "Vulkan SDK.")
endif()
