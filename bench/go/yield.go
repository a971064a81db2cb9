// bench/go/yield.go — tasks that give way to each other.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// An operation is one yield.
func yield(b *testing.B, tasks, yields int) int {
	var made atomic.Int64
	for n := 0; n < b.N; n++ {
		together(tasks, func() {
			mine := 0
			for ; mine < yields; mine++ {
				runtime.Gosched()
			}
			made.Add(int64(mine))
		})
	}
	verify(b, made.Load() == int64(b.N*tasks*yields))
	return b.N * tasks * yields
}

func init() {
	row("yield", oneWorker, func(b *testing.B) int { return yield(b, 2, 50_000) })
	// They take turns for long enough that starting them counts little.
	row("yield_1000", twoToo, func(b *testing.B) int { return yield(b, 1000, 200) })
}
