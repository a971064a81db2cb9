// bench/go/timer.go — timers that are stopped before they strike.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"testing"
	"time"
)

// An operation is one timer, started while up to a million others are, and stopped.
func startAndStop(b *testing.B, start func(time.Duration) *time.Timer) int {
	const timers = 1_000_000
	stopped := 0
	for n := 0; n < b.N; n++ {
		all := make([]*time.Timer, 0, timers)
		for i := 0; i < timers; i++ {
			all = append(all, start(time.Hour+time.Duration(i)*time.Microsecond))
		}
		for _, t := range all {
			if t.Stop() {
				stopped++
			}
		}
	}
	verify(b, stopped == b.N*timers)
	return b.N * timers
}

func init() {
	row("timer_after_1m", oneWorker, func(b *testing.B) int {
		return startAndStop(b, func(d time.Duration) *time.Timer { return time.AfterFunc(d, func() {}) })
	})
	row("timer_newtimer_1m", oneWorker, func(b *testing.B) int { return startAndStop(b, time.NewTimer) })
}
