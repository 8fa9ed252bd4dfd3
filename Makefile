# Two commands matter: `make bench` to see and hear it, `make test` to check it.
.PHONY: bench test check scenarios benchmark crash-trials sixty-days lock clean

bench:            ## hub and six simulated clusters with a Vietnamese programme on air; Ctrl-C stops everything
	@scripts/setup bench
	@exec .venv/bin/loaxa-bench up

test:             ## every check and test, on a fresh machine too
	@scripts/setup test
	@scripts/check
	@scripts/test

check:            ## formatter, linter, types, layers
	@scripts/setup test
	@scripts/check

scenarios:        ## every shipped scenario, in real time
	@scripts/setup test
	@.venv/bin/loaxa-bench run-all scenarios --out .work/scenarios --at-once 2

benchmark:        ## the figures, as a table and as JSON
	@scripts/setup bench
	@.venv/bin/loaxa-bench benchmark --out .work/benchmark.json

lock:             ## lock the dependencies anew (needs uv)
	@scripts/lock

N ?= 1000
SEED ?= 1
crash-trials:     ## the store killed at random instants N times, its card forgetting, torn and dying: nothing lost
	@scripts/setup bench
	@.venv/bin/loaxa-bench crash-trials --n $(N) --seed $(SEED) --out .work/crash-trials.json

LIVES ?= 3
sixty-days:       ## the agent's loop on a jumping clock for LIVES times sixty days of trouble: every rule holds, every item has its row
	@scripts/setup test
	@LOAXA_LIVES=$(LIVES) LOAXA_SEED=$(SEED) scripts/test tests/sixty_days/test_sixty_days.py::test_sixty_days

clean:            ## forget everything that was made here
	@rm -rf .venv .work .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
