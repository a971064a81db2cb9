// tests/guide_go/interview/interview.go — the Go that docs/guide/interview.md shows.
// SPDX-License-Identifier: BSL-1.0

package interview

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// [q1]
func play(procs, rounds int) int {
	old := runtime.GOMAXPROCS(procs)
	defer runtime.GOMAXPROCS(old)
	ping, pong := make(chan int), make(chan int)
	go func() {
		for ball := range ping {
			pong <- ball + 1
		}
	}()
	ball := 0
	for range rounds {
		ping <- ball
		ball = <-pong
	}
	close(ping)
	return ball
}

// [/q1]

// [q2]
func existAtOnce(n int) int {
	gate := make(chan struct{})
	var allHere, wg sync.WaitGroup
	allHere.Add(n)
	wg.Add(n)
	for range n {
		go func() {
			defer wg.Done()
			allHere.Done()
			<-gate
		}()
	}
	allHere.Wait()
	there := runtime.NumGoroutine()
	close(gate)
	wg.Wait()
	return there
}

// [/q2]

// [q4]
func meetOrStore() string {
	sendNow := func(ch chan<- int) bool {
		select {
		case ch <- 42:
			return true
		default:
			return false
		}
	}
	unbuffered := make(chan int)
	buffered := make(chan int, 1)
	return fmt.Sprint(sendNow(unbuffered),
		sendNow(buffered), sendNow(buffered))
}

// [/q4]

// [q5]
func useOfAClosedChannel() (seen string) {
	defer func() {
		seen += fmt.Sprint(", ", recover())
	}()
	ch := make(chan int, 1)
	ch <- 1
	close(ch)
	seen = strconv.Itoa(<-ch)
	if _, ok := <-ch; !ok {
		seen += ", closed"
	}
	ch <- 2
	return seen
}

// [/q5]

// [q6]
func sumOf(ch <-chan int) (sum int) {
	for v := range ch {
		sum += v
	}
	return sum
}

func whatIsIn(ch <-chan int) string {
	select {
	case v, ok := <-ch: // takes it
		if !ok {
			return "closed"
		}
		return strconv.Itoa(v)
	default:
		return "nothing yet"
	}
}

// [/q6]

// [q7]
func firstOfAll(in <-chan int,
	out chan<- int) string {
	select {
	case v, ok := <-in:
		if !ok {
			return "closed"
		}
		return "received " + strconv.Itoa(v)
	case out <- 42:
		return "sent"
	case <-time.After(time.Second):
		return "timeout"
	}
}

// [/q7]

// [q8]
func withinASecond(ch <-chan int) (int, bool) {
	select {
	case v, ok := <-ch:
		return v, ok
	case <-time.After(time.Second):
		return 0, false
	}
}

func beforeTheDeadline(ctx context.Context,
	ch <-chan int) (int, bool) {
	select {
	case v, ok := <-ch:
		return v, ok
	case <-ctx.Done():
		return 0, false
	}
}

// [/q8]

// [q9]
func allOfThem(n int) int64 {
	var through atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			through.Add(1)
		}()
	}
	wg.Wait()
	return through.Load()
}

// [/q9]

// [q10]
type settings struct {
	mu    sync.RWMutex
	value string
}

func (s *settings) get() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.value
}

func (s *settings) set(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value = value
}

// [/q10]

// [q11]
func countWithAMutex(n int) int {
	counter := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.Lock()
			defer mu.Unlock()
			counter++
		}()
	}
	wg.Wait()
	return counter
}

// [/q11]

// [q12]
func pooled(jobs []int) []int {
	in := make(chan int)
	out := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for job := range in {
				out <- job * 10
			}
		}()
	}
	go func() {
		for _, job := range jobs {
			in <- job
		}
		close(in)
		wg.Wait()
		close(out)
	}()
	var results []int
	for r := range out {
		results = append(results, r)
	}
	return results
}

// [/q12]

// [q13]
func work(done <-chan struct{},
	tasks <-chan int) (sum int) {
	for {
		select {
		case <-done:
			return sum
		case task, ok := <-tasks:
			if !ok {
				return sum
			}
			sum += task
		}
	}
}

// [/q13]

// [q14]
func generate(ctx context.Context,
	numbers ...int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for _, n := range numbers {
			select {
			case out <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func squares(ctx context.Context,
	in <-chan int) <-chan int {
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

// [/q14]

// [q16]
type userKey struct{}

func handle(ctx context.Context,
	answers <-chan string) string {
	select {
	case answer, ok := <-answers:
		if !ok {
			return "nobody answers"
		}
		who, ok := ctx.Value(userKey{}).(string)
		if !ok {
			who = "anybody"
		}
		return answer + " for " + who
	case <-ctx.Done():
		return ctx.Err().Error()
	}
}

// [/q16]

// [q17]
func afterItsScope() error {
	var kept context.Context
	func() {
		ctx, cancel := context.WithTimeout(
			context.Background(), 5*time.Second)
		defer cancel()
		kept = ctx
	}()
	return kept.Err()
}

func withoutCancel() error {
	kept, cancel := context.WithTimeout(
		context.Background(), 5*time.Second)
	_ = cancel // ctx, _ := … is vet's to refuse
	return kept.Err()
}

// [/q17]

// [q18]
func mostAtOnce(jobs, limit int) int64 {
	var now, most atomic.Int64
	var wg sync.WaitGroup
	slots := make(chan struct{}, limit)
	for range jobs {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer wg.Done()
			n := now.Add(1)
			m := most.Load()
			for ; m < n; m = most.Load() {
				most.CompareAndSwap(m, n)
			}
			time.Sleep(time.Millisecond)
			now.Add(-1)
			<-slots
		}()
	}
	wg.Wait()
	return most.Load()
}

// [/q18]

// [q19]
func leaks() {
	ch := make(chan int)
	go func() { ch <- 42 }()
}

func doesNotLeak() {
	ch := make(chan int, 1)
	go func() { ch <- 42 }()
}

// [/q19]

// [q20]
type mutexCounter struct {
	mu    sync.Mutex
	value int
}

func (c *mutexCounter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value += n
}

func ownerOfACounter(additions <-chan int) int {
	value := 0 // nobody else can name it
	for n := range additions {
		value += n
	}
	return value
}

// [/q20]
