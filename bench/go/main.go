// bench/go/main.go — the same rows in Go: each file here beside the one of its name in rows/.
// SPDX-License-Identifier: BSL-1.0
//
//	bench_go -list                    the rows, as <row>/<workers>
//	bench_go -row chan_sync/2         runs one and prints a line of JSON
//	bench_go -row … -time 500ms       for about so long
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// A workload does b.N rounds and says how many operations those were.
type workload func(b *testing.B) int

type registered struct {
	name    string
	workers int
	run     workload
	once    bool // one round is enough
}

var rows []registered

func row(name string, workers []int, run workload) {
	for _, n := range workers {
		rows = append(rows, registered{fmt.Sprintf("%s/%d", name, n), n, run, false})
	}
}

func rowOnce(name string, workers []int, run workload) {
	row(name, workers, run)
	for i := range workers {
		rows[len(rows)-1-i].once = true
	}
}

// So many tasks do that; waits for all.
func together(tasks int, f func()) {
	var group sync.WaitGroup
	group.Add(tasks)
	for t := 0; t < tasks; t++ {
		go func() {
			f()
			group.Done()
		}()
	}
	group.Wait()
}

func verify(b *testing.B, right bool) {
	if !right {
		b.Fatal("wrong result")
	}
}

var (
	oneWorker = []int{1}
	twoToo    = []int{1, 2, 4, 8, 16}
	onlyTwo   = []int{2}
)

// Figures beside the time of an operation.
var counters = map[string]float64{}

// Set by a workload that measures something else than how long its rounds take, in ns for each.
var measured float64

func main() {
	list := flag.Bool("list", false, "print the rows")
	name := flag.String("row", "", "the row to run")
	long := flag.Duration("time", 100*time.Millisecond, "for how long")
	testing.Init()
	flag.Parse()
	for _, r := range rows {
		if *list {
			fmt.Println(r.name)
			continue
		}
		if r.name != *name {
			continue
		}
		runtime.GOMAXPROCS(r.workers)
		benchtime := long.String()
		if r.once {
			benchtime = "1x"
		}
		if err := flag.Set("test.benchtime", benchtime); err != nil {
			panic(err)
		}
		operations := 0
		result := testing.Benchmark(func(b *testing.B) { operations = r.run(b) })
		if result.N == 0 {
			fmt.Fprintf(os.Stderr, "bench_go: %s: wrong result\n", r.name)
			os.Exit(1)
		}
		ns := float64(result.T.Nanoseconds()) / float64(operations)
		if measured != 0 {
			ns = measured
		}
		out := map[string]any{"row": r.name, "ns": ns, "counters": counters, "version": runtime.Version()}
		if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
			panic(err)
		}
		return
	}
	if !*list {
		fmt.Fprintf(os.Stderr, "bench_go: no row %q; -list prints them\n", *name)
		os.Exit(2)
	}
}
