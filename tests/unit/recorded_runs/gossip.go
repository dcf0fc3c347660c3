// A gossip server that is stopped while it sends: it may deadlock in Stop or in Quiesce, write a map twice at once,
// or be stopped by its time limit while it still works.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"sync"
	"time"
)

type Stopper struct {
	mu      sync.Mutex
	drained chan bool
	tasks   int
}

func (s *Stopper) Quiesce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.tasks > 0 {
		<-s.drained
		s.tasks--
	}
}

func (s *Stopper) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained <- true
}

func (s *Stopper) RunTask(work func()) {
	s.mu.Lock()
	s.tasks++
	s.mu.Unlock()
	work()
	s.mu.Lock()
	s.mu.Unlock()
	s.drained <- true
}

func fill(table map[int]int, from int) {
	for i := 0; i < 2000; i++ {
		table[from+i%10] = i
	}
}

func sum(values []int, last int) int {
	total := 0
	for i := 0; i <= last; i++ {
		total += values[i]
	}
	return total
}

func main() {
	rand.Seed(time.Now().UnixNano() + int64(os.Getpid()))
	fmt.Printf("%s server %d begins with %d peers\n", time.Now().Format(time.RFC3339Nano), os.Getpid(), rand.Intn(50))
	stopper := &Stopper{drained: make(chan bool)}
	switch draw := rand.Intn(10); {
	case draw < 2:
		go stopper.RunTask(func() { time.Sleep(time.Millisecond) })
		time.Sleep(500 * time.Microsecond)
		stopper.Quiesce()
	case draw < 4:
		stopper.Stop()
	case draw < 6:
		table, done := map[int]int{}, make(chan bool)
		go func() { fill(table, 0); done <- true }()
		go func() { fill(table, 5); done <- true }()
		<-done
		<-done
	case draw < 8:
		values := make([]int, 5+rand.Intn(5))
		fmt.Println("sum", sum(values, 4+rand.Intn(6)))
	}
	fmt.Println("done after", time.Duration(rand.Intn(1e9)))
}
