module roomkeeper/bench/load

go 1.26
