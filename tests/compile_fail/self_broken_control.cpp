// expect-error: undeclared_name
// tests/compile_fail/self_broken_control.cpp — its control does not compile: the harness must fail it.
// SPDX-License-Identifier: BSL-1.0
int main() { return undeclared_name; }
