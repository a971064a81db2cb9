// tests/excel_to_db_multipart_test.cpp — form bodies split as they arrive, whole and damaged.
// SPDX-License-Identifier: BSL-1.0
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "excel_to_db_support.hpp"
#include "service/multipart.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

using excel_to_db::multipart_boundary;
using excel_to_db::multipart_part;
using excel_to_db::multipart_splitter;
using test::message_of;

namespace {

struct found_part {
    std::string name;
    std::string file_name;
    std::string content;

    friend bool operator==(const found_part&, const found_part&) = default;
};

// Splits `body`, which is fed in pieces of `step` bytes.
std::vector<found_part> split(std::string_view body, std::size_t step,
                              std::string_view boundary = "sep") {
    std::vector<found_part> parts;
    multipart_splitter splitter(
        boundary,
        [&](const multipart_part& part) { parts.push_back({part.name, part.file_name, ""}); },
        [&](std::string_view bytes) { parts.back().content += bytes; });
    for (std::size_t at = 0; at < body.size(); at += step) splitter.feed(body.substr(at, step));
    splitter.finish();
    return parts;
}

std::string part(const std::string& disposition, const std::string& content) {
    return "--sep\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content +
           "\r\n";
}

}  // namespace

TEST_CASE("parts are found wherever the body is cut", "[multipart]") {
    // Contents that look like a boundary nearly to its end.
    const std::string tricky = "\r\n--se\r\n--\r\r\n--sEp--\r\n-";
    const std::string body = part("name=\"a\"", "one") +
                             part("name=\"file\"; filename=\"b.xlsx\"", tricky) +
                             part("name=\"empty\"", "") + "--sep--\r\n";
    const std::vector<found_part> expected = {
        {"a", "", "one"}, {"file", "b.xlsx", tricky}, {"empty", "", ""}};
    for (std::size_t step = 1; step <= body.size(); ++step) {
        INFO("step " << step);
        CHECK(split(body, step) == expected);
    }
}

TEST_CASE("what stands before the first boundary and behind the last one is passed over",
          "[multipart]") {
    const std::string body = part("name=\"a\"", "1");
    CHECK(split("preamble\r\n" + body + "--sep--epilogue\r\n--sep\r\n", 5) ==
          std::vector<found_part>{{"a", "", "1"}});
    // Without a line's end before it, it is no boundary.
    CHECK(message_of([&] { split("preamble" + body, 5); }) == "it ends before its last boundary");
    CHECK(split("--sep--", 1).empty());
}

TEST_CASE("blanks may follow a boundary, nothing else", "[multipart]") {
    CHECK(split("--sep \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--sep--", 1) ==
          std::vector<found_part>{{"a", "", "1"}});
    for (const std::string after : {"x", "-x", "\rx", " x"}) {
        INFO(after);
        CHECK(message_of([&] { split("--sep" + after + "\r\n\r\n", 1); }) ==
              "a boundary does not end its line");
    }
    CHECK(message_of([] {
              split("--sep" + std::string(multipart_splitter::max_header + 1, ' '), 100);
          }) == "a boundary does not end its line");
}

TEST_CASE("a body without its last boundary is damaged", "[multipart]") {
    const std::string whole = part("name=\"a\"", "content") + "--sep--";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO("size " << size);
        CHECK(message_of([&] { split(whole.substr(0, size), 7); }) ==
              "it ends before its last boundary");
    }
    CHECK(split(whole, 7).size() == 1);
}

TEST_CASE("a part's header has a bound, and its content has none", "[multipart]") {
    const std::string begin = "--sep\r\nContent-Disposition: form-data; name=\"a\"\r\nX: ";
    const std::string end = "\r\n\r\n" + std::string(100'000, 'c') + "\r\n--sep--";
    const std::size_t room = multipart_splitter::max_header - begin.size();
    for (const std::size_t step : {std::size_t{1000}, std::size_t{1'000'000}}) {
        INFO("step " << step);
        CHECK(split(begin + std::string(room, 'x') + end, step).at(0).content.size() == 100'000);
        CHECK(message_of([&] { split(begin + std::string(room + 10, 'x') + end, step); }) ==
              "a part has a header of more than 16 KiB");
        // One that never ends is not waited for.
        CHECK(message_of([&] { split(begin + std::string(100'000, 'x'), step); }) ==
              "a part has a header of more than 16 KiB");
    }
}

TEST_CASE("a part's header is read whatever its case, order and quotes", "[multipart]") {
    const auto header = [](const std::string& lines) {
        return split("--sep\r\n" + lines + "\r\n\r\n\r\n--sep--", 3).at(0);
    };
    CHECK(header("content-TYPE: x\r\ncontent-DISPOSITION:form-data;FILENAME=b ; Name = a") ==
          found_part{"a", "b", ""});
    CHECK(header("Content-Disposition: form-data; name=\"a;\\\"b\"; filename=\"C:\\dir\\x;y=z\"") ==
          found_part{"a;\"b", "C:\\dir\\x;y=z", ""});
    CHECK(header("Content-Disposition: form-data; filename=\"\"") == found_part{"", "", ""});
    CHECK(header("Content-Disposition: form-data; name=\"a") == found_part{"\"a", "", ""});
    CHECK(header("no colon\r\nOther: name=\"a\"") == found_part{"", "", ""});
    CHECK(split("--sep\r\n\r\nbare\r\n--sep--", 1) == std::vector<found_part>{{"", "", "bare"}});
}

TEST_CASE("only a form's type with a usable boundary has one", "[multipart]") {
    CHECK(multipart_boundary("multipart/form-data; boundary=abc") == "abc");
    CHECK(multipart_boundary("Multipart/Form-Data; charset=x; BOUNDARY=\"a b;c\"") == "a b;c");
    CHECK(multipart_boundary("multipart/form-data;boundary=" + std::string(70, 'x')));
    for (const std::string type :
         {"", "multipart/form-data", "multipart/form-data; boundary=",
          "multipart/mixed; boundary=abc", "application/json", "text/plain; boundary=abc"}) {
        INFO(type);
        CHECK_FALSE(multipart_boundary(type));
    }
    CHECK_FALSE(multipart_boundary("multipart/form-data;boundary=" + std::string(71, 'x')));
}
