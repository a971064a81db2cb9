// examples/excel_to_db/workbook/text_pool.hpp — texts in memory up to a bound, then in a file.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace excel_to_db {

/// Strings that are first all added and then looked up by number. What exceeds the bound goes to
/// a temporary file without a name; a string costs eight bytes of memory wherever it lies.
class text_pool {
public:
    /// The file is made in `folder`; in the temporary folder if that is empty.
    explicit text_pool(std::size_t bytes_in_memory, std::filesystem::path folder = {})
        : bound_(bytes_in_memory), folder_(std::move(folder)) {}
    text_pool(const text_pool&) = delete;
    text_pool& operator=(const text_pool&) = delete;
    ~text_pool();

    static constexpr unsigned size_bits = 18;
    static constexpr std::size_t max_size = (std::size_t{1} << size_bits) - 1;

    std::size_t size() const { return places_.size(); }
    std::uint64_t bytes() const { return end_; }
    /// The descriptor of its file; -1 as long as there is none.
    int file() const { return file_; }

    /// `text` is cut at `max_size`.
    void add(std::string_view text);

    /// To be called between the last `add` and the first `at`.
    void seal();

    /// Valid until the next call. Precondition: `i < size()`.
    std::string_view at(std::size_t i);

private:
    // Offsets below `bound_` are in memory, block by block; no string straddles two blocks.
    class place {
    public:
        place(std::uint64_t offset, std::size_t size) : packed_(offset << size_bits | size) {}
        std::uint64_t offset() const { return packed_ >> size_bits; }
        std::size_t size() const { return static_cast<std::size_t>(packed_ & max_size); }

    private:
        std::uint64_t packed_;
    };

    void add_to_file(std::string_view text);
    void flush();

    const std::size_t bound_;
    const std::filesystem::path folder_;
    std::vector<place> places_;
    std::vector<std::unique_ptr<char[]>> blocks_;
    std::uint64_t end_ = 0;
    int file_ = -1;
    std::string pending_;       // the end of the file, not yet written; later the window
    std::uint64_t window_ = 0;  // file offset of pending_'s first byte
};

}  // namespace excel_to_db
