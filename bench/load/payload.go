package main

import (
	"fmt"
	"time"
)

// payload is what is sent for each of many agents. An agent belongs to one connection, so its requests
// keep their order.
type payload interface {
	// register appends the first request of an agent.
	register(to []byte, agent int) []byte
	// renew appends the agent's next request in the given turn, which grows.
	renew(to []byte, agent int, turn uint64, isChanged bool) []byte
}

func newPayload(o options) (payload, error) {
	switch o.kind {
	case "beats":
		return &beats{target: o.target, token: o.token, isWarned: make([]bool, o.first+o.agents), base: sequenceBase()}, nil
	case "lines":
		return frames{beats: beats{isWarned: make([]bool, o.first+o.agents), base: sequenceBase()}}, nil
	case "etcd":
		return leases{target: o.target}, nil
	case "redis":
		return keys{beats: beats{isWarned: make([]bool, o.first+o.agents), base: sequenceBase()}}, nil
	}
	return nil, fmt.Errorf("no such kind: %s", o.kind)
}

// exchanger sends one request at a time and waits for its answer. It connects when it has to.
type exchanger interface {
	exchange(request []byte) (reply, error)
	close()
}

func newExchanger(o options) exchanger {
	switch o.kind {
	case "lines":
		return &line{target: o.target, token: o.token}
	case "redis":
		return &connection{target: o.target, read: readRESP}
	}
	return &connection{target: o.target, read: readHTTP}
}

// sequenceBase is the clock's milliseconds: a later run's beats have higher numbers than an earlier one's,
// and no run has to know of another.
func sequenceBase() uint64 { return uint64(time.Now().UnixMilli()) }

func appendPost(to []byte, target, path, token string, body []byte) []byte {
	to = fmt.Appendf(to, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n", path, target)
	if token != "" {
		to = fmt.Appendf(to, "Authorization: Bearer %s\r\n", token)
	}
	to = fmt.Appendf(to, "Content-Length: %d\r\n\r\n", len(body))
	return append(to, body...)
}
