// tests/guide_go/select/select.go — the Go that docs/guide/06_select.md shows.
// SPDX-License-Identifier: BSL-1.0

package selects

import (
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

func process(int)  {}
func handle(error) {}

func spins(data <-chan int, errors <-chan error, done <-chan struct{}) {
	// [monitor-spins]
	for {
		select {
		case d := <-data: // closed: a zero value,
			process(d) // at once, again and again
		case err := <-errors:
			handle(err)
		case <-done:
			return
		}
	}
	// [/monitor-spins]
}

func monitor(data <-chan int, done <-chan struct{}) {
	// [monitor]
	// right: a closed one is set to nil
	for {
		select {
		case d, ok := <-data:
			if !ok {
				data = nil
				continue
			}
			process(d)
		case <-done:
			return
		}
	}
	// [/monitor]
}
