// expect-error: a reason that no compiler gives
// tests/compile_fail/self_other_error.cpp — fails for another reason: the harness must fail it.
// SPDX-License-Identifier: BSL-1.0
int main() {
#ifdef RUNNEL_EXPECT_FAIL
    return undeclared_name;
#else
    return 0;
#endif
}
