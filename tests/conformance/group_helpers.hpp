// tests/conformance/group_helpers.hpp — two errors, and which of them a group gives.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <system_error>

#include <runnel/group.hpp>

namespace test {

inline const std::error_code first_error = std::make_error_code(std::errc::io_error);
inline const std::error_code second_error = std::make_error_code(std::errc::broken_pipe);

inline std::error_code wait_for(runnel::group& g) {
    try {
        g.wait();
        return {};
    } catch (const std::system_error& e) {
        return e.code();
    }
}

}  // namespace test
