// bench/go/chan.go — messages between tasks.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"sync"
	"sync/atomic"
	"testing"
)

var kept chan int

// An operation is one channel, made and let go.
func makeChan(b *testing.B, capacity int) int {
	const rounds = 1000
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			kept = make(chan int, capacity)
		}
	}
	return b.N * rounds
}

// An operation is one look into an empty channel.
func nonblockingRecvEmpty(b *testing.B) int {
	const rounds = 10_000
	ch := make(chan int, 8)
	found := 0
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			select {
			case <-ch:
				found++
			default:
			}
		}
	}
	verify(b, found == 0)
	return b.N * rounds
}

// An operation is one send and one receive by the same task: a hundred values go into the buffer, then out.
func uncontended(b *testing.B) int {
	const burst = 100
	const rounds = 100
	ch := make(chan int, burst)
	sum := 0
	for n := 0; n < b.N; n++ {
		for r := 0; r < rounds; r++ {
			for i := 0; i < burst; i++ {
				ch <- i
			}
			for i := 0; i < burst; i++ {
				sum += <-ch
			}
		}
	}
	verify(b, sum == b.N*rounds*(burst*(burst-1)/2))
	return b.N * rounds * burst
}

// The same by two tasks on one channel.
func contended(b *testing.B) int {
	const tasks = 2
	const burst = 100
	const rounds = 200
	ch := make(chan int, burst*tasks)
	var sum atomic.Int64
	for n := 0; n < b.N; n++ {
		together(tasks, func() {
			mine := 0
			for r := 0; r < rounds; r++ {
				for i := 0; i < burst; i++ {
					ch <- i
				}
				for i := 0; i < burst; i++ {
					mine += <-ch
				}
			}
			sum.Add(int64(mine))
		})
	}
	verify(b, sum.Load() == int64(b.N*tasks*rounds*(burst*(burst-1)/2)))
	return b.N * tasks * rounds * burst
}

// One message there and one back, unbuffered; an operation is one message.
func pingPong(b *testing.B) int {
	const rounds = 10_000
	ping := make(chan int)
	pong := make(chan int)
	var other sync.WaitGroup
	other.Add(1)
	go func() {
		for v := range ping {
			pong <- v + 1
		}
		other.Done()
	}()
	sum := 0
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			ping <- i
			sum += <-pong - i
		}
	}
	close(ping)
	other.Wait()
	verify(b, sum == b.N*rounds)
	return b.N * rounds * 2
}

// An operation is one message from the producers to the consumers by one channel.
func passing(b *testing.B, producers, consumers, capacity int) int {
	messages := 100_000 / producers
	if capacity == 0 {
		messages = 20_000 / producers
	}
	var sum atomic.Int64
	for n := 0; n < b.N; n++ {
		ch := make(chan int, capacity)
		var sending, receiving sync.WaitGroup
		for p := 0; p < producers; p++ {
			sending.Add(1)
			go func() {
				for i := 1; i <= messages; i++ {
					ch <- i
				}
				sending.Done()
			}()
		}
		for c := 0; c < consumers; c++ {
			receiving.Add(1)
			go func() {
				mine := 0
				for v := range ch {
					mine += v
				}
				sum.Add(int64(mine))
				receiving.Done()
			}()
		}
		sending.Wait()
		close(ch)
		receiving.Wait()
	}
	verify(b, sum.Load() == int64(b.N*producers*(messages*(messages+1)/2)))
	return b.N * producers * messages
}

// A channel as a semaphore: an operation is one permit taken, by a send, and given back.
func semaphore(b *testing.B, tasks, permits int) int {
	const rounds = 20_000
	ch := make(chan int, permits)
	var taken atomic.Int64
	for n := 0; n < b.N; n++ {
		together(tasks, func() {
			mine := 0
			for i := 0; i < rounds; i++ {
				ch <- 0
				<-ch
				mine++
			}
			taken.Add(int64(mine))
		})
	}
	verify(b, taken.Load() == int64(b.N*tasks*rounds))
	return b.N * tasks * rounds
}

func init() {
	row("chan_make", oneWorker, func(b *testing.B) int { return makeChan(b, 0) })
	row("chan_make_8", oneWorker, func(b *testing.B) int { return makeChan(b, 8) })
	row("chan_nonblocking_recv_empty", oneWorker, nonblockingRecvEmpty)
	row("chan_uncontended", oneWorker, uncontended)
	row("chan_sync", twoToo, pingPong)
	row("chan_prodcons_0", twoToo, func(b *testing.B) int { return passing(b, 2, 2, 0) })
	row("chan_prodcons_10", twoToo, func(b *testing.B) int { return passing(b, 2, 2, 10) })
	row("chan_prodcons_100", twoToo, func(b *testing.B) int { return passing(b, 2, 2, 100) })
	row("chan_spsc_128", twoToo, func(b *testing.B) int { return passing(b, 1, 1, 128) })
	row("chan_mpmc", twoToo, func(b *testing.B) int { return passing(b, 4, 4, 128) })
	row("chan_contended", twoToo, contended)
	row("chan_sem", twoToo, func(b *testing.B) int { return semaphore(b, 2, 2) })
	row("chan_sem_8", twoToo, func(b *testing.B) int { return semaphore(b, 8, 2) })
}
