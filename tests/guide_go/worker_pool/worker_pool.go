// tests/guide_go/worker_pool/worker_pool.go — the Go that docs/guide/10_worker_pool.md shows.
// SPDX-License-Identifier: BSL-1.0

package worker_pool

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

func square(n int) int { return n * n }

// [pool]
func workerPool(tasks <-chan int,
	results chan<- int, workers int) {
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for task := range tasks {
				results <- square(task)
			}
		}()
	}
	wg.Wait()
	close(results)
}

// [/pool]

type job struct{ operation, input, output string }

func resize(input, output string) error { return errors.ErrUnsupported }

func perform(j job) error {
	if j.operation == "resize" {
		return resize(j.input, j.output)
	}
	return fmt.Errorf("unknown operation: %s", j.operation)
}

// [images]
type result struct {
	done job
	err  error
}

func imageService(ctx context.Context,
	jobs <-chan job, results chan<- result) {
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range jobs {
				r := result{j, perform(j)}
				select {
				case results <- r:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	wg.Wait()
	close(results)
}

// [/images]
