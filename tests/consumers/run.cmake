# tests/consumers/run.cmake — configures, builds and runs one consumer in an empty build folder.
# SPDX-License-Identifier: BSL-1.0
#
#   cmake -DCONSUMER=… -DBUILD=… -DRUNNEL_SOURCE=… -DPREFIX=… -DVERSION=… -DGENERATOR=… -DCOMPILER=…
#         -DBUILD_TYPE=… -P run.cmake
#   Passes if the program called `consumer` exits with 0 and its last line is `consumer: ok`.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${BUILD}")
execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${CONSUMER}" -B "${BUILD}" -G "${GENERATOR}" --no-warn-unused-cli
        "-DCMAKE_CXX_COMPILER=${COMPILER}"
        "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}"
        "-DCMAKE_PREFIX_PATH=${PREFIX}"
        "-DRUNNEL_SOURCE=${RUNNEL_SOURCE}"
        "-DRUNNEL_PREFIX=${PREFIX}"
        "-DRUNNEL_EXPECTED_VERSION=${VERSION}"
    COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BUILD}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${BUILD}/consumer"
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors TIMEOUT 60)
if(NOT result EQUAL 0 OR NOT output MATCHES "consumer: ok\n$")
    message(FATAL_ERROR "the consumer ended with ${result}\n${output}${errors}")
endif()
message(STATUS "${output}")
