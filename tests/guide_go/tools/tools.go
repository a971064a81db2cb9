// tests/guide_go/tools/tools.go — the Go that docs/guide/tools.md shows.
// SPDX-License-Identifier: BSL-1.0

package tools

import (
	"os"
	"runtime/trace"
)

// [trace]
func record(path string, f func()) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := trace.Start(file); err != nil {
		return err
	}
	defer trace.Stop()
	f()
	return nil
}

// [/trace]
