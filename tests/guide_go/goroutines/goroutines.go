// tests/guide_go/goroutines/goroutines.go — the Go that docs/guide/04_goroutines.md shows.
// SPDX-License-Identifier: BSL-1.0

package goroutines

import (
	"errors"
	"sync"
	"sync/atomic"
)

// [goroutine]
func concurrent(done *atomic.Int64) {
	var wg sync.WaitGroup
	for i := 1; i <= 3; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			done.Add(int64(i))
		}()
	}
	wg.Wait()
}

// [/goroutine]

func greeting(name string) (string, error) { return "hello " + name, nil }

// [goroutine-result]
type greeted struct {
	text string
	err  error
}

func greet(name string) <-chan greeted {
	out := make(chan greeted, 1)
	go func() {
		text, err := greeting(name)
		out <- greeted{text, err}
	}()
	return out
}

func greetBoth(a, b string) (string, error) {
	first, second := greet(a), greet(b)
	x, y := <-first, <-second
	return x.text + ", " + y.text,
		errors.Join(x.err, y.err)
}

// [/goroutine-result]
