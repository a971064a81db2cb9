// bench/go/spawn.go — starting tasks and waiting for them.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"sync"
	"sync/atomic"
	"testing"
)

// An operation is one empty task, started and waited for in batches of a thousand.
func spawnJoin(b *testing.B) int {
	const batch = 1000
	var ended atomic.Int64
	for n := 0; n < b.N; n++ {
		var tasks sync.WaitGroup
		for i := 0; i < batch; i++ {
			tasks.Add(1)
			go func() {
				ended.Add(1)
				tasks.Done()
			}()
		}
		tasks.Wait()
	}
	verify(b, ended.Load() == int64(b.N*batch))
	return b.N * batch
}

func init() {
	row("spawn_join", twoToo, spawnJoin)
}
