// tests/guide_go/channels/channels.go — the Go that docs/guide/05_channels.md shows.
// SPDX-License-Identifier: BSL-1.0

package channels

import "fmt"

// [unbuffered]
func handOver() int {
	ch := make(chan int)
	go func() { ch <- 42 }()
	return <-ch
}

// [/unbuffered]

// [buffered]
func fourthWouldWait() bool {
	ch := make(chan int, 3)
	ch <- 1
	ch <- 2
	ch <- 3
	select {
	case ch <- 4:
		return false
	default:
		return true
	}
}

// [/buffered]

// [directions]
func produce(out chan<- int, n int) {
	defer close(out)
	for i := 1; i <= n; i++ {
		out <- i
	}
}

func render(in <-chan int, out chan<- string) {
	defer close(out)
	for v := range in {
		out <- fmt.Sprintf("%d squared is %d", v, v*v)
	}
}

// [/directions]

// [closing]
func sumOfAll() int {
	ch := make(chan int)
	go func() {
		defer close(ch)
		for i := 0; i < 5; i++ {
			ch <- i
		}
	}()
	sum := 0
	for v := range ch {
		sum += v
	}
	return sum
}

// [/closing]
