// tests/support/faults.cpp — see faults.hpp.
// SPDX-License-Identifier: BSL-1.0
//
//   Nothing here takes a lock or a locked instruction on the way through a point: it would order what the
//   library itself has left unordered, and so hide what is looked for.
#include "support/faults.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <new>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <runnel/detail/platform.hpp>
#include <runnel/detail/tsan.hpp>

#include "support/support.hpp"

#if !defined(RUNNEL_FAULT_POINTS)
#error "the whole program has to be built with RUNNEL_FAULT_POINTS"
#endif

namespace test {
namespace {

constexpr std::size_t most_names = 256;

std::atomic<unsigned> armed{no_faults};
std::atomic<std::uint64_t> seed_of_all{0};
std::atomic<std::uint64_t> arming{0};

// Names are literals; the same one may have several addresses.
std::array<std::atomic<const char*>, most_names> names{};

std::size_t index_of(const char* name) {
    std::size_t i = (reinterpret_cast<std::uintptr_t>(name) * 0x9e3779b97f4a7c15ULL) >> 56;
    for (std::size_t tried = 0; tried < most_names; ++tried, i = (i + 1) % most_names) {
        const char* there = names[i].load(std::memory_order_relaxed);
        if (there == name) return i;
        if (there != nullptr) continue;
        if (names[i].compare_exchange_strong(there, name) || there == name) return i;
    }
    return 0;
}

struct count {
    std::atomic<std::uint64_t> visits{0};
    std::atomic<std::uint64_t> strikes{0};
};

// One thread's, for ever: it is read after the thread has gone.
struct thread_faults {
    std::uint64_t of_arming = 0;
    std::uint64_t number = 0;
    runnel::detail::random_source random;
    std::array<count, most_names> counts{};
    thread_faults* next = nullptr;
};
std::atomic<thread_faults*> all_threads{nullptr};
thread_local thread_faults* mine = nullptr;

void add_one(std::atomic<std::uint64_t>& n) {
    n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

thread_faults* this_thread() {
    if (mine == nullptr) {
        auto* made = static_cast<thread_faults*>(std::calloc(1, sizeof(thread_faults)));
        if (made == nullptr) std::abort();
        mine = ::new (static_cast<void*>(made)) thread_faults;
        static std::atomic<std::uint64_t> threads{0};
        mine->number = threads.fetch_add(1);
        mine->next = all_threads.load();
        while (!all_threads.compare_exchange_weak(mine->next, mine)) {
        }
    }
    const std::uint64_t now = arming.load(std::memory_order_relaxed);
    if (mine->of_arming != now) {
        mine->of_arming = now;
        std::uint64_t state = seed_of_all.load(std::memory_order_relaxed) + mine->number;
        mine->random = runnel::detail::random_source(runnel::detail::splitmix(state));
    }
    return mine;
}

void delay(runnel::detail::random_source& random) {
    const std::uint32_t c = random.next();
    if (c % 100'000 == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));  // as if it had been stopped
    } else if (c % 16 == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(random.below(300)));
    } else if (c % 16 < 4) {
        std::this_thread::yield();
    } else {
        for (std::uint32_t i = random.below(500); i > 0; --i) runnel::detail::cpu_relax();
    }
}

// The point at which the first who comes is held.
enum class holding : std::uint8_t { off, waiting, holds };
std::atomic<const char*> held_point{nullptr};
std::atomic<holding> held{holding::off};

RUNNEL_NOINLINE void hold_if_first() {
    holding expected = holding::waiting;
    if (!held.compare_exchange_strong(expected, holding::holds)) return;
    while (held.load() == holding::holds) std::this_thread::yield();
}

struct rule {
    const char* prefix;
    fault_kinds kind;
    std::uint32_t one_in;
};
constexpr rule rules[] = {
    {"scheduler.timers_late", times, 4},
    {"scheduler.keeper_early", times, 4},
    {"futex_wait.interrupted", wakes, 4},
    {"event_poll.interrupted", wakes, 4},
    {"socket.short", wakes, 4},
    {"scheduler.", schedules, 4},
    {"goroutine.preempted", schedules, 8},
    {"monitor.take_place", schedules, 4},
    {"goroutine_pool.no_memory", shortage, 2},
    {"spawn.no_memory", shortage, 16},
    {"stack_pool.no_memory", shortage, 2},
    {"start_thread.none_left", shortage, 2},
};

// RUNNEL_FAULT_ONLY=name,name…: nothing else strikes; to find out which fault it was.
bool is_wanted(const char* name) {
    static const char* const only = std::getenv("RUNNEL_FAULT_ONLY");
    if (only == nullptr) return true;
    std::string_view rest = only;
    for (;;) {
        const std::size_t comma = rest.find(',');
        if (rest.substr(0, comma) == name) return true;
        if (comma == std::string_view::npos) return false;
        rest.remove_prefix(comma + 1);
    }
}

const rule& rule_for(const char* name) {
    for (const rule& r : rules) {
        const std::string_view prefix = r.prefix;
        if (std::string_view(name).substr(0, prefix.size()) == prefix) return r;
    }
    runnel::detail::write_stderr("tests/support/faults.cpp has no rule for the fault ");
    runnel::detail::write_stderr(name);
    runnel::detail::write_stderr("\n");
    std::abort();
}

// RUNNEL_FAULT_COUNTS=file: one line for each point and fault is added to it at the end of the program.
void write_counts() {
    const char* path = std::getenv("RUNNEL_FAULT_COUNTS");
    if (path == nullptr) return;
    std::string text;
    for (const fault_count& c : fault_counts()) {
        text += c.name + ' ' + std::to_string(c.visits) + ' ' + std::to_string(c.strikes) + '\n';
    }
    // One write(): several programs may end at once.
    const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        runnel::detail::write_stderr("tests/support/faults.cpp cannot write RUNNEL_FAULT_COUNTS\n");
    }
    if (file >= 0) ::close(file);
}

// From the environment, before main() and for the whole program.
struct armed_from_the_start {
    armed_from_the_start() {
        const char* text = std::getenv("RUNNEL_FAULT");
        if (text == nullptr || *text == '\0') return;
        static const faults whole_program(harmless, std::strtoull(text, nullptr, 10));
    }
    ~armed_from_the_start() { write_counts(); }
} from_the_start;

}  // namespace

