// tests/guide_go/practices/practices.go — the Go that docs/guide/practices.md shows.
// SPDX-License-Identifier: BSL-1.0

package practices

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// [context-bad]
func nextWithout(data <-chan int) int {
	return <-data // nobody can stop it
}

// [/context-bad]

// [context-good]
func next(ctx context.Context,
	data <-chan int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx,
		5*time.Second)
	defer cancel()
	select {
	case v := <-data: // 0 if it is closed
		return v, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// [/context-good]

// [report-bad]
func reportOrHang(errors chan<- string) {
	go func() { errors <- "disk full" }()
}

// [/report-bad]

// [report-good]
func report(errors chan<- string,
	dropped *atomic.Int64) {
	select {
	case errors <- "disk full":
	default:
		dropped.Add(1)
	}
}

// [/report-good]

// [close-bad]
func consume(ch chan int) (sum int) {
	for n := range ch {
		sum += n
	}
	close(ch) // panics: its sender has closed it
	return sum
}

// [/close-bad]

// [close-good]
func produce(n int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for i := range n {
			out <- i
		}
	}()
	return out
}

// [/close-good]

func takes(d time.Duration, done *atomic.Int64) {
	time.Sleep(d)
	done.Add(1)
}

// [wait-bad]
func doneAfterASleep(done *atomic.Int64) int64 {
	for i := 1; i <= 10; i++ {
		d := time.Duration(i) * time.Second
		go takes(d, done)
	}
	time.Sleep(5500 * time.Millisecond)
	return done.Load()
}

// [/wait-bad]

// [wait-good]
func doneAfterAWait(done *atomic.Int64) int64 {
	var wg sync.WaitGroup
	for i := 1; i <= 10; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			takes(time.Duration(i)*time.Second, done)
		}()
	}
	wg.Wait()
	return done.Load()
}

// [/wait-good]

// [limit-bad]
func oneGoroutineEach(items []int,
	process func(int) int) {
	for _, item := range items {
		go process(item)
	}
}

// [/limit-bad]

// [limit-good]
func processAll(items []int,
	process func(int) int) []int {
	results := make([]int, len(items))
	jobs := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range jobs {
				results[i] = process(items[i])
			}
		}()
	}
	for i := range items {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
	return results
}

// [/limit-good]

func risky(n int) int {
	if n == 3 {
		panic("three is too many")
	}
	return n
}

// [panic-bad]
func endsTheProgram() {
	go risky(3)
	time.Sleep(time.Minute)
}

// [/panic-bad]

// [panic-good]
func contained(n int) string {
	text := make(chan string, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				text <- fmt.Sprint(r)
			}
		}()
		text <- fmt.Sprint(risky(n))
	}()
	return <-text
}

// [/panic-good]

// [close-twice-bad]
func closeTwice() (what any) {
	defer func() { what = recover() }()
	ch := make(chan int)
	close(ch)
	close(ch)
	return "closed twice"
}

// [/close-twice-bad]

// [close-twice-good]
type stopper struct {
	once sync.Once
	done chan struct{}
}

func newStopper() *stopper {
	return &stopper{done: make(chan struct{})}
}

func (s *stopper) stop() {
	s.once.Do(func() { close(s.done) })
}

// [/close-twice-good]

// [race-bad]
func unguardedCount(n int) int {
	counter := 0
	var wg sync.WaitGroup
	for range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			counter++
		}()
	}
	wg.Wait()
	return counter
}

// [/race-bad]

// [race-good]
func guardedCount(n int) int64 {
	var counter atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			counter.Add(1)
		}()
	}
	wg.Wait()
	return counter.Load()
}

// [/race-good]

// [deadlock-bad]
func nobodySends() int {
	ch := make(chan int)
	return <-ch
}

// [/deadlock-bad]

// [deadlock-good]
func somebodySends() int {
	ch := make(chan int)
	go func() { ch <- 42 }()
	return <-ch
}

// [/deadlock-good]

// [needless-bad]
func addByGoroutine(a, b int) int {
	result := make(chan int)
	go func() { result <- a + b }()
	return <-result
}

// [/needless-bad]

// [needless-good]
func add(a, b int) int { return a + b }

// [/needless-good]
