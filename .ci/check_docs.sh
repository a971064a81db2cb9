#!/usr/bin/env bash
# .ci/check_docs.sh — the site of the documents builds without a warning, and no link on it is dead.
# SPDX-License-Identifier: BSL-1.0
#
# Where what it needs has not been installed (script/bootstrap --docs) nothing is checked.
set -euo pipefail
cd "$(dirname "$0")/.."

if script/docs --if-possible; then
    echo "check_docs: see above, 0 problems"
else
    echo "check_docs: see above"
    exit 1
fi
