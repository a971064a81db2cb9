// examples/09_for_select/monitor.cpp — a loop around a select: checks on demand, checks by the clock, until told to stop.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "Pattern 3: For-Select Loop", monitor. Once its channel of checks is closed, its Go receives empty
// checks as fast as it can. A channel that has nothing more to say is set to nil: then its case is never ready.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "../common/guide.hpp"

namespace {

/// A check looks whether a file is there and not empty.
struct check {
    std::string name;
    std::filesystem::path file;
};

const char* perform(const check& c) {
    std::error_code error;
    const auto size = std::filesystem::file_size(c.file, error);
    if (error) return "missing";
    return size > 0 ? "well" : "empty";
}

struct counts {
    int performed = 0;
    int periodic = 0;
    int wakeups = 0;
};

counts monitor(const runnel::recv_chan<runnel::unit>& done, runnel::recv_chan<check> checks,
               const check& always) {
    counts n;
    runnel::ticker ticker(guide::seconds(0.25));  // the guide's 10 s, less patiently
    for (bool more = true; more; ++n.wakeups) {
        // In order: what was asked for before the end is done.
        runnel::select(runnel::in_order,
                       runnel::recv(checks,
                                    [&](const std::optional<check>& c) {
                                        if (!c) {
                                            std::puts("no more checks on demand");
                                            checks = {};
                                            return;
                                        }
                                        std::printf("check %s: %s\n", c->name.c_str(), perform(*c));
                                        ++n.performed;
                                    }),
                       runnel::recv(done,
                                    [&] {
                                        std::puts("monitor stopping");
                                        more = false;
                                    }),
                       runnel::recv(ticker.chan(), [&] {
                           if (std::string(perform(always)) == "well") ++n.periodic;
                       }));
    }
    return n;
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        const guide::temporary_folder folder;
        std::ofstream(folder / "config") << "threads = 2\n";
        std::ofstream(folder / "journal").flush();

        auto done = runnel::make_chan<runnel::unit>();
        auto checks = runnel::make_chan<check>();
        auto result =
            runnel::async([&] { return monitor(done, checks, {"config", folder / "config"}); });
        for (const char* name : {"config", "journal", "backup"}) checks.send({name, folder / name});
        checks.close();
        runnel::sleep_for(guide::seconds(2));
        done.close();
        const counts n = result.get();
        std::printf("%d checks performed\n", n.performed);
        guide::note("%d periodic ones, %d wake-ups\n", n.periodic, n.wakeups);
        // The three checks, the end of the checks, the end; and one for each tick.
        std::printf("wake-ups for nothing: %d\n", n.wakeups - 5 - n.periodic);
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// check config: well
// check journal: empty
// check backup: missing
// no more checks on demand
// monitor stopping
// 3 checks performed
// wake-ups for nothing: 0
// goroutines left: 0
