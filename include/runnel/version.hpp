// runnel/version.hpp — the library's version, for programs and for the build.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0; includes nothing
//   CMakeLists.txt reads the three macros below: this is the only place where a version is written.
#pragma once

#define RUNNEL_VERSION_MAJOR 0
#define RUNNEL_VERSION_MINOR 1
#define RUNNEL_VERSION_PATCH 0

namespace runnel {
inline namespace v0 {

/// The version as numbers. Until 1.0 a change of `minor` may break programs.
inline constexpr int version_major = RUNNEL_VERSION_MAJOR;
inline constexpr int version_minor = RUNNEL_VERSION_MINOR;
inline constexpr int version_patch = RUNNEL_VERSION_PATCH;

}  // namespace v0
}  // namespace runnel
