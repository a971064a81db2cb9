// examples/excel_to_db/workbook/xml_parser.cpp — expat behind exceptions, limits and pauses.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/xml_parser.hpp"

#include <expat.h>

#include <new>
#include <string>
#include <utility>

#include "workbook/error.hpp"

namespace excel_to_db {

namespace {

constexpr std::size_t block_size = 64 * 1024;

// Names are a letter or two as a rule: one loop is faster than strchr and strlen.
std::string_view local_name(const char* name) {
    const char* end = name;
    for (; *end != '\0'; ++end) {
        if (*end == ':') name = end + 1;
    }
    return {name, static_cast<std::size_t>(end - name)};
}

}  // namespace

std::optional<std::string_view> xml_attributes::find(std::string_view name) const {
    for (const char** pair = pairs_; *pair != nullptr; pair += 2) {
        if (local_name(pair[0]) == name) return std::string_view(pair[1]);
    }
    return std::nullopt;
}

// ---- 1. callbacks ----

template <class F>
void xml_parser::guarded(F call) noexcept {
    if (thrown_) return;  // expat may deliver an event or two after it was stopped
    try {
        call();
    } catch (...) {
        thrown_ = std::current_exception();
        XML_StopParser(parser_.get(), XML_FALSE);
    }
}

struct xml_parser::callbacks {
    static xml_parser& self(void* data) { return *static_cast<xml_parser*>(data); }

    static void start(void* data, const char* name, const char** attributes) {
        xml_parser& parser = self(data);
        parser.guarded([&] {
            if (++parser.depth_ > parser.max_depth_) {
                throw workbook_error("nests the XML of " + parser.part_.name() + " too deeply");
            }
            parser.handler_.on_start(local_name(name), xml_attributes(attributes));
        });
    }

    static void end(void* data, const char* name) {
        xml_parser& parser = self(data);
        parser.guarded([&] {
            --parser.depth_;
            parser.handler_.on_end(local_name(name));
        });
    }

    static void text(void* data, const char* begin, int size) {
        xml_parser& parser = self(data);
        parser.guarded([&] {
            parser.handler_.on_text(std::string_view(begin, static_cast<std::size_t>(size)));
        });
    }

    static void doctype(void* data, const char*, const char*, const char*, int) {
        xml_parser& parser = self(data);
        parser.guarded([&] {
            throw workbook_error("has a DOCTYPE in " + parser.part_.name() +
                                 ", which no workbook needs");
        });
    }
};

// ---- 2. parser ----

void xml_parser::free_parser::operator()(XML_ParserStruct* parser) const { XML_ParserFree(parser); }

xml_parser::xml_parser(zip_entry part, xml_handler& handler, const workbook_limits& limits)
    : part_(std::move(part)),
      handler_(handler),
      max_depth_(limits.xml_depth),
      max_token_(limits.xml_token_bytes),
      parser_(XML_ParserCreate(nullptr)) {
    if (!parser_) throw std::bad_alloc();
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), callbacks::start, callbacks::end);
    XML_SetCharacterDataHandler(parser_.get(), callbacks::text);
    XML_SetStartDoctypeDeclHandler(parser_.get(), callbacks::doctype);
}

xml_parser::~xml_parser() = default;

bool xml_parser::parse_some() {
    if (ended_) return false;

    XML_Status status;
    if (std::exchange(paused_, false)) {
        status = XML_ResumeParser(parser_.get());
    } else {
        void* buffer = XML_GetBuffer(parser_.get(), static_cast<int>(block_size));
        if (buffer == nullptr) throw std::bad_alloc();
        const std::size_t size = part_.read({static_cast<char*>(buffer), block_size});
        fed_ += size;
        status = XML_ParseBuffer(parser_.get(), static_cast<int>(size), size == 0 ? 1 : 0);
    }

    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (status == XML_STATUS_ERROR) fail();
    if (status == XML_STATUS_OK) check_token();

    XML_ParsingStatus parsing;
    XML_GetParsingStatus(parser_.get(), &parsing);
    ended_ = parsing.parsing == XML_FINISHED;
    return !ended_;
}

void xml_parser::parse_all() {
    while (parse_some()) {
    }
}

void xml_parser::pause() { paused_ = XML_StopParser(parser_.get(), XML_TRUE) == XML_STATUS_OK; }

void xml_parser::fail() const {
    throw workbook_error("is damaged: " + part_.name() + ": " +
                         XML_ErrorString(XML_GetErrorCode(parser_.get())) + " (line " +
                         std::to_string(XML_GetCurrentLineNumber(parser_.get())) + ")");
}

// A token that does not end makes expat keep, and scan again and again, all that was fed since.
void xml_parser::check_token() const {
    const XML_Index position = XML_GetCurrentByteIndex(parser_.get());
    if (position < 0) return;
    if (fed_ - static_cast<std::uint64_t>(position) > max_token_) {
        throw workbook_error("has an XML token of more than " + std::to_string(max_token_ >> 10) +
                             " KiB in " + part_.name());
    }
}

}  // namespace excel_to_db
