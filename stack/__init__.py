"""Everything of a call on this machine, for the demo, the end-to-end tests and the benchmarks.

Import from the modules: several of them are also programs (`python -m stack.demo`), which Python loads twice
when the package imports them.
"""
