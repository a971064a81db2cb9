// expect-error: .
// tests/compile_fail/self_compiles.cpp — compiles in both ways: the harness must fail it.
// SPDX-License-Identifier: BSL-1.0
int main() { return 0; }
