// examples/excel_to_db/commands.hpp — what the program does; each returns the exit status.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <runnel/context.hpp>

#include "options.hpp"

namespace excel_to_db {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_rejected = 3;
inline constexpr int exit_interrupted = 130;

int generate_file(const runnel::context& ctx, const generate_command& command);
int import_file(const runnel::context& ctx, const import_command& command);
int compare_methods(const runnel::context& ctx, const compare_command& command);
int serve(const runnel::context& ctx, const serve_command& command);

/// One line on stderr.
void complain(const std::string& message);

}  // namespace excel_to_db
