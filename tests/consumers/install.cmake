# tests/consumers/install.cmake — installs a build into an empty folder.
# SPDX-License-Identifier: BSL-1.0
#
#   cmake -DBUILD=… -DPREFIX=… -P install.cmake
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}"
    COMMAND_ERROR_IS_FATAL ANY)
