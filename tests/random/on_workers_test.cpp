// tests/random/on_workers_test.cpp — random programs do what the model says on real workers, whatever is late or elsewhere.
// SPDX-License-Identifier: BSL-1.0
//
//   Environment  RUNNEL_RANDOM_PROGRAMS=n  so many programs for each number of workers
//                RUNNEL_SEED=s             begins with the program of this seed
//                RUNNEL_FAULT=s            chooses what strikes, and the programs if RUNNEL_SEED does not
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <runnel/runnel.hpp>

#include "random/on_workers.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/support.hpp"

namespace {

using namespace test::random;

std::uint64_t number_in(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct sums {
    std::uint64_t programs = 0;
    std::uint64_t calls = 0;
    std::uint64_t effects = 0;
    std::uint64_t undecided = 0;
    std::uint64_t waited = 0;
    std::string failure;
};

void run_programs(std::uint64_t from, std::uint64_t n, sums& s) {
    for (std::uint64_t seed = from; seed < from + n; ++seed) {
        const program p = for_workers(make_program(seed));
        const run_outcome o = execute_on_workers(p);
        ++s.programs;
        s.calls += o.seen.calls.size();
        s.effects += o.judged.effects;
        s.undecided += o.judged.undecided ? 1 : 0;
        s.waited += o.somebody_waited ? 1 : 0;
        if (o.failure.empty()) continue;
        s.failure = "RUNNEL_SEED=" + std::to_string(seed) + ": " + report(p, o);
        return;
    }
}

TEST_CASE("what random programs do on real workers under faults, they do in some order",
          "[random][faults]") {
    const std::uint64_t n =
        number_in("RUNNEL_RANDOM_PROGRAMS", static_cast<std::uint64_t>(test::scale(200)));
    std::uint64_t from =
        number_in("RUNNEL_SEED", 1 + number_in("RUNNEL_FAULT", 0) % 1'000'000 * 1000);
    sums s;
    for (const std::size_t workers : {1U, 2U, 3U, 8U, 64U}) {
        INFO("RUNNEL_FAULT=" << test::fault_seed() << ", " << workers << " workers");
        const test::procs limit(workers);
        {
            const test::faults armed(test::harmless, test::fault_seed());
            runnel::run([&] { run_programs(from, n, s); });
        }
        if (!s.failure.empty()) FAIL(s.failure);
        from += n;
    }
    std::printf(
        "%llu programs, %llu operations, %llu effects tried, %llu undecided; "
        "in %llu somebody waited for ever\n",
        static_cast<unsigned long long>(s.programs), static_cast<unsigned long long>(s.calls),
        static_cast<unsigned long long>(s.effects), static_cast<unsigned long long>(s.undecided),
        static_cast<unsigned long long>(s.waited));
    CHECK(s.programs == 5 * n);
    CHECK(s.undecided * 100 <= s.programs);
    CHECK(s.waited > s.programs / 10);
}

}  // namespace
