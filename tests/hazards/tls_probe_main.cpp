// tests/hazards/tls_probe_main.cpp — main() of the probe, and what its compiler must not see into.
// SPDX-License-Identifier: BSL-1.0
#include <cerrno>

int run_probes();
int errno_of_this_thread();
int* address_of_thread_local();

int errno_of_this_thread() { return errno; }

int* address_of_thread_local() {
    static thread_local int value = 0;
    return &value;
}

int main() { return run_probes(); }
