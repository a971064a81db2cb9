// runnel/detail/mistake.hpp — what the compiler says of a call that cannot be meant.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
//   How     Beside functions that can be called stand others of the same name that cannot (RUNNEL_MISTAKE), chosen
//           only where no other fits, since nothing is a worse match than `(...)`. What they return is called
//           what is wrong. So the compiler's first error is a line that says so, where it would list the candidates
//           that do not fit. `requires` sees no function in them.
//   Tests   tests/compile_fail
#pragma once

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

struct a_channel_is_of_objects_that_can_be_moved_and_are_not_const {};
struct a_capacity_is_a_whole_number {};
struct a_channel_is_sent_what_converts_to_its_type {};
struct a_value_that_cannot_be_copied_is_sent_with_std_move {};
struct the_variable_cannot_take_what_the_channel_carries {};
struct a_receiving_end_cannot_send {};
struct a_receiving_end_cannot_be_closed {};
struct a_sending_end_cannot_receive {};
struct a_sending_end_cannot_be_iterated {};

struct a_case_is_made_by_recv_send_timeout_otherwise_or_done {};
struct recv_takes_a_channel_or_its_receiving_end_and_a_handler_of_its_values {};
struct send_takes_a_channel_or_its_sending_end_and_a_value_of_its_type {};
struct a_time_needs_a_unit_as_in_5ms {};

struct the_function_cannot_be_called_with_these_arguments {};
struct the_function_is_called_without_arguments {};
struct the_function_is_called_without_arguments_and_returns_a_value {};
struct a_stage_takes_a_context_and_a_channel_and_returns_one {};
struct a_stage_is_given_a_context_and_channels_to_receive_from {};
struct a_source_is_given_a_context_and_a_range_or_a_function {};
struct a_pipeline_begins_with_a_context_and_a_channel_to_receive_from {};
struct a_pipeline_that_has_a_name_is_continued_with_std_move {};
struct parallel_work_is_given_a_context_a_range_a_number_and_a_function {};
struct first_of_is_given_a_context_and_a_range_of_functions {};
struct a_condition_variable_waits_with_a_unique_lock_of_a_runnel_mutex {};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
