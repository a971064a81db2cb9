// tests/hazards/tls_probe.cpp — what compilers remember of a thread when a goroutine has left it.
// SPDX-License-Identifier: BSL-1.0
//
//   Built by tls_matrix.cmake with several compilers, optimisations and ways of linking. The probes of
//   runnel's own must come out right everywhere: they decide the result. Those of plain user code are
//   printed only: they show why thread_local variables, errno and thread ids must not be used across a
//   park, and that errno.hpp is the cure for errno.
#include <pthread.h>

#include <cstdio>
#include <thread>

#include <cxxabi.h>

#include <runnel/local.hpp>
#include <runnel/runnel.hpp>

#include "migrate.hpp"

// The plain errno, for comparison, before errno.hpp takes the name.
#include <cerrno>
inline int* plain_errno() { return &errno; }

#include <runnel/errno.hpp>

// In the other file: compilers cannot look into it.
int errno_of_this_thread();
int* address_of_thread_local();

namespace {

struct per_thread {
    long number = 0;
    int spare = 0;
};
inline thread_local constinit per_thread the_thread{};
inline thread_local constinit long* the_pointer = nullptr;

__attribute__((noinline)) per_thread* address_by_call() { return &the_thread; }

// Not inlined, and the compiler can take nothing out of it: always the present thread's.
__attribute__((noinline)) void note_thread() {
    asm volatile("" ::: "memory");
    the_thread.number = test::thread_number();
    the_pointer = &the_thread.number;
}

void move_on() {
    note_thread();
    test::migrate();
    note_thread();
}

int wrong = 0;

void own(const char* what, bool right) {
    std::printf("    runnel %-34s %s\n", what, right ? "right" : "WRONG");
    if (!right) ++wrong;
}
void user(const char* what, bool right) {
    std::printf("    user   %-34s %s\n", what, right ? "right" : "stale, as expected");
}

// Each probe is a function of its own, in which the compiler sees both sides of the park.
#define PROBE __attribute__((noinline)) void

runnel::local<int> goroutine_local;

PROBE probe_worker() {
    const void* before = runnel::detail::current_worker();
    const void* g = runnel::detail::current_goroutine();
    move_on();
    own("current worker", runnel::detail::current_worker() != before);
    own("current goroutine", runnel::detail::current_goroutine() == g);
}

PROBE probe_worker_thread() {
    move_on();
    const int first = runnel::detail::current_worker()->tid.load();
    const bool right = first == test::thread_number();
    move_on();
    own("worker is this thread's",
        right && runnel::detail::current_worker()->tid.load() == test::thread_number());
}

PROBE probe_goroutine_id() {
    const auto before = runnel::goroutine_id();
    move_on();
    own("goroutine id", runnel::goroutine_id() == before && before != 0);
}

PROBE probe_local() {
    *goroutine_local = 5;
    int* before = &*goroutine_local;
    move_on();
    own("goroutine-local value", &*goroutine_local == before && *goroutine_local == 5);
}

PROBE probe_exceptions() {
    bool right = false;
    try {
        throw 1;
    } catch (int) {
        move_on();
        try {
            throw;
        } catch (int n) {
            right = n == 1 && std::uncaught_exceptions() == 0;
        }
    }
    own("exception that is being handled", right);
}

PROBE probe_errno_location() {
    const int* before = &errno;
    move_on();
    own("errno.hpp: address", &errno != before);
}

PROBE probe_errno_write() {
    errno = 1;
    move_on();
    errno = 77;
    own("errno.hpp: write", errno_of_this_thread() == 77);
}

PROBE probe_plain_errno() {
    *plain_errno() = 1;
    move_on();
    *plain_errno() = 78;
    user("errno, written", errno_of_this_thread() == 78);
}

PROBE probe_thread_local_value() {
    const long before = *the_pointer;
    move_on();
    user("thread_local pointer, read", *the_pointer == test::thread_number() && before != 0);
}

PROBE probe_thread_local_address() {
    const per_thread* before = &the_thread;
    const long number = before->number;
    move_on();
    const per_thread* after = &the_thread;
    user("thread_local object, address", after->number == test::thread_number() && number != 0);
}

PROBE probe_address_by_call() {
    const per_thread* before = address_by_call();
    const long number = before->number;
    move_on();
    user("address by a function not inlined",
         address_by_call()->number == test::thread_number() && number != 0);
}

PROBE probe_address_from_elsewhere() {
    int* before = address_of_thread_local();
    move_on();
    user("address by another file's function", address_of_thread_local() != before);
}

PROBE probe_pthread_self() {
    const pthread_t before = ::pthread_self();
    move_on();
    user("pthread_self", ::pthread_equal(before, ::pthread_self()) == 0);
}

PROBE probe_get_id() {
    const auto before = std::this_thread::get_id();
    move_on();
    user("std::this_thread::get_id", before != std::this_thread::get_id());
}

PROBE probe_exception_globals() {
    const void* before = abi::__cxa_get_globals();
    move_on();
    user("__cxa_get_globals", before != abi::__cxa_get_globals());
}

}  // namespace

int run_probes() {
    runnel::set_max_procs(2);
    return runnel::run([] {
        probe_worker();
        probe_worker_thread();
        probe_goroutine_id();
        probe_local();
        probe_exceptions();
        probe_errno_location();
        probe_errno_write();
        probe_plain_errno();
        probe_thread_local_value();
        probe_thread_local_address();
        probe_address_by_call();
        probe_address_from_elsewhere();
        probe_pthread_self();
        probe_get_id();
        probe_exception_globals();
        return wrong == 0 ? 0 : 1;
    });
}
