// tests/guide_go/pipeline/pipeline.go — the Go that docs/guide/11_pipeline.md shows.
// SPDX-License-Identifier: BSL-1.0

package pipeline

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// [stage]
func squared(ctx context.Context,
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

// [/stage]

// [read]
// A value, or why there are no more.
type item[T any] struct {
	value T
	err   error
}

func readLines(ctx context.Context,
	path string) <-chan item[string] {
	out := make(chan item[string])
	send := func(line string, err error) bool {
		select {
		case out <- item[string]{line, err}:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(out)
		file, err := os.Open(path)
		if err != nil {
			send("", err)
			return
		}
		defer file.Close()
		in := bufio.NewScanner(file)
		in.Buffer(nil, 1<<20) // else 64 KiB
		for in.Scan() {
			if !send(in.Text(), nil) {
				return
			}
		}
		if in.Err() != nil {
			send("", in.Err())
		}
	}()
	return out
}

// [/read]

type entry struct{ time, level, message string }

func parse(line string) (e entry, ok bool) {
	rest := ""
	if e.time, rest, ok = strings.Cut(line, " "); ok {
		e.level, e.message, ok = strings.Cut(rest, " ")
	}
	return e, ok
}

// Hands on what f returns, and each error as it comes.
func stage[In, Out any](ctx context.Context, in <-chan item[In], f func(In) (Out, bool)) <-chan item[Out] {
	out := make(chan item[Out])
	go func() {
		defer close(out)
		for v := range in {
			next := item[Out]{err: v.err}
			wanted := true
			if v.err == nil {
				next.value, wanted = f(v.value)
			}
			if !wanted {
				continue
			}
			select {
			case out <- next:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// [process]
func processLog(ctx context.Context, path string,
	malformed *atomic.Int64) <-chan item[string] {
	entries := stage(ctx, readLines(ctx, path),
		func(line string) (entry, bool) {
			e, ok := parse(line)
			if !ok {
				malformed.Add(1)
			}
			return e, ok
		})
	errors := stage(ctx, entries,
		func(e entry) (entry, bool) {
			return e, e.level == "ERROR"
		})
	return stage(ctx, errors,
		func(e entry) (string, bool) {
			return fmt.Sprintf("[%s] %s: %s",
				e.time, e.level, e.message), true
		})
}

// [/process]
