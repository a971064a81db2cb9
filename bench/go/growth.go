// bench/go/growth.go — what an operation costs as there are more of them. Selects are reflect.Select's.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Small numbers are repeated, so that there is something to measure.
func repeated(n int) int {
	if n < 10_000 {
		return 10_000 / n
	}
	return 1
}

// An operation is one goroutine, started, run and waited for.
func spawned(b *testing.B, n int) int {
	var ended atomic.Int64
	times := repeated(n)
	for round := 0; round < b.N; round++ {
		for r := 0; r < times; r++ {
			var tasks sync.WaitGroup
			for i := 0; i < n; i++ {
				tasks.Add(1)
				go func() {
					ended.Add(1)
					tasks.Done()
				}()
			}
			tasks.Wait()
		}
	}
	verify(b, ended.Load() == int64(b.N*times*n))
	return b.N * times * n
}

// An operation is one goroutine that waits on a channel among all others, and gets a value.
func waiting(b *testing.B, n int) int {
	var sum atomic.Int64
	times := repeated(n)
	for round := 0; round < b.N; round++ {
		for r := 0; r < times; r++ {
			ch := make(chan int)
			var tasks sync.WaitGroup
			for i := 0; i < n; i++ {
				tasks.Add(1)
				go func() {
					sum.Add(int64(<-ch))
					tasks.Done()
				}()
			}
			runtime.Gosched()
			for i := 0; i < n; i++ {
				ch <- 1
			}
			tasks.Wait()
		}
	}
	verify(b, sum.Load() == int64(b.N*times*n))
	return b.N * times * n
}

// An operation is one timer, started beside all others and stopped.
func timers(b *testing.B, n int) int {
	stopped := 0
	times := repeated(n)
	for round := 0; round < b.N; round++ {
		for r := 0; r < times; r++ {
			all := make([]*time.Timer, 0, n)
			for i := 0; i < n; i++ {
				all = append(all, time.NewTimer(time.Hour-time.Duration(i)*time.Microsecond))
			}
			for _, t := range all {
				if t.Stop() {
					stopped++
				}
			}
		}
	}
	verify(b, stopped == b.N*times*n)
	return b.N * times * n
}

// An operation is one select among so many cases, of which one is ready, and the send that made it so.
func cases(b *testing.B, n int) int {
	const rounds = 1000
	channels := make([]chan int, n)
	all := make([]reflect.SelectCase, n)
	for i := range channels {
		channels[i] = make(chan int, 1)
		all[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(channels[i])}
	}
	sum := 0
	next := 0
	for round := 0; round < b.N; round++ {
		for i := 0; i < rounds; i++ {
			channels[next] <- 1
			next = (next + 1) % n
			_, v, _ := reflect.Select(all)
			sum += int(v.Int())
		}
	}
	verify(b, sum == b.N*rounds)
	return b.N * rounds
}

func rowsOf(name string, sizes []int, run func(b *testing.B, n int) int) {
	for _, n := range sizes {
		n := n
		row(fmt.Sprintf("%s_%d", name, n), oneWorker, func(b *testing.B) int { return run(b, n) })
	}
}

func init() {
	rowsOf("grow_spawned", []int{100, 1000, 10_000, 100_000, 1_000_000}, spawned)
	rowsOf("grow_waiting", []int{1, 10, 100, 1000, 10_000, 100_000}, waiting)
	rowsOf("grow_timers", []int{100, 1000, 10_000, 100_000, 1_000_000}, timers)
	rowsOf("grow_cases", []int{1, 2, 4, 8, 16, 32, 64}, cases)
}
