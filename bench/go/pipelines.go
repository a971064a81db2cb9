// bench/go/pipelines.go — stages written by hand, as guides to Go write them.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"context"
	"sync"
	"testing"
)

const pipelineNumbers = 1_000_000

func squared(n int) int { return n * n }
func isOdd(n int) bool  { return n%2 != 0 }
func plusOne(n int) int { return n + 1 }

func source(ctx context.Context) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for n := 0; n < pipelineNumbers; n++ {
			select {
			case out <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func transform(ctx context.Context, in <-chan int, f func(int) int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for n := range in {
			select {
			case out <- f(n):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func filterOut(ctx context.Context, in <-chan int, keep func(int) bool) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for n := range in {
			if !keep(n) {
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

func merge(ctx context.Context, inputs []<-chan int) <-chan int {
	out := make(chan int)
	var forwarders sync.WaitGroup
	for _, in := range inputs {
		forwarders.Add(1)
		go func(in <-chan int) {
			defer forwarders.Done()
			for n := range in {
				select {
				case out <- n:
				case <-ctx.Done():
					return
				}
			}
		}(in)
	}
	go func() {
		forwarders.Wait()
		close(out)
	}()
	return out
}

// Of the odd numbers below pipelineNumbers, the squares, each plus one.
func expectedSum() int {
	sum := 0
	for n := 1; n < pipelineNumbers; n += 2 {
		sum += plusOne(squared(n))
	}
	return sum
}

func sumOfPipeline(b *testing.B, expected int, makeLast func(context.Context, <-chan int) <-chan int) int {
	right := true
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		ctx, cancel := context.WithCancel(context.Background())
		sum := 0
		for n := range makeLast(ctx, source(ctx)) {
			sum += n
		}
		cancel()
		right = right && sum == expected
	}
	verify(b, right)
	return b.N * pipelineNumbers
}

// Four stages: a source, a transform, a filter, a transform, each with a goroutine and a channel of its own.
// An operation is one number of the source.
func pipeline4(b *testing.B) int {
	return sumOfPipeline(b, expectedSum(), func(ctx context.Context, in <-chan int) <-chan int {
		return transform(ctx, filterOut(ctx, transform(ctx, in, squared), isOdd), plusOne)
	})
}

// A source, four workers with a channel each, and their results in one channel. An operation is one number.
func fanOut4(b *testing.B) int {
	expected := 0
	for n := 0; n < pipelineNumbers; n++ {
		expected += squared(n)
	}
	return sumOfPipeline(b, expected, func(ctx context.Context, in <-chan int) <-chan int {
		outs := make([]<-chan int, 4)
		for i := range outs {
			outs[i] = transform(ctx, in, squared)
		}
		return merge(ctx, outs)
	})
}

func init() {
	row("pipeline_4", twoToo, pipeline4)
	row("pipeline_4_apart", twoToo, pipeline4)
	row("fan_out_4", twoToo, fanOut4)
}
