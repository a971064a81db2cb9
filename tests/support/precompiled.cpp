// tests/support/precompiled.cpp — the source that CMake makes the precompiled header for.
// SPDX-License-Identifier: BSL-1.0
