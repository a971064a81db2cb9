// bench/go/sync.go — locks, and what waits for others.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"runtime"
	"sync"
	"testing"
)

// An operation is one lock and unlock, by the only task there is.
func mutexUncontended(b *testing.B) int {
	const rounds = 10_000
	var mutex sync.Mutex
	count := 0
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			mutex.Lock()
			count++
			mutex.Unlock()
		}
	}
	verify(b, count == b.N*rounds)
	return b.N * rounds
}

// The same by four tasks at once, which do nothing else.
func mutexContended(b *testing.B) int {
	const tasks = 4
	const rounds = 100_000
	var mutex sync.Mutex
	count := 0
	for n := 0; n < b.N; n++ {
		together(tasks, func() {
			for i := 0; i < rounds; i++ {
				mutex.Lock()
				count++
				mutex.Unlock()
			}
		})
	}
	verify(b, count == b.N*tasks*rounds)
	return b.N * tasks * rounds
}

// The same, but in every tenth round a task gives way while it holds the lock, and again when it has let go:
// the others find it taken, and wait.
func mutexWaitedFor(b *testing.B) int {
	const tasks = 4
	const rounds = 20_000
	var mutex sync.Mutex
	count := 0
	for n := 0; n < b.N; n++ {
		together(tasks, func() {
			for i := 0; i < rounds; i++ {
				giveWay := i%10 == 0
				mutex.Lock()
				count++
				if giveWay {
					runtime.Gosched()
				}
				mutex.Unlock()
				if giveWay {
					runtime.Gosched()
				}
			}
		})
	}
	verify(b, count == b.N*tasks*rounds)
	return b.N * tasks * rounds
}

// An operation is one add, done and wait, by the only task there is.
func waitgroup(b *testing.B) int {
	const rounds = 10_000
	var wg sync.WaitGroup
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			wg.Add(1)
			wg.Done()
			wg.Wait()
		}
	}
	return b.N * rounds
}

// An operation is one add and done, by four tasks at once on the same counter.
func waitgroupContended(b *testing.B) int {
	const tasks = 4
	const rounds = 20_000
	for n := 0; n < b.N; n++ {
		var wg, group sync.WaitGroup
		wg.Add(1)
		for t := 0; t < tasks; t++ {
			group.Add(1)
			go func() {
				for i := 0; i < rounds; i++ {
					wg.Add(1)
					wg.Done()
				}
				group.Done()
			}()
		}
		group.Wait()
		wg.Done()
		wg.Wait() // goes on only if the counter is right
	}
	return b.N * tasks * rounds
}

// Two tasks take turns, by one condition variable each; an operation is one turn.
func condPingpong(b *testing.B) int {
	const rounds = 10_000
	turns := 0
	for n := 0; n < b.N; n++ {
		var mutex sync.Mutex
		changed := [2]*sync.Cond{sync.NewCond(&mutex), sync.NewCond(&mutex)}
		turn := 0
		var group sync.WaitGroup
		for me := 0; me < 2; me++ {
			me := me
			group.Add(1)
			go func() {
				mutex.Lock()
				for i := 0; i < rounds; i++ {
					for turn != me {
						changed[me].Wait()
					}
					turn = 1 - me
					turns++
					changed[1-me].Signal()
				}
				mutex.Unlock()
				group.Done()
			}()
		}
		group.Wait()
	}
	verify(b, turns == b.N*rounds*2)
	return b.N * rounds * 2
}

func init() {
	row("mutex_uncontended", oneWorker, mutexUncontended)
	row("mutex_contended", twoToo, mutexContended)
	row("mutex_waited_for", twoToo, mutexWaitedFor)
	row("waitgroup", oneWorker, waitgroup)
	row("waitgroup_contended", twoToo, waitgroupContended)
	row("cond_pingpong", twoToo, condPingpong)
}
