// Instead of native_log.cpp, which needs libllama.
#include "native_log.h"

std::string omni::take_thread_errors() { return {}; }
