// bench/go/fork_join.go — tasks that wait for their children.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"sync"
	"testing"
)

// Every call is a task.
func fibSpawn(n int, result, calls *int) {
	if n < 2 {
		*result = n
		*calls = 1
		return
	}
	var a, b, callsA, callsB int
	var children sync.WaitGroup
	children.Add(2)
	go func() {
		fibSpawn(n-1, &a, &callsA)
		children.Done()
	}()
	go func() {
		fibSpawn(n-2, &b, &callsB)
		children.Done()
	}()
	children.Wait()
	*result = a + b
	*calls = callsA + callsB + 1
}

// Every other call is a task; the caller does the rest itself.
func fibFork(n int, result, calls *int) {
	if n < 2 {
		*result = n
		*calls = 1
		return
	}
	var a, b, callsA, callsB int
	var child sync.WaitGroup
	child.Add(1)
	go func() {
		fibFork(n-1, &a, &callsA)
		child.Done()
	}()
	fibFork(n-2, &b, &callsB)
	child.Wait()
	*result = a + b
	*calls = callsA + callsB + 1
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

// An operation is one call of fib(25).
func recursion(b *testing.B, f func(n int, result, calls *int)) int {
	const n = 25
	expected := fib(n)
	calls := 0
	right := true
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		result := 0
		f(n, &result, &calls)
		right = right && result == expected
	}
	verify(b, right)
	return b.N * calls
}

func init() {
	row("fib_spawn", twoToo, func(b *testing.B) int { return recursion(b, fibSpawn) })
	row("fib_fork", twoToo, func(b *testing.B) int { return recursion(b, fibFork) })
}
