// examples/excel_to_db/workbook/shared_strings.cpp — reading sharedStrings.xml.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/shared_strings.hpp"

#include <string>
#include <system_error>

#include "workbook/cell_text.hpp"
#include "workbook/error.hpp"
#include "workbook/xml_parser.hpp"

namespace excel_to_db {

namespace {

// <si> holds one <t>, or runs <r><t> of rich text, which are joined; <rPh> tells how to pronounce
// it and is left out.
class strings_handler final : public xml_handler {
public:
    strings_handler(text_pool& pool, const workbook_limits& limits)
        : pool_(pool), limits_(limits) {}

    void on_start(std::string_view element, const xml_attributes&) override {
        if (element == "si") text_.clear();
        if (element == "rPh") phonetic_ = true;
        in_text_ = element == "t" && !phonetic_;
    }

    void on_text(std::string_view text) override {
        // An escape is seven bytes a character; what is longer still is too long in any case.
        if (in_text_ && text_.size() <= limits_.cell_characters * 7) text_ += text;
    }

    void on_end(std::string_view element) override {
        in_text_ = false;
        if (element == "rPh") phonetic_ = false;
        if (element != "si") return;
        unescape(text_);
        if (pool_.size() == limits_.shared_strings ||
            pool_.bytes() + text_.size() > limits_.shared_string_bytes) {
            throw workbook_too_large("holds too many shared strings");
        }
        pool_.add(text_);
    }

private:
    text_pool& pool_;
    const workbook_limits& limits_;
    std::string text_;
    bool in_text_ = false;
    bool phonetic_ = false;
};

}  // namespace

void shared_strings::read(const runnel::context& ctx, zip_archive& zip, std::string_view part) {
    strings_handler handler(pool_, zip.limits());
    xml_parser parser(zip.open(part), handler, zip.limits());
    while (parser.parse_some()) {  // a block holds a few thousand strings
        if (const std::error_code done = ctx.err()) throw std::system_error(done);
    }
    pool_.seal();
}

}  // namespace excel_to_db
