// tests/random/mutant.cpp — runs random programs on a mutant of the library until one fails.
// SPDX-License-Identifier: BSL-1.0
//
//   Exits with 0 if the mutant is killed: a program fails, or the process crashes or hangs. In a child
//   process, since a mutant may do anything.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "random/execute.hpp"
#if defined(RUNNEL_MUTANT_ON_WORKERS)
#include <runnel/runnel.hpp>

#include "random/on_workers.hpp"
#include "support/faults.hpp"
#include "support/support.hpp"
#endif

namespace {

constexpr std::uint64_t most_programs = 100'000;
constexpr unsigned most_seconds = 60;

#if defined(RUNNEL_MUTANT_ON_WORKERS)
test::random::program program_of(std::uint64_t seed) {
    return test::random::for_workers(test::random::make_program(seed));
}
test::random::run_outcome run(const test::random::program& p) {
    const test::procs limit(p.schedule % 2 == 0 ? 2 : 8);
    const test::faults armed(test::harmless, p.schedule);
    test::random::run_outcome o;
    runnel::run([&] { o = test::random::execute_on_workers(p); });
    return o;
}
#else
test::random::program program_of(std::uint64_t seed) { return test::random::make_program(seed); }
test::random::run_outcome run(const test::random::program& p) { return test::random::execute(p); }
#endif

/// Runs programs, and says on stderr what was wrong with the first that fails.
[[noreturn]] void run_programs(std::atomic<std::uint64_t>& programs) {
    ::alarm(most_seconds);
    for (std::uint64_t seed = 1; seed <= most_programs; ++seed) {
        programs.store(seed);
        const test::random::program p = program_of(seed);
        const test::random::run_outcome o = run(p);
        if (o.failure.empty()) continue;
        std::fprintf(stderr, "%s\n", test::random::report(p, o).c_str());
        std::_Exit(1);
    }
    std::_Exit(0);
}

}  // namespace

int main() {
    void* shared = ::mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 2;
    auto& programs = *::new (shared) std::atomic<std::uint64_t>(0);
    const pid_t child = ::fork();
    if (child < 0) return 2;
    if (child == 0) run_programs(programs);
    int status = 0;
    if (::waitpid(child, &status, 0) != child) return 2;
    const auto n = static_cast<unsigned long long>(programs.load());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        std::printf("survives %llu programs\n", n);
        return 1;
    }
    const bool fails = WIFEXITED(status);
    const bool hangs = !fails && WTERMSIG(status) == SIGALRM;
    std::printf("killed by program %llu, which %s\n", n,
                fails   ? "fails"
                : hangs ? "hangs"
                        : "ends with a signal");
    return 0;
}
