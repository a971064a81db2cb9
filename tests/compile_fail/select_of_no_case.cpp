// expect-error: a_case_is_made_by_recv_send_timeout_otherwise_or_done
// tests/compile_fail/select_of_no_case.cpp — select takes cases, nothing else.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>
#include <runnel/select.hpp>

void use() {
    auto ch = runnel::make_chan<int>();
    runnel::select(runnel::recv(ch), runnel::otherwise());
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(ch);
#endif
}
