// examples/excel_to_db/workbook/xml_parser.hpp — one XML part, parsed piece by piece with expat.
// SPDX-License-Identifier: BSL-1.0
//
//   Names are given without their namespace prefix: x:row and row are the same element here.
//   A DOCTYPE is refused, and with it every entity trick.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>

#include "workbook/zip_archive.hpp"

struct XML_ParserStruct;

namespace excel_to_db {

/// The attributes of the element being started; valid during the call.
class xml_attributes {
public:
    explicit xml_attributes(const char** pairs) : pairs_(pairs) {}
    std::optional<std::string_view> find(std::string_view name) const;

private:
    const char** pairs_;  // name, value, name, value, …, null
};

/// What a parser calls. A handler may throw; the exception comes out of `xml_parser`.
class xml_handler {
public:
    xml_handler() = default;
    xml_handler(const xml_handler&) = delete;
    xml_handler& operator=(const xml_handler&) = delete;
    virtual ~xml_handler() = default;

    virtual void on_start(std::string_view element, const xml_attributes& attributes) = 0;
    virtual void on_end(std::string_view element) = 0;
    virtual void on_text(std::string_view) {}
};

class xml_parser {
public:
    /// `handler` must outlive the parser.
    xml_parser(zip_entry part, xml_handler& handler, const workbook_limits& limits);
    xml_parser(const xml_parser&) = delete;
    xml_parser& operator=(const xml_parser&) = delete;
    ~xml_parser();

    /// Parses on until the handler asks for a pause or a block of input is used up. False once
    /// the document has ended.
    bool parse_some();
    void parse_all();

    /// How much of the part has been used up, from 0 to 1.
    double fraction_read() const { return part_.fraction_read(); }

    /// Called by the handler: `parse_some` returns after the present event.
    void pause();

private:
    struct callbacks;
    friend struct callbacks;
    struct free_parser {
        void operator()(XML_ParserStruct* parser) const;
    };

    [[noreturn]] void fail() const;
    void check_token() const;
    template <class F>
    void guarded(F call) noexcept;

    zip_entry part_;
    xml_handler& handler_;
    const std::size_t max_depth_;
    const std::size_t max_token_;
    std::unique_ptr<XML_ParserStruct, free_parser> parser_;
    std::exception_ptr thrown_;  // by the handler; expat's C frames must not be unwound
    std::size_t depth_ = 0;
    std::uint64_t fed_ = 0;
    bool paused_ = false;
    bool ended_ = false;
};

}  // namespace excel_to_db
