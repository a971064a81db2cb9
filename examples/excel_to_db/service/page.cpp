// examples/excel_to_db/service/page.cpp — page/*, embedded by embed.cmake, with the methods filled in.
// SPDX-License-Identifier: BSL-1.0
#include "service/page.hpp"

#include <fmt/format.h>

#include <string_view>

#include "import/methods.hpp"
#include "page_files.hpp"

namespace excel_to_db {

namespace {

// Nothing from elsewhere, no code in the page itself, and no other site may frame it.
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

std::string method_choice() {
    std::string choice;
    for (const named_method& each : import_methods) {
        choice += fmt::format(
            "<label><input type=\"radio\" name=\"method\" value=\"{0}\"{1}> {0}</label>\n",
            each.name, each.method == import_options().method ? " checked" : "");
    }
    return choice;
}

std::string with_methods(std::string_view text) {
    constexpr std::string_view mark = "<!-- methods -->";
    std::string result(text);
    result.replace(result.find(mark), mark.size(), method_choice());
    return result;
}

http_response file(const char* type, std::string content) {
    http_response response;
    response.content_type = type;
    response.fields = {{"Content-Security-Policy", policy}, {"Referrer-Policy", "no-referrer"}};
    response.body = std::move(content);
    return response;
}

}  // namespace

page::page() {
    files_["/"] = file("text/html; charset=utf-8", with_methods(index_html));
    files_["/page.css"] = file("text/css; charset=utf-8", std::string(page_css));
    files_["/page.js"] = file("text/javascript; charset=utf-8", std::string(page_js));
}

const http_response* page::find(const std::string& path) const {
    const auto found = files_.find(path);
    return found == files_.end() ? nullptr : &found->second;
}

}  // namespace excel_to_db
