// tests/guide_go/wait_group/wait_group.go — the Go that docs/guide/07_wait_group.md shows.
// SPDX-License-Identifier: BSL-1.0

package waitgroup

import (
	"context"
	"net/smtp"
	"sync"

	"runnel/guide/internal/errgroup"
)

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

type Mail struct {
	from, to string
	text     []byte
}

// [batch]
// What kept each mail from being sent.
func sendBatch(server string, mails []Mail) []error {
	failures := make([]error, len(mails))
	var wg sync.WaitGroup
	for i, m := range mails {
		wg.Add(1)
		go func() {
			defer wg.Done()
			failures[i] = smtp.SendMail(server, nil,
				m.from, []string{m.to}, m.text)
		}()
	}
	wg.Wait()
	return failures
}

// [/batch]

func deliver(context.Context, string) error { return nil }

// [group]
func deliverAll(ctx context.Context,
	addresses []string) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, to := range addresses {
		g.Go(func() error { return deliver(gctx, to) })
	}
	return g.Wait() // the first failure
}

// [/group]
