// tests/support/faults.hpp — delays at every named point, and everything that may go another way does so.
// SPDX-License-Identifier: BSL-1.0
//
//   For programs that are built with RUNNEL_FAULT_POINTS, all of them: no inline function of the library may come
//   without. RUNNEL_FAULT=seed in the environment arms the faults from the start; a test can arm them itself.
//   What strikes is drawn by each thread for itself, from the seed and the order in which threads came: threads
//   take turns as they like, so a run cannot be repeated, but the seed shifts all of it. RUNNEL_FAULT_ONLY=name,…
//   lets nothing else strike, to find out which one it was. RUNNEL_FAULT_COUNTS=file has it told how often each did.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace test {

/// What may strike.
enum fault_kinds : unsigned {
    no_faults = 0,
    delays = 1,     // at each point: a spin, a yield of the thread, a sleep; now and then 100 ms
    schedules = 2,  // goroutines go elsewhere when woken, thieves come first, places are taken
    wakes = 4,      // threads wake for no reason
    times = 8,      // timers are served late, their keeper wakes early
    harmless = 15,  // all of those: a program must not notice
    shortage = 16,  // no memory for control blocks, callables and stacks, no thread
};

/// Arms `kinds` for as long as it lives; not two at once.
class faults {
public:
    explicit faults(unsigned kinds, std::uint64_t seed);
    ~faults();
    faults(const faults&) = delete;
    faults& operator=(const faults&) = delete;

private:
    unsigned before_;
};

/// Whoever comes to that point first while it lives is held there until it goes, or release() is called: what others
/// do meanwhile falls into the window that the point is in. Not two at once.
class held_at {
public:
    explicit held_at(const char* point);
    ~held_at();
    held_at(const held_at&) = delete;
    held_at& operator=(const held_at&) = delete;

    bool reached() const;
    void release();
};

/// The seed in RUNNEL_FAULT, or a random one, which is printed if a test fails.
std::uint64_t fault_seed();

/// One point or fault: how often it was come by while armed, and how often something was done there.
struct fault_count {
    std::string name;
    std::uint64_t visits = 0;
    std::uint64_t strikes = 0;
};
/// All that were come by, by name.
std::vector<fault_count> fault_counts();
fault_count fault_count_of(const std::string& name);

}  // namespace test
