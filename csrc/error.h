// SPDX-License-Identifier: Apache-2.0
// The errors that this library throws, and what the C boundary makes of any exception.
#pragma once

#include "jina_omni.h"

#include <stdexcept>
#include <string>

namespace omni {

// A failure with the status that the C boundary returns for it. The text names the file, key, tensor or argument.
class error : public std::runtime_error {
public:
    error(omni_status status, const std::string & text) : std::runtime_error(text), status_(status) {}

    omni_status status() const { return status_; }

private:
    omni_status status_;
};

// A forward pass that a device can't compute at once; one of fewer inputs may fit. The text is the rest of a sentence about an
// input that is computed alone.
class pass_too_large : public error {
public:
    explicit pass_too_large(const std::string & text) : error(OMNI_TOO_LARGE, text) {}
};

// Returns the status of the exception that is being handled, and writes its text to `out` unless that is null. To be called
// in a handler.
omni_status describe_current_exception(omni_error * out) noexcept;

} // namespace omni
