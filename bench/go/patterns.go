// bench/go/patterns.go — many tasks, each with little to do.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"sync"
	"sync/atomic"
	"testing"
)

func link(end *sync.WaitGroup, started *atomic.Int64, left int) {
	started.Add(1)
	if left == 0 {
		end.Done()
	} else {
		go link(end, started, left-1)
	}
}

// An operation is one task, whose last act is to start the next.
func spawnChain(b *testing.B) int {
	const length = 10_000
	var started atomic.Int64
	var end sync.WaitGroup
	for n := 0; n < b.N; n++ {
		end.Add(1)
		go link(&end, &started, length-1)
		end.Wait()
	}
	verify(b, started.Load() == int64(b.N*length))
	return b.N * length
}

// A tree of tasks, ten children each; the leaves send their numbers up. An operation is one leaf.
func skynetNode(up chan int, number, leaves int) {
	if leaves == 1 {
		up <- number
		return
	}
	here := make(chan int)
	for i := 0; i < 10; i++ {
		go skynetNode(here, number+i*(leaves/10), leaves/10)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-here
	}
	up <- sum
}

func skynet(b *testing.B) int {
	const leaves = 1_000_000
	sum := 0
	for n := 0; n < b.N; n++ {
		root := make(chan int)
		go skynetNode(root, 0, leaves)
		sum += <-root
	}
	verify(b, sum == b.N*(leaves*(leaves-1)/2))
	return b.N * leaves
}

// A token goes round a ring of a thousand tasks; an operation is one hop.
func ring(b *testing.B) int {
	const tasks = 1000
	const rounds = 10
	links := make([]chan int, tasks+1)
	for i := range links {
		links[i] = make(chan int)
	}
	var group sync.WaitGroup
	for i := 0; i < tasks; i++ {
		in, out := links[i], links[i+1]
		group.Add(1)
		go func() {
			for v := range in {
				out <- v + 1
			}
			close(out)
			group.Done()
		}()
	}
	first, last := links[0], links[tasks]
	token := 0
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		for r := 0; r < rounds; r++ {
			first <- token
			token = <-last
		}
	}
	close(first)
	group.Wait()
	verify(b, token == b.N*rounds*tasks)
	return b.N * rounds * tasks
}

// Each prime found becomes a task that drops its multiples; an operation is one message.
func filter(in, out chan int, prime int) {
	for n := range in {
		if n%prime != 0 {
			out <- n
		}
	}
	close(out)
}

func nthPrime(n int) int {
	var found []int
	for candidate := 2; len(found) < n; candidate++ {
		prime := true
		for _, p := range found {
			if p*p > candidate {
				break
			}
			prime = prime && candidate%p != 0
		}
		if prime {
			found = append(found, candidate)
		}
	}
	return found[n-1]
}

// How many messages it takes to sift 2 … last.
func messagesOfSieve(last int) int {
	messages := 0
	var primes []int
	for n := 2; n <= last; n++ {
		messages++
		dropped := false
		for _, p := range primes {
			if n%p == 0 {
				dropped = true
				break
			}
			messages++
		}
		if !dropped {
			primes = append(primes, n)
		}
	}
	return messages
}

func primeSieve(b *testing.B) int {
	const primes = 2000
	last := nthPrime(primes)
	messages := messagesOfSieve(last)
	right := true
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		var group sync.WaitGroup
		in := make(chan int)
		group.Add(1)
		go func(out chan int) {
			for n := 2; n <= last; n++ {
				out <- n
			}
			close(out)
			group.Done()
		}(in)
		prime := 0
		for i := 0; i < primes; i++ {
			prime = <-in
			out := make(chan int)
			group.Add(1)
			go func(in chan int, prime int) {
				filter(in, out, prime)
				group.Done()
			}(in, prime)
			in = out
		}
		_, more := <-in
		right = right && prime == last && !more
		group.Wait()
	}
	verify(b, right)
	return b.N * messages
}

// One task sends a million numbers to four, which send theirs to the first's caller; an operation is one number.
func fanoutFanin(b *testing.B) int {
	const numbers = 1_000_000
	const workers = 4
	const capacity = 128
	sum := 0
	for n := 0; n < b.N; n++ {
		in := make(chan int, capacity)
		out := make(chan int, capacity)
		var source, group sync.WaitGroup
		source.Add(1)
		go func() {
			for n := 0; n < numbers; n++ {
				in <- n
			}
			close(in)
			source.Done()
		}()
		for w := 0; w < workers; w++ {
			group.Add(1)
			go func() {
				for n := range in {
					out <- n * 2
				}
				group.Done()
			}()
		}
		source.Add(1)
		go func() {
			group.Wait()
			close(out)
			source.Done()
		}()
		for n := range out {
			sum += n
		}
		source.Wait()
	}
	verify(b, sum == b.N*(numbers*(numbers-1)))
	return b.N * numbers
}

func init() {
	row("spawn_chain", twoToo, spawnChain)
	row("skynet_1m", twoToo, skynet)
	row("ring_1000", twoToo, ring)
	row("prime_sieve_2000", twoToo, primeSieve)
	row("fanout_fanin", twoToo, fanoutFanin)
}
