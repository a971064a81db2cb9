// bench/go/locks.go — shared mutexes, once, and tasks that stay on their threads.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"runtime"
	"sync"
	"testing"
)

// Four tasks, each of which writes every hundredth time and reads else; an operation is one lock and unlock.
func readMostly(b *testing.B) int {
	const tasks = 4
	const rounds = 100_000
	var mutex sync.RWMutex
	value := 0
	for n := 0; n < b.N; n++ {
		together(tasks, func() {
			seen := 0
			for i := 0; i < rounds; i++ {
				if i%100 == 0 {
					mutex.Lock()
					value++
					mutex.Unlock()
				} else {
					mutex.RLock()
					seen = value
					mutex.RUnlock()
				}
			}
			_ = seen
		})
	}
	verify(b, value == b.N*tasks*((rounds+99)/100))
	return b.N * tasks * rounds
}

// An operation is one call of what has been called before.
func onceHot(b *testing.B) int {
	const rounds = 100_000
	var once sync.Once
	called := 0
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			once.Do(func() { called++ })
		}
	}
	verify(b, called == 1)
	return b.N * rounds
}

// One message there and one back, unbuffered, between two tasks that stay each on a thread of its own: every message
// wakes a thread. An operation is one message.
func pingPongLocked(b *testing.B) int {
	const rounds = 100
	ping := make(chan int)
	pong := make(chan int)
	var other sync.WaitGroup
	other.Add(1)
	go func() {
		runtime.LockOSThread()
		for v := range ping {
			pong <- v + 1
		}
		other.Done()
	}()
	sum := 0
	runtime.LockOSThread()
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			ping <- i
			sum += <-pong - i
		}
	}
	runtime.UnlockOSThread()
	close(ping)
	other.Wait()
	verify(b, sum == b.N*rounds)
	return b.N * rounds * 2
}

func init() {
	row("rwmutex_read_mostly", twoToo, readMostly)
	row("once_hot", oneWorker, onceHot)
	row("chan_sync_locked", onlyTwo, pingPongLocked)
}
