// bench/go/parked.go — a hundred thousand tasks that wait: what one costs in time and in memory.
// SPDX-License-Identifier: BSL-1.0
//
//	RUNNEL_BENCH_MILLION=1 in the environment adds a million.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Resident memory of this process in bytes.
func residentBytes() float64 {
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		return 0
	}
	defer f.Close()
	var total, pages int
	if _, err := fmt.Fscan(f, &total, &pages); err != nil {
		return 0
	}
	return float64(pages) * float64(os.Getpagesize())
}

// An operation is one task: started, parked on a channel, woken by its close, and ended.
func parked(b *testing.B, tasks int) int {
	var starting, waking time.Duration
	var woken atomic.Int64
	for n := 0; n < b.N; n++ {
		before := residentBytes()
		began := time.Now()
		gate := make(chan int)
		var group sync.WaitGroup
		var here atomic.Int64
		for i := 0; i < tasks; i++ {
			group.Add(1)
			go func() {
				here.Add(1)
				if _, more := <-gate; !more {
					woken.Add(1)
				}
				group.Done()
			}()
		}
		for here.Load() != int64(tasks) {
			runtime.Gosched()
		}
		starting += time.Since(began)
		counters["bytes_each"] = max(counters["bytes_each"], (residentBytes()-before)/float64(tasks))
		opened := time.Now()
		close(gate)
		group.Wait()
		waking += time.Since(opened)
	}
	all := b.N * tasks
	verify(b, woken.Load() == int64(all))
	counters["start_ns"] = float64(starting.Nanoseconds()) / float64(all)
	counters["wake_ns"] = float64(waking.Nanoseconds()) / float64(all)
	return all
}

func max(a, b float64) float64 {
	if a > b {
		return a
	}
	return b
}

func init() {
	row("parked_100k", twoToo, func(b *testing.B) int { return parked(b, 100_000) })
	if os.Getenv("RUNNEL_BENCH_MILLION") != "" {
		row("parked_1m", twoToo, func(b *testing.B) int { return parked(b, 1_000_000) })
	}
}
