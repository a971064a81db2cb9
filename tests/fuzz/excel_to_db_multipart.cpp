// tests/fuzz/excel_to_db_multipart.cpp — a fuzzer's bytes as a form: wherever it is cut, it has the same parts.
// SPDX-License-Identifier: BSL-1.0
//
//   The first line is the Content-Type, what follows it the body.
#include "service/multipart.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "fuzz/seeds.hpp"

namespace test {

namespace {

// All that comes of it, in one line; how it ends as well.
std::string told(const std::string& boundary, std::string_view body, std::size_t step) {
    using namespace excel_to_db;
    std::string all;
    try {
        multipart_splitter splitter(
            boundary,
            [&](const multipart_part& part) {
                all += "[" + part.name + "|" + part.file_name + "]";
            },
            [&](std::string_view bytes) { all += bytes; });
        while (!body.empty()) {
            const std::string_view piece = body.substr(0, step);
            splitter.feed(piece);
            body.remove_prefix(piece.size());
        }
        splitter.finish();
    } catch (const multipart_error&) {
        all = "damaged";
    }
    return all;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
    return {
        "multipart/form-data; boundary=sep\n--sep\r\nContent-Disposition: form-data; name=\"other\""
        "\r\n\r\nvalue\r\n--sep\r\nContent-Disposition: form-data; name=\"file\"; "
        "filename=\"a\\\"b.xlsx\"\r\nContent-Type: x\r\n\r\nPK\r\n--se\r\n\r\n--sep--\r\n",
        "multipart/form-data; charset=utf-8; boundary=\"a b\"\npreamble\r\n--a b \t\r\n\r\n\r\n--a "
        "b--x"};
}

}  // namespace test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view body(reinterpret_cast<const char*>(data), size);
    const auto end = std::min(body.find('\n'), body.size());
    const auto boundary = excel_to_db::multipart_boundary(body.substr(0, end));
    body.remove_prefix(std::min(end + 1, body.size()));
    if (!boundary) return 0;
    const std::string whole = test::told(*boundary, body, body.size());
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
        if (test::told(*boundary, body, step) != whole) {
            std::fprintf(stderr, "cut after every %zu bytes, the form is another one\n", step);
            std::abort();
        }
    }
    return 0;
}
