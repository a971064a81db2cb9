// examples/excel_to_db/service/page.hpp — the files of the page, which are part of the program.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <map>
#include <string>

#include "service/http.hpp"

namespace excel_to_db {

class page {
public:
    page();

    /// What is answered to this path; null if no file of the page is there.
    const http_response* find(const std::string& path) const;

private:
    std::map<std::string, http_response> files_;
};

}  // namespace excel_to_db
