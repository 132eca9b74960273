# One named command for each job; `make help` lists them. Every target sets up what it needs.

PYTHON ?= python3
JOBS ?= $(shell nproc)
TESTS ?= tests
# All but those that `make test` runs beside them, and those that look at threads and signals and so come alone.
OTHER_TESTS := tests --ignore=tests/differential --ignore=tests/property --ignore=tests/concurrency
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
# What one clone has compiled serves the next one too.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

# The extension is rebuilt when one of these changes; folders stand for files that come and go.
SOURCES := pyproject.toml CMakeLists.txt $(shell find cmake cpp python/partita -not -name '__pycache__' -not -name '*.pyc')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-long soak cpp-test lint format bench build asan tsan wheel crash fuzz clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build  ## Load 336,776 real flights into tables, and look them up, count, fold and scan them
	python examples/flights.py

test: $(VENV)/dev build cpp-test  ## Run the C++ unit tests and the Python tests (some minutes)
ifeq ($(TESTS),tests)
	@mkdir -p build
	@echo "the judges (differential, property) run beside the other tests; their report follows"
	@python -m pytest -q -m "not slow" tests/differential tests/property > build/judges.log 2>&1 & judges=$$!; \
	  python -m pytest -m "not slow" $(OTHER_TESTS); others=$$?; \
	  wait $$judges; judged=$$?; cat build/judges.log; test $$others = 0 -a $$judged = 0
	python -m pytest -m "not slow" tests/concurrency
else
	python -m pytest -m "not slow" $(TESTS)
endif

test-long: $(VENV)/dev build build/debug/ready  ## Run every test, for longer (up to hours)
	$(call ctest,debug)
	PARTITA_TESTS=long python -m pytest --timeout 14400

soak: $(VENV)/dev build  ## Load buffers whose processor fails and hangs, for a minute each
	PARTITA_SOAK_SECONDS=60 python -m pytest --timeout 1200 tests/concurrency/test_buffer_soak.py

bench: $(VENV)/dev build  ## Measure against the peers and write benchmarks/RESULTS.md
	python benchmarks/run.py --all

build: $(VENV)/built  ## Build the extension and install the package into .venv

lint: $(VENV)/dev build/debug/ready  ## Check formatting, types, and the C++ that changed
	scripts/lint build/debug

format: $(VENV)/dev  ## Format the C++ and Python files, and fix what can be fixed
	clang-format -i $$(git ls-files '*.h' '*.cc' '*.c' '*.cpp')
	ruff check --fix-only .
	ruff format .

cpp-test: build/debug/ready
	$(call ctest,debug,-L test)

# The whole suite with checks of every memory access. Leaks are counted exactly by the tests themselves, and Python's own
# allocator would hide errors. The C++ library comes with the preloaded sanitizer, which must find its exceptions.
asan: $(VENV)/dev build/asan/ready  ## Run the tests under the address and undefined behaviour sanitizers
	$(call ctest,asan,-L test)
	cmake --install build/asan --prefix build/asan/site > /dev/null
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=build/asan/site PARTITA_TESTS=sanitizer \
	  python -m pytest -m "not slow" $(TESTS)

# No fork and no Python here. Abseil is not instrumented, but what we use of it is in headers, and so compiled with us.
tsan: build/tsan/ready  ## Run the C++ unit and stress tests under the thread sanitizer
	$(call ctest,tsan)

wheel: $(VENV)/dev $(VENV)/built  ## Build a self-contained manylinux wheel into dist/
	rm -rf build/wheel
	pip wheel -q --no-deps --no-build-isolation -w build/wheel .
	auditwheel repair -w dist build/wheel/partita-*.whl

crash: $(VENV)/dev build  ## Kill 1,000 writers for each durability and kind of buffer, and look at what they leave
	CRASH_RUNS=1000 python -m pytest --timeout 14400 tests/crash

fuzz: $(VENV)/tools  ## Run each fuzzer of tests/fuzz for FUZZ_SECONDS (30)
	scripts/system-packages fuzz
	scripts/fuzz

clean:  ## Remove what was built, and the virtual environment
	rm -rf build dist $(VENV)

ctest = ctest --test-dir build/$(1) --output-on-failure -j $(JOBS) $(2)

$(VENV)/tools: pyproject.toml scripts/system-packages
	PYTHON=$(PYTHON) scripts/system-packages build
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	pip install -q --group build --group demo
	touch $@

$(VENV)/dev: $(VENV)/tools
	scripts/system-packages test
	pip install -q --group dev
	touch $@

# CMake's folder stays below build/, so a second build compiles what changed and nothing else.
$(VENV)/built: $(VENV)/tools $(SOURCES)
	pip install -q --no-deps --no-build-isolation \
	  -C cmake.define.CMAKE_COMPILE_WARNING_AS_ERROR=ON .
	touch $@

# C++ tests with assertions on: plain, under the address sanitizer (with the extension), under the thread sanitizer.
build/%/ready: $(VENV)/tools $(SOURCES)
	scripts/system-packages test
	cmake -S . -B build/$* -G Ninja -DCMAKE_BUILD_TYPE=Debug -DPARTITA_BUILD_TESTS=ON \
	  -DPARTITA_SANITIZE=$(filter-out debug,$(subst asan,address,$(subst tsan,thread,$*))) \
	  -DPython_EXECUTABLE=$(abspath $(BIN))/python > /dev/null
	cmake --build build/$* --target partita_tests $(if $(filter asan,$*),_core)
	touch $@
