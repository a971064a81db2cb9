// tests/guide_go/concurrency/concurrency.go — the Go that docs/guide/02_concurrency.md shows.
// SPDX-License-Identifier: BSL-1.0

package concurrency

import (
	"runtime"
	"sync"
)

func primes(from, to int) int { return to - from }

// [parallelism]
func countPrimes(procs int) int {
	runtime.GOMAXPROCS(procs)
	low := make(chan int)
	high := make(chan int)
	go func() { low <- primes(0, 5_000) }()
	go func() { high <- primes(5_000, 10_000) }()
	return <-low + <-high
}

// [/parallelism]

type Order struct{ id int }

func process(Order) {}

// [one-by-one]
func oneByOne(orders []Order) {
	for _, o := range orders {
		process(o)
	}
}

// [/one-by-one]

// [at-once]
func atOnce(orders []Order) {
	var wg sync.WaitGroup
	for _, o := range orders {
		wg.Add(1)
		go func() {
			defer wg.Done()
			process(o)
		}()
	}
	wg.Wait()
}

// [/at-once]
