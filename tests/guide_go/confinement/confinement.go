// tests/guide_go/confinement/confinement.go — the Go that docs/guide/13_confinement.md shows.
// SPDX-License-Identifier: BSL-1.0

package confinement

import (
	"slices"
	"strconv"
	"sync"
)

// [copy]
func doubled(data []int) <-chan []int {
	out := make(chan []int, 1)
	own := slices.Clone(data) // before the go
	go func() {
		for i := range own {
			own[i] *= 2
		}
		out <- own
	}()
	return out
}

// [/copy]

type order struct{ pieces, centsEach int }

type result struct{ cents int }

func process(o order) result { return result{o.pieces * o.centsEach} }

// [index]
func processOrders(orders []order) []result {
	results := make([]result, len(orders))
	var wg sync.WaitGroup
	for i, o := range orders {
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[i] = process(o)
		}()
	}
	wg.Wait()
	return results
}

// [/index]

type record struct {
	id   int
	data string
}

func processRecord(r record) (int, error) { return strconv.Atoi(r.data) }

// [records]
type processed struct {
	id, result int
	err        error
}

func processRecords(records []record) []processed {
	results := make([]processed, len(records))
	var wg sync.WaitGroup
	for i := range records {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mine := &results[i]
			mine.id = records[i].id
			mine.result, mine.err =
				processRecord(records[i])
		}()
	}
	wg.Wait()
	return results
}

// [/records]