std::uint64_t fault_seed() {
    const char* text = std::getenv("RUNNEL_FAULT");
    return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : seed();
}

held_at::held_at(const char* point) {
    held_point = point;
    held = holding::waiting;
}
held_at::~held_at() {
    release();
    held_point = nullptr;
}
bool held_at::reached() const { return held.load() == holding::holds; }
void held_at::release() { held = holding::off; }

faults::faults(unsigned kinds, std::uint64_t seed) : before_(armed) {
    seed_of_all = seed;
    ++arming;
    armed = kinds;
}
faults::~faults() { armed = before_; }

std::vector<fault_count> fault_counts() {
    std::map<std::string, fault_count> sums;
    for (std::size_t i = 0; i < most_names; ++i) {
        const char* name = names[i].load();
        if (name == nullptr) continue;
        fault_count& sum = sums[name];
        sum.name = name;
        for (thread_faults* t = all_threads.load(); t != nullptr; t = t->next) {
            sum.visits += t->counts[i].visits.load(std::memory_order_relaxed);
            sum.strikes += t->counts[i].strikes.load(std::memory_order_relaxed);
        }
    }
    std::vector<fault_count> result;
    for (auto& [name, sum] : sums) result.push_back(sum);
    return result;
}

fault_count fault_count_of(const std::string& name) {
    for (const fault_count& c : fault_counts()) {
        if (c.name == name) return c;
    }
    return {name, 0, 0};
}

}  // namespace test

namespace runnel {
inline namespace v0 {
namespace detail {

// Neither is inlined into a function that may switch: they use what belongs to the thread.
RUNNEL_NOINLINE void fault_point(const char* name) noexcept {
    // relaxed: who is to be held comes after what the test does next
    if (const char* p = test::held_point.load(std::memory_order_relaxed);
        RUNNEL_UNLIKELY(p != nullptr) && std::string_view(p) == name) {
        test::hold_if_first();
    }
    if ((test::armed.load(memory_order_relaxed) & test::delays) == 0) return;
    const tsan::runtime_scope ours;  // to the sanitizer each goroutine of the thread is another
    test::thread_faults* t = test::this_thread();
    test::count& c = t->counts[test::index_of(name)];
    test::add_one(c.visits);
    if (t->random.below(8) != 0 || !test::is_wanted(name)) return;
    test::add_one(c.strikes);
    test::delay(t->random);
}

RUNNEL_NOINLINE bool fault_strikes(const char* name) noexcept {
    const unsigned armed = test::armed.load(memory_order_relaxed);
    if (armed == test::no_faults) return false;
    const test::rule& r = test::rule_for(name);
    if ((armed & r.kind) == 0) return false;
    const tsan::runtime_scope ours;  // to the sanitizer each goroutine of the thread is another
    test::thread_faults* t = test::this_thread();
    test::count& c = t->counts[test::index_of(name)];
    test::add_one(c.visits);
    if (t->random.below(r.one_in) != 0 || !test::is_wanted(name)) return false;
    test::add_one(c.strikes);
    return true;
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
