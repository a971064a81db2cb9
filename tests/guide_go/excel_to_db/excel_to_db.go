// tests/guide_go/excel_to_db/excel_to_db.go — the Go that docs/guide/excel_to_db.md shows.
// SPDX-License-Identifier: BSL-1.0

package excel_to_db

import (
	"context"
	"sync"
)

type row []string

type store func(context.Context, row) error

// [import]
func importConcurrently(ctx context.Context,
	rows <-chan row, workers int,
	insert store) (stored, failed int) {
	outcomes := make(chan error, 100)
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for r := range rows {
				outcomes <- insert(ctx, r)
			}
		}()
	}
	go func() {
		wg.Wait()
		close(outcomes)
	}()
	for err := range outcomes {
		if err == nil {
			stored++
		} else {
			failed++
		}
	}
	return stored, failed
}

func readRows(ctx context.Context,
	sheet []row) <-chan row {
	rows := make(chan row, 100)
	go func() {
		defer close(rows)
		for i, r := range sheet {
			if i == 0 {
				continue // the header, if any
			}
			select {
			case rows <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	return rows
}

// [/import]
