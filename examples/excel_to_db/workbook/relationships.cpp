// examples/excel_to_db/workbook/relationships.cpp — reading a .rels part.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/relationships.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "workbook/error.hpp"
#include "workbook/xml_parser.hpp"

namespace excel_to_db {

namespace {

// A target is relative to the folder of the part that names it, unless it begins with a slash.
std::string resolve(std::string_view folder, std::string target) {
    std::replace(target.begin(), target.end(), '\\', '/');
    std::string path(target.starts_with('/') ? std::string_view{} : folder);
    std::string_view rest = target;
    while (!rest.empty()) {
        const std::size_t slash = rest.find('/');
        const std::string_view step = rest.substr(0, slash);
        rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
        if (step == "..") {
            if (path.empty()) throw workbook_error("has a relationship that climbs out: " + target);
            path.pop_back();
            path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
        } else if (step != "." && !step.empty()) {
            path += step;
            if (!rest.empty()) path += '/';
        }
    }
    return path;
}

class rels_handler final : public xml_handler {
public:
    rels_handler(std::string_view folder, const workbook_limits& limits)
        : folder_(folder), limits_(limits) {}

    void on_start(std::string_view element, const xml_attributes& attributes) override {
        if (element != "Relationship") return;
        if (attributes.find("TargetMode") == "External") return;
        const auto id = attributes.find("Id");
        const auto type = attributes.find("Type");
        const auto target = attributes.find("Target");
        if (!id || !type || !target) return;
        if (found.size() == limits_.sheets_and_parts) throw workbook_error("lists too many parts");
        const std::size_t slash = type->rfind('/');
        relationship part{
            std::string(slash == std::string_view::npos ? *type : type->substr(slash + 1)),
            resolve(folder_, std::string(*target))};
        bytes_ += id->size() + part.role.size() + part.part.size();
        if (bytes_ > limits_.list_bytes) {
            throw workbook_error("lists parts with names of more than " +
                                 std::to_string(limits_.list_bytes >> 10) + " KiB");
        }
        found.emplace(*id, std::move(part));
    }
    void on_end(std::string_view) override {}

    std::unordered_map<std::string, relationship> found;

private:
    std::string_view folder_;
    const workbook_limits& limits_;
    std::size_t bytes_ = 0;
};

}  // namespace

std::unordered_map<std::string, relationship> read_relationships(zip_archive& zip,
                                                                 std::string_view part) {
    const std::size_t slash = part.rfind('/');
    const std::size_t name_at = slash == std::string_view::npos ? 0 : slash + 1;
    const std::string folder(part.substr(0, name_at));
    const std::string list = folder + "_rels/" + std::string(part.substr(name_at)) + ".rels";

    rels_handler handler(folder, zip.limits());
    if (zip.contains(list)) xml_parser(zip.open(list), handler, zip.limits()).parse_all();
    return std::move(handler.found);
}

}  // namespace excel_to_db
