// examples/13_confinement/process_records.cpp — ten thousand records, a goroutine each, an error where one is bad.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "Real-World Example: Concurrent Array Processing", processRecords. A failure is part of its record's
// result, and written where only this record's goroutine writes.
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../common/guide.hpp"

namespace {

struct record {
    int id;
    std::string data;  // "12+30"
};
struct processed_record {
    int id = 0;
    int result = 0;
    std::string error;
};

int process(const record& r) {
    int sum = 0;
    for (std::string_view rest = r.data;;) {
        int n = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), n);
        if (error != std::errc()) throw std::runtime_error("no number in '" + r.data + "'");
        sum += n;
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        if (rest.empty()) return sum;
        if (rest.front() != '+') throw std::runtime_error("no sum: '" + r.data + "'");
        rest.remove_prefix(1);
    }
}

// [records]
std::vector<processed_record> process_records(const std::vector<record>& records) {
    std::vector<processed_record> results(records.size());
    runnel::wait_group wg;
    for (std::size_t i = 0; i < records.size(); ++i) {
        wg.go([&records, &results, i] {
            processed_record& mine = results[i];
            mine.id = records[i].id;
            try {
                mine.result = process(records[i]);
            } catch (const std::exception& e) {
                mine.error = e.what();
            }
        });
    }
    wg.wait();
    return results;
}
// [/records]

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        std::vector<record> records;
        for (int i = 0; i < 10'000; ++i) {
            records.push_back({i, std::to_string(i) + "+" + std::to_string(2 * i)});
        }
        records[1234].data = "12+";
        records[5678].data = "3*4";
        int right = 0;
        for (const processed_record& p : process_records(records)) {
            if (p.error.empty()) {
                right += p.result == 3 * p.id ? 1 : 0;
            } else {
                std::printf("record %d: %s\n", p.id, p.error.c_str());
            }
        }
        std::printf("%d records processed\n", right);
        return 0;
    });
}
// Output:
// record 1234: no number in '12+'
// record 5678: no sum: '3*4'
// 9998 records processed
