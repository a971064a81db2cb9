// bench/go/sleep.go — sleeping: many at once, and how late one wakes.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"sort"
	"sync/atomic"
	"testing"
	"time"
)

// Ten thousand tasks sleep for ten milliseconds; an operation is all of it.
func sleep10k(b *testing.B) int {
	const tasks = 10_000
	var woken atomic.Int64
	for n := 0; n < b.N; n++ {
		together(tasks, func() {
			time.Sleep(10 * time.Millisecond)
			woken.Add(1)
		})
	}
	verify(b, woken.Load() == int64(b.N*tasks))
	return b.N
}

// Nothing runs but one task that sleeps: by how much it wakes too late, the median of many.
func sleepLate(b *testing.B, d time.Duration) int {
	const sleeps = 51
	early := false
	for n := 0; n < b.N; n++ {
		var late []time.Duration
		for i := 0; i < sleeps; i++ {
			due := time.Now().Add(d)
			time.Sleep(d)
			late = append(late, time.Since(due))
		}
		sort.Slice(late, func(i, j int) bool { return late[i] < late[j] })
		early = early || late[0] < 0
		measured = float64(late[sleeps/2].Nanoseconds())
	}
	verify(b, !early)
	return b.N
}

func init() {
	row("sleep_10k", twoToo, sleep10k)
	rowOnce("sleep_late_100us", onlyTwo, func(b *testing.B) int { return sleepLate(b, 100*time.Microsecond) })
	rowOnce("sleep_late_1ms", onlyTwo, func(b *testing.B) int { return sleepLate(b, time.Millisecond) })
	rowOnce("sleep_late_1500us", onlyTwo, func(b *testing.B) int { return sleepLate(b, 1500*time.Microsecond) })
}
