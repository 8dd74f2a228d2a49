# Everything a person does with this checkout. `make help` lists it. Needs Debian 12 (root, or sudo), nothing else: each
# target installs the packages that it needs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := adhoc
.PHONY: adhoc demo demo-down test test-asan test-tsan test-crashes fuzz bench format lint clean help

JOBS ?= $(shell tools/jobs)
# Which benchmark or fuzzer; all of them when empty.
NAME ?=
# Seconds of each fuzzer.
DURATION ?= 60
# Extra arguments for pytest, e.g. PYTEST='-k balancer -x'.
PYTEST ?=

## adhoc: build the program, build/adhoc
adhoc:
	tools/install-packages build
	[ -f build/build.ninja ] || cmake --preset release -DADHOC_BUILD_TESTS=OFF >build.log || { cat build.log; exit 1; }
	rm -f build.log
	ninja -C build -j $(JOBS) $(NINJAFLAGS) adhoc

## demo: build everything, and bring up the example application as environment `demo`
demo:
	tools/install-packages build run
	$(MAKE) --no-print-directory adhoc NINJAFLAGS=--quiet
	tools/demo up

## demo-down: remove every trace of the demo and of the local cloud
demo-down:
	tools/demo down

## test: run all tests: unit, protocol, integration and end-to-end with real containers
test:
	tools/install-packages build run test fuzz
	tools/run-tests --jobs $(JOBS) -- $(PYTEST)

## test-asan: run the unit tests with AddressSanitizer and UBSan
## test-tsan: run the unit tests with ThreadSanitizer
test-asan test-tsan: test-%:
	tools/install-packages build test
	cmake --preset $* >/dev/null
	ninja -C build-$* -j $(JOBS) --quiet
	ctest --test-dir build-$* --output-on-failure -j $(JOBS)

## test-crashes: kill the engine at each call of a whole lifecycle, and look at what the next run makes of it; some minutes
test-crashes:
	tools/install-packages build test
	cmake --preset release -DADHOC_BUILD_TESTS=ON >/dev/null
	ninja -C build -j $(JOBS) --quiet adhoc_deploy_test
	ADHOC_EVERY_CUT=1 build/src/deploy/adhoc_deploy_test --gtest_filter='Lifecycle.*:*/SharedResources.*:LoadBalancers.*'

## fuzz: let the fuzzers look for what breaks a parser, DURATION=60 seconds each; NAME=fuzz_gateway runs one
fuzz:
	tools/install-packages build fuzz
	tools/fuzz --seconds $(DURATION) --jobs $(JOBS) $(NAME)

## bench: measure; NAME=up-noop measures one
bench:
	tools/install-packages build run bench
	$(MAKE) --no-print-directory adhoc NINJAFLAGS=--quiet
	bench/run $(NAME)

## format: format the C++ sources
format:
	tools/install-packages lint
	git ls-files -z '*.cc' '*.h' | xargs -0 clang-format -i

## lint: check format, shell scripts and the compiler's second opinion
lint:
	tools/install-packages build lint
	tools/lint

## clean: remove what was built; images and the local cloud stay (see demo-down)
clean:
	rm -rf build build-dev build-asan build-tsan build-fuzz

help:
	sed -nE 's/^## ([^:]+): (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r target what; do
	  printf '  make %-10s %s\n' "$$target" "$$what"
	done
