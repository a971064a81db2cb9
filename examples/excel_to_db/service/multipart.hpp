// examples/excel_to_db/service/multipart.hpp — a multipart/form-data body, split as it arrives.
// SPDX-License-Identifier: BSL-1.0
//
//   --boundary␍␊ header lines ␍␊␍␊ content ␍␊--boundary␍␊ … ␍␊--boundary--
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace excel_to_db {

class multipart_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The boundary that a Content-Type names; nothing if it is not multipart/form-data with a usable one.
std::optional<std::string> multipart_boundary(std::string_view content_type);

/// What a part says of itself.
struct multipart_part {
    std::string name;
    std::string file_name;  // as the client has it: to be shown, never to be opened
};

/// Finds the parts in a body that comes in pieces of any size; keeps at most one piece, a part's header
/// or a boundary. Throws `multipart_error`.
class multipart_splitter {
public:
    /// `on_part` is called where a part begins, `on_data` with its content, piece by piece.
    multipart_splitter(std::string_view boundary,
                       std::function<void(const multipart_part&)> on_part,
                       std::function<void(std::string_view)> on_data)
        : delimiter_("\r\n--" + std::string(boundary)),
          on_part_(std::move(on_part)),
          on_data_(std::move(on_data)) {}

    void feed(std::string_view bytes);

    /// To be called at the end of the body: it must have had its last boundary.
    void finish() const;

    static constexpr std::size_t max_header = 16 * 1024;

private:
    // Each does what can be done with `pending_`; false if it takes more to go on.
    bool read_content();
    bool read_boundary_end();
    bool read_header();

    enum class place { preamble, content, boundary_end, header, epilogue };

    const std::string delimiter_;
    const std::function<void(const multipart_part&)> on_part_;
    const std::function<void(std::string_view)> on_data_;
    std::string pending_ = "\r\n";  // the first boundary has no line before it
    place place_ = place::preamble;
};

}  // namespace excel_to_db
