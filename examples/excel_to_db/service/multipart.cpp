// examples/excel_to_db/service/multipart.cpp — finding boundaries and headers.
// SPDX-License-Identifier: BSL-1.0
#include "service/multipart.hpp"

#include <algorithm>

namespace excel_to_db {

namespace {

char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lowered(x) == lowered(y); });
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Takes what stands before the next semicolon that is not within quotes off the front.
std::string_view next_item(std::string_view& text) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < text.size() && (quoted || text[end] != ';'); ++end) {
        if (text[end] == '\\' && quoted) {
            ++end;
        } else if (text[end] == '"') {
            quoted = !quoted;
        }
    }
    end = std::min(end, text.size());
    const std::string_view item = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return item;
}

// The value of a parameter: `form-data; name="file"` has one.
std::optional<std::string> parameter(std::string_view value, std::string_view name) {
    next_item(value);
    while (!value.empty()) {
        const std::string_view item = next_item(value);
        const auto equals = item.find('=');
        if (equals == std::string_view::npos || !same_word(trimmed(item.substr(0, equals)), name)) {
            continue;
        }
        std::string_view given = trimmed(item.substr(equals + 1));
        if (given.size() < 2 || given.front() != '"' || given.back() != '"') {
            return std::string(given);
        }
        given = given.substr(1, given.size() - 2);
        std::string plain;
        for (std::size_t i = 0; i < given.size(); ++i) {
            // Only a quote is ever escaped: a backslash may belong to a path of Windows.
            if (given[i] == '\\' && i + 1 < given.size() && given[i + 1] == '"') ++i;
            plain += given[i];
        }
        return plain;
    }
    return std::nullopt;
}

multipart_part parse_header(std::string_view header) {
    while (!header.empty()) {
        const auto end = std::min(header.find("\r\n"), header.size());
        const std::string_view line = header.substr(0, end);
        header.remove_prefix(std::min(end + 2, header.size()));
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        if (!same_word(trimmed(line.substr(0, colon)), "content-disposition")) continue;
        const std::string_view value = line.substr(colon + 1);
        return {parameter(value, "name").value_or(""), parameter(value, "filename").value_or("")};
    }
    return {};
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
    constexpr std::size_t longest = 70;  // RFC 2046
    std::string_view rest = content_type;
    if (!same_word(next_item(rest), "multipart/form-data")) return std::nullopt;
    auto boundary = parameter(content_type, "boundary");
    if (!boundary || boundary->empty() || boundary->size() > longest) return std::nullopt;
    return boundary;
}

void multipart_splitter::feed(std::string_view bytes) {
    if (place_ == place::epilogue) return;
    pending_ += bytes;
    bool more = true;
    while (more) {
        switch (place_) {
            case place::preamble:
            case place::content:
                more = read_content();
                break;
            case place::boundary_end:
                more = read_boundary_end();
                break;
            case place::header:
                more = read_header();
                break;
            case place::epilogue:
                pending_.clear();
                more = false;
                break;
        }
    }
}

void multipart_splitter::finish() const {
    if (place_ != place::epilogue) throw multipart_error("it ends before its last boundary");
}

bool multipart_splitter::read_content() {
    const auto found = pending_.find(delimiter_);
    const bool ends = found != std::string::npos;
    // What stands last may be the beginning of a boundary.
    const std::size_t kept = delimiter_.size() - 1;
    const std::size_t size = ends ? found : pending_.size() - std::min(kept, pending_.size());
    if (place_ == place::content && size > 0) on_data_(std::string_view(pending_).substr(0, size));
    pending_.erase(0, ends ? size + delimiter_.size() : size);
    if (ends) place_ = place::boundary_end;
    return ends;
}

// The line's end stays: it is the header's first one.
bool multipart_splitter::read_boundary_end() {
    if (pending_.starts_with("--")) {
        place_ = place::epilogue;
        return true;
    }
    const auto end = pending_.find_first_not_of(" \t");
    const std::string_view rest =
        end == std::string::npos ? std::string_view() : std::string_view(pending_).substr(end);
    if (rest.starts_with("\r\n")) {
        pending_.erase(0, end);
        place_ = place::header;
        return true;
    }
    const bool may_go_on = rest.empty() || rest == "\r" || pending_ == "-";
    if (!may_go_on || pending_.size() > max_header) {
        throw multipart_error("a boundary does not end its line");
    }
    return false;
}

bool multipart_splitter::read_header() {
    const auto end = pending_.find("\r\n\r\n");
    if (std::min(end, pending_.size()) > max_header) {
        throw multipart_error("a part has a header of more than " +
                              std::to_string(max_header >> 10) + " KiB");
    }
    if (end == std::string::npos) return false;
    on_part_(parse_header(std::string_view(pending_).substr(0, end)));
    pending_.erase(0, end + 4);
    place_ = place::content;
    return true;
}

}  // namespace excel_to_db
