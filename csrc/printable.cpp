// SPDX-License-Identifier: Apache-2.0
#include "printable.h"

#include <cstdint>

namespace omni {

std::string printable(std::string_view text, size_t n_max) {
    std::string out;
    for (size_t i = 0; i < text.size();) {
        const uint8_t c = uint8_t(text[i]);
        const size_t  n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
        bool          good = n > 0 && n <= text.size() - i;
        uint32_t      code = n <= 1 ? c : c & (0x7fu >> n);
        for (size_t j = 1; good && j < n; ++j) {
            const uint8_t next = uint8_t(text[i + j]);
            good = (next & 0xc0) == 0x80;
            code = code << 6 | (next & 0x3f);
        }
        if (good) {
            const bool overlong = (n == 3 && code < 0x800) || (n == 4 && code < 0x10000);
            const bool surrogate = code >= 0xd800 && code < 0xe000;
            const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
            const bool layout = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                                (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
            good = !overlong && !surrogate && !control && !layout && code <= 0x10ffff;
        }
        const size_t n_in = good ? n : 1;
        if (out.size() + n_in > n_max) {
            return out + "...";
        }
        if (good) {
            out.append(text.substr(i, n));
        } else {
            out += '?';
        }
        i += n_in;
    }
    return out;
}

std::string quoted(std::string_view text) { return "'" + printable(text) + "'"; }

} // namespace omni
