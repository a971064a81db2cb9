// tests/guide_go/wait_group/wait_group.go — the Go that docs/guide/07_wait_group.md shows.
// SPDX-License-Identifier: BSL-1.0

package waitgroup

import "sync"

func vowels(word string) int { return len(word) / 2 }

// [wait-group]
func countVowels(words []string) []int {
	counts := make([]int, len(words))
	var wg sync.WaitGroup
	for i, word := range words {
		wg.Add(1)
		go func() {
			defer wg.Done()
			counts[i] = vowels(word)
		}()
	}
	wg.Wait()
	return counts
}

// [/wait-group]
