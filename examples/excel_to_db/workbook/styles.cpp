// examples/excel_to_db/workbook/styles.cpp — reading number formats and cell formats.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/styles.hpp"

#include <charconv>
#include <string>
#include <unordered_map>

#include "workbook/error.hpp"
#include "workbook/xml_parser.hpp"

namespace excel_to_db {

namespace {

unsigned number_of(std::string_view text) {
    unsigned value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool is_only(std::string_view text, std::string_view letters) {
    return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

class styles_handler final : public xml_handler {
public:
    explicit styles_handler(std::size_t max) : max_(max) {}

    void on_start(std::string_view element, const xml_attributes& attributes) override {
        if (element == "numFmt") {
            const auto id = attributes.find("numFmtId");
            const auto code = attributes.find("formatCode");
            if (!id || !code) return;
            if (formats_.size() == max_) throw workbook_error("declares too many formats");
            formats_.insert_or_assign(number_of(*id), look_of_format(*code));
        } else if (element == "cellXfs") {
            in_cell_formats_ = true;
        } else if (element == "xf" && in_cell_formats_) {
            if (looks.size() == max_) throw workbook_error("declares too many cell formats");
            const unsigned id = number_of(attributes.find("numFmtId").value_or("0"));
            const auto own = formats_.find(id);
            looks.push_back(own != formats_.end() ? own->second : look_of_builtin(id));
        }
    }

    void on_end(std::string_view element) override {
        if (element == "cellXfs") in_cell_formats_ = false;
    }

    std::vector<number_look> looks;

private:
    std::size_t max_;
    std::unordered_map<unsigned, number_look> formats_;  // numFmts stands before cellXfs
    bool in_cell_formats_ = false;
};

}  // namespace

// 27-36 and 50-58 are the dates of the East Asian editions.
number_look look_of_builtin(unsigned id) {
    if (id == 46) return number_look::elapsed;
    if ((id >= 18 && id <= 21) || id == 45 || id == 47) return number_look::time;
    if ((id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 50 && id <= 58)) {
        return number_look::date;
    }
    return number_look::number;
}

number_look look_of_format(std::string_view code) {
    bool date = false;
    bool time = false;
    for (std::size_t i = 0; i < code.size(); ++i) {
        switch (code[i]) {
            case ';':  // further sections are for negative numbers, zero and text
                i = code.size();
                break;
            case '"':
                i = code.find('"', i + 1);
                if (i == std::string_view::npos) i = code.size();
                break;
            case '\\':
            case '_':
            case '*':  // the next character is literal, a space's width, or a filler
                ++i;
                break;
            case '[': {  // a colour, a condition, a locale — or elapsed time
                const std::size_t end = code.find(']', i);
                const std::string_view inside = code.substr(i + 1, end - i - 1);
                if (is_only(inside, "hHmMsS")) return number_look::elapsed;
                i = end == std::string_view::npos ? code.size() : end;
                break;
            }
            case 'A':
            case 'a':
                if (const auto rest = code.substr(i);
                    rest.starts_with("AM/PM") || rest.starts_with("am/pm")) {
                    time = true;
                    i += 4;  // its M is no month
                }
                break;
            case 'y':
            case 'Y':
            case 'd':
            case 'D':
                date = true;
                break;
            case 'h':
            case 'H':
            case 's':
            case 'S':
                time = true;
                break;
            case 'm':
            case 'M':  // month or minute: alone it is a month
                date = date || (!time && code.find_first_of("sS", i) == std::string_view::npos);
                time = time || !date;
                break;
            default:
                break;
        }
    }
    if (date) return number_look::date;
    return time ? number_look::time : number_look::number;
}

cell_styles::cell_styles(zip_archive& zip, std::string_view part) {
    styles_handler handler(zip.limits().cell_formats);
    xml_parser(zip.open(part), handler, zip.limits()).parse_all();
    looks_ = std::move(handler.looks);
}

}  // namespace excel_to_db
