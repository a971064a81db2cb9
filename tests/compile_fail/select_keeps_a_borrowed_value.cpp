// expect-error: only borrows the value
// tests/compile_fail/select_keeps_a_borrowed_value.cpp — a case that borrows its value may not outlive it.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/select.hpp>
#include <string>

void use() {
    auto ch = runnel::make_chan<std::string>(1);
    runnel::select(runnel::send(ch, std::string("text")));
#ifdef RUNNEL_EXPECT_FAIL
    auto kept = runnel::send(ch, std::string("text"));
    runnel::select(kept);
#endif
}
