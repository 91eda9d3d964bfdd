// Load makes work for a server and says how it copes, as one JSON line on stdout.
//
//	load register  one request per agent, as fast as the answers come
//	load closed    every connection sends its next request when it has its answer
//	load open      requests at a fixed rate, whatever the answers do
//	load read      readers of the registry's stream of changes
//
// It is for one core beside the server's: `taskset -c 1 load …`.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"
)

type options struct {
	target      string
	kind        string
	token       string
	agents      int
	first       int
	connections int
	seconds     float64
	rate        float64
	changed     float64
	acked       string
	kill        int
	killAfter   int
	stalled     int
}

func main() {
	if len(os.Args) < 2 {
		fail("say what to do: register, closed, open or read")
	}
	var o options
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.StringVar(&o.target, "target", "127.0.0.1:3026", "host:port of the server")
	flags.StringVar(&o.kind, "kind", "beats", "what is sent: beats, lines, etcd or redis")
	flags.StringVar(&o.token, "token", "", "bearer token of the registry")
	flags.IntVar(&o.agents, "agents", 10_000, "distinct agents, leases or keys")
	flags.IntVar(&o.first, "first", 0, "number of the first of them")
	flags.IntVar(&o.connections, "connections", 64, "kept-alive connections, or readers")
	flags.Float64Var(&o.seconds, "seconds", 10, "how long; register ends by itself")
	flags.Float64Var(&o.rate, "rate", 5_000, "requests per second of open")
	flags.Float64Var(&o.changed, "changed", 0, "share of beats that change a fact, 0 to 1")
	flags.StringVar(&o.acked, "acked", "", "register: file for the ids that were acknowledged")
	flags.IntVar(&o.kill, "kill", 0, "register: process that is killed with -9")
	flags.IntVar(&o.killAfter, "kill-after", 0, "register: after so many acknowledgements")
	flags.IntVar(&o.stalled, "stalled", 0, "read: so many of the readers stop reading once they are greeted")
	_ = flags.Parse(os.Args[2:]) // ExitOnError

	if o.connections < 1 || o.agents < o.connections && os.Args[1] != "read" {
		fail("there must be a connection, and an agent for each connection")
	}
	var result any
	var err error
	switch os.Args[1] {
	case "register":
		result, err = register(o)
	case "closed":
		result, err = closed(o)
	case "open":
		result, err = open(o)
	case "read":
		result, err = read(o)
	default:
		fail("no such mode: " + os.Args[1])
	}
	if err != nil {
		fail(err.Error())
	}
	line, err := json.Marshal(result)
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(string(line))
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "error: "+message)
	os.Exit(1)
}

// ownCPU is the processor time that this program has used, in seconds.
func ownCPU() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
