#!/usr/bin/env bash
# .ci/check_format.sh — the code stands as clang-format-19 and gofmt would write it. Only checks.
# SPDX-License-Identifier: BSL-1.0
#
# Version 19 by name: 14 mangles `requires`. Without it, or without gofmt, there is nothing to check with.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v gofmt >/dev/null; then
    odd=$(gofmt -l bench/go tests/guide_go)
    if [ -n "$odd" ]; then
        echo "check_format: gofmt would write these otherwise: $odd"
        exit 1
    fi
fi

if ! command -v clang-format-19 >/dev/null; then
    echo "check_format: there is no clang-format-19 here; not checked"
    exit 0
fi
mapfile -d '' files < <(git ls-files -z '*.hpp' '*.cpp')
if clang-format-19 --dry-run --Werror "${files[@]}"; then
    echo "check_format: ${#files[@]} files, 0 problems"
else
    echo "check_format: see above; clang-format-19 -i <file> puts it right"
    exit 1
fi
