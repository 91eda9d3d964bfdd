package main

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

const (
	clockMonotonic = 1
	tick           = 100 * time.Microsecond
)

// pace calls `release` n times at `rate` per second, each with the moment it was due.
//
// By a timerfd: Go's own timers wait in whole milliseconds when nothing else happens, which would be
// counted as the server's latency.
func pace(start time.Time, rate float64, n int, release func(int, time.Time)) error {
	const flags = syscall.O_NONBLOCK | syscall.O_CLOEXEC
	fd, _, failed := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, flags, 0)
	if failed != 0 {
		return failed
	}
	timer := os.NewFile(fd, "timer")
	defer timer.Close()
	every := syscall.NsecToTimespec(int64(tick))
	times := [2]syscall.Timespec{every, every} // struct itimerspec: interval, first
	_, _, failed = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	if failed != 0 {
		return failed
	}
	var expirations [8]byte // how many ticks were missed does not matter
	for sent := 0; sent < n; {
		if _, err := timer.Read(expirations[:]); err != nil {
			return err
		}
		for now := time.Now(); sent < n; sent++ {
			at := start.Add(time.Duration(float64(sent) / rate * float64(time.Second)))
			if at.After(now) {
				break
			}
			release(sent, at)
		}
	}
	return nil
}
