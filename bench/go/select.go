// bench/go/select.go — waiting for one of several channels.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"sync"
	"sync/atomic"
	"testing"
)

// An operation is one select with three empty channels and a default.
func nonblock3(b *testing.B) int {
	const rounds = 10_000
	x, y, z := make(chan int, 8), make(chan int, 8), make(chan int, 8)
	defaults := 0
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			select {
			case <-x:
			case <-y:
			case <-z:
			default:
				defaults++
			}
		}
	}
	verify(b, defaults == b.N*rounds)
	return b.N * rounds
}

// A value goes to and fro between two buffered channels; an operation is one select, and the send it leads to.
func uncontended2(b *testing.B) int {
	const rounds = 10_000
	x, y := make(chan int, 1), make(chan int, 1)
	sum := 0
	x <- 1
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			select {
			case v := <-x:
				sum += v
				y <- v
			case v := <-y:
				sum += v
				x <- v
			}
		}
	}
	verify(b, sum == b.N*rounds)
	return b.N * rounds
}

// Two tasks offer on each of three unbuffered channels, two others take; an operation is one value.
func syncContended(b *testing.B) int {
	const pairs = 2
	const rounds = 20_000
	var sum atomic.Int64
	for n := 0; n < b.N; n++ {
		x, y, z := make(chan int), make(chan int), make(chan int)
		done := make(chan struct{})
		var senders, receivers sync.WaitGroup
		for p := 0; p < pairs; p++ {
			senders.Add(1)
			go func() {
				for i := 0; i < rounds; i++ {
					select {
					case x <- 1:
					case y <- 1:
					case z <- 1:
					case <-done:
					}
				}
				senders.Done()
			}()
			receivers.Add(1)
			go func() {
				mine := 0
				for more := true; more; {
					select {
					case v := <-x:
						mine += v
					case v := <-y:
						mine += v
					case v := <-z:
						mine += v
					case <-done:
						more = false
					}
				}
				sum.Add(int64(mine))
				receivers.Done()
			}()
		}
		senders.Wait()
		close(done)
		receivers.Wait()
	}
	verify(b, sum.Load() == int64(b.N*pairs*rounds))
	return b.N * pairs * rounds
}

// Two tasks move values to and fro between two buffered channels; an operation is one select and one send.
func asyncContended(b *testing.B) int {
	const tasks = 2
	const rounds = 20_000
	done := make(chan struct{})
	var sum atomic.Int64
	for n := 0; n < b.N; n++ {
		x, y := make(chan int, tasks), make(chan int, tasks)
		together(tasks, func() {
			mine := 0
			x <- 1
			for i := 0; i < rounds; i++ {
				select {
				case v := <-x:
					mine += v
					y <- v
				case v := <-y:
					mine += v
					x <- v
				case <-done:
				}
			}
			sum.Add(int64(mine))
		})
	}
	verify(b, sum.Load() == int64(b.N*tasks*rounds))
	return b.N * tasks * rounds
}

// Four producers with an unbuffered channel each, one consumer; an operation is one value.
func fan4(b *testing.B) int {
	const producers = 4
	const rounds = 10_000
	sum := 0
	for n := 0; n < b.N; n++ {
		var in [producers]chan int
		var group sync.WaitGroup
		for p := range in {
			ch := make(chan int)
			in[p] = ch
			group.Add(1)
			go func() {
				for i := 0; i < rounds; i++ {
					ch <- 1
				}
				group.Done()
			}()
		}
		for i := 0; i < producers*rounds; i++ {
			select {
			case v := <-in[0]:
				sum += v
			case v := <-in[1]:
				sum += v
			case v := <-in[2]:
				sum += v
			case v := <-in[3]:
				sum += v
			}
		}
		group.Wait()
	}
	verify(b, sum == b.N*producers*rounds)
	return b.N * producers * rounds
}

// Two tasks with a channel each that is ready, and one to stop them all, which never is; an operation is one
// select and the send before it.
func shared(b *testing.B) int {
	const tasks = 2
	const rounds = 20_000
	stop := make(chan struct{})
	var sum atomic.Int64
	for n := 0; n < b.N; n++ {
		together(tasks, func() {
			mine := make(chan int, 1)
			received := 0
			for i := 0; i < rounds; i++ {
				mine <- 1
				select {
				case v := <-mine:
					received += v
				case <-stop:
				}
			}
			sum.Add(int64(received))
		})
	}
	verify(b, sum.Load() == int64(b.N*tasks*rounds))
	return b.N * tasks * rounds
}

// A thousand tasks wait each for a channel of its own or a common one; an operation is one value sent to one.
func popular(b *testing.B) int {
	const tasks = 1000
	common := make(chan struct{})
	var own []chan int
	var sum atomic.Int64
	var group sync.WaitGroup
	for t := 0; t < tasks; t++ {
		mine := make(chan int)
		own = append(own, mine)
		group.Add(1)
		go func() {
			received := 0
			for more := true; more; {
				select {
				case <-common:
					more = false
				case v := <-mine:
					received += v
				}
			}
			sum.Add(int64(received))
			group.Done()
		}()
	}
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		for _, ch := range own {
			ch <- 1
		}
	}
	close(common)
	group.Wait()
	verify(b, sum.Load() == int64(b.N*tasks))
	return b.N * tasks
}

func init() {
	row("select_nonblock", oneWorker, nonblockingRecvEmpty) // with one channel there is no other way
	row("select_nonblock_3", oneWorker, nonblock3)
	row("select_uncontended_2", oneWorker, uncontended2)
	row("select_sync_contended", twoToo, syncContended)
	row("select_async_contended", twoToo, asyncContended)
	row("select_fan4", twoToo, fan4)
	row("select_shared", twoToo, shared)
	row("chan_popular", twoToo, popular)
}
