package main

import "fmt"

// leases are etcd's: granted once under a number of our choice, then kept alive, by the JSON gateway.
type leases struct{ target string }

const leaseSeconds = 3600 // longer than any run: what expires is not part of the comparison

func (l leases) register(to []byte, agent int) []byte {
	body := fmt.Appendf(nil, `{"TTL":%d,"ID":%d}`, leaseSeconds, agent+1)
	return appendPost(to, l.target, "/v3/lease/grant", "", body)
}

func (l leases) renew(to []byte, agent int, _ uint64, _ bool) []byte {
	var space [64]byte
	return appendPost(to, l.target, "/v3/lease/keepalive", "", fmt.Appendf(space[:0], `{"ID":%d}`, agent+1))
}

// keys are Redis's: the whole beat, with a lifetime.
type keys struct{ beats }

func (k keys) register(to []byte, agent int) []byte { return k.renew(to, agent, 0, false) }

func (k keys) renew(to []byte, agent int, turn uint64, _ bool) []byte {
	var space [1024]byte
	id, beat := agentID(agent), k.appendBeat(space[:0], agent, turn)
	to = fmt.Appendf(to, "*5\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n", len(id), id, len(beat))
	to = append(to, beat...)
	return append(to, "\r\n$2\r\nEX\r\n$2\r\n25\r\n"...)
}
