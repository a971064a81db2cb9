// tests/guide_go/fan_out_fan_in/fan_out_fan_in.go — the Go that docs/guide/12_fan_out_fan_in.md shows.
// SPDX-License-Identifier: BSL-1.0

package fan_out_fan_in

import (
	"context"
	"runtime"
	"sync"
)

func squared(ctx context.Context, in <-chan int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for n := range in {
			select {
			case out <- n * n:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// [sum]
func sumOfFour(ctx context.Context,
	in <-chan int) int {
	outs := make([]<-chan int, 4)
	for i := range outs {
		outs[i] = squared(ctx, in)
	}
	sum := 0
	for n := range merge(ctx, outs...) {
		sum += n
	}
	return sum
}

// [/sum]

// [merge]
func merge(ctx context.Context,
	inputs ...<-chan int) <-chan int {
	out := make(chan int)
	var forwarders sync.WaitGroup
	for _, in := range inputs {
		forwarders.Add(1)
		go func() {
			defer forwarders.Done()
			for v := range in {
				select {
				case out <- v:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	go func() {
		forwarders.Wait()
		close(out)
	}()
	return out
}

// [/merge]

func isPrime(n int) bool {
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return n > 1
}

// [primes]
func findPrimes(ctx context.Context,
	in <-chan int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for n := range in {
			if !isPrime(n) {
				continue
			}
			select {
			case out <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func primesIn(ctx context.Context,
	in <-chan int) (found []int) {
	outs := make([]<-chan int, runtime.NumCPU())
	for i := range outs {
		outs[i] = findPrimes(ctx, in)
	}
	for n := range merge(ctx, outs...) {
		found = append(found, n)
	}
	return found
}

// [/primes]
