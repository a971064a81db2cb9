// tests/guide_go/select/select.go — the Go that docs/guide/06_select.md shows.
// SPDX-License-Identifier: BSL-1.0

package selects

import (
	"context"
	"fmt"
	"time"
)

// [select]
func firstNews(mail, phone <-chan int) string {
	select {
	case from := <-mail:
		return fmt.Sprint("mail from ", from)
	case from := <-phone:
		return fmt.Sprint("call from ", from)
	case <-time.After(time.Second):
		return "nothing"
	}
}

// [/select]

// [select-timeout]
func inTime(ch <-chan int) string {
	select {
	case v := <-ch:
		return fmt.Sprint(v)
	case <-time.After(5 * time.Second):
		return "too late"
	}
}

// [/select-timeout]

// [select-nonblocking]
func look(ch <-chan int) string {
	select {
	case v := <-ch:
		return fmt.Sprint(v)
	default:
		return "nothing there"
	}
}

// [/select-nonblocking]

// [select-send]
func offer(ch chan<- int, v int) bool {
	select {
	case ch <- v:
		return true
	default:
		return false
	}
}

// [/select-send]

// [select-context]
func waitFor(ctx context.Context, ch <-chan int) string {
	select {
	case v := <-ch:
		return fmt.Sprint(v)
	case <-ctx.Done():
		return ctx.Err().Error()
	}
}

// [/select-context]

type tally struct{ readings, errors int }

// [monitor-spins]
// as in the Go guide
func spins(data <-chan int, errs <-chan error,
	done <-chan struct{}) (seen tally) {
	for {
		select {
		case <-data: // once closed, always ready
			seen.readings++
		case <-errs:
			seen.errors++
		case <-done:
			return seen
		}
	}
}

// [/monitor-spins]

// [monitor]
// right: a closed one is set to nil
func monitor(data <-chan int, errs <-chan error,
	done <-chan struct{}) (seen tally) {
	for {
		select {
		case _, ok := <-data:
			if !ok {
				data = nil
				continue
			}
			seen.readings++
		case _, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			seen.errors++
		case <-done:
			return seen
		}
	}
}

// [/monitor]
