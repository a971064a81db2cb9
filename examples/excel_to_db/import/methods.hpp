// examples/excel_to_db/import/methods.hpp — the methods by name: what programs offer their users.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "import/importer.hpp"

namespace excel_to_db {

struct named_method {
    std::string_view name;
    import_method method;
};

inline constexpr std::array import_methods = {
    named_method{"sequential", import_method::sequential},
    named_method{"concurrent", import_method::concurrent},
    named_method{"batch", import_method::batch},
    named_method{"pipeline", import_method::pipeline},
    named_method{"copy", import_method::copy},
};

inline std::string_view method_name(import_method method) {
    return std::find_if(import_methods.begin(), import_methods.end(),
                        [&](const named_method& each) { return each.method == method; })
        ->name;
}

inline std::optional<import_method> find_method(std::string_view name) {
    for (const named_method& each : import_methods) {
        if (each.name == name) return each.method;
    }
    return std::nullopt;
}

/// "sequential, concurrent, …, or copy"
inline std::string method_names() {
    std::string names;
    for (std::size_t i = 0; i < import_methods.size(); ++i) {
        if (i > 0) names += i + 1 < import_methods.size() ? ", " : ", or ";
        names += import_methods[i].name;
    }
    return names;
}

}  // namespace excel_to_db
