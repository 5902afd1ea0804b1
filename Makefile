# SPDX-License-Identifier: GPL-3.0-or-later
# Short names for what CMake (CMakePresets.json) and scripts/ do. `make` alone builds build/optctl.

.DEFAULT_GOAL := build
.PHONY: build all deps demo test sanitize e2e soak bench fuzz lint docs install package image coverage clean

SECONDS_PER_TARGET ?= 600
HOURS ?= 24
SEED ?= 1
PREFIX ?= /usr/local

build:
	cmake --preset release >/dev/null
	cmake --build --preset release --target optctl share

# With the programs of the tests.
all: build
	cmake --build --preset release

deps:
	scripts/deps

# What a newcomer runs first: measured runs predicted, then a week of load on the model fitted to one of them. Takes a minute.
demo:
	scripts/deps build
	@$(MAKE) --no-print-directory build
	scripts/demo

# A few minutes.
test: all
	scripts/test release -E '^e2e/'

# The same under AddressSanitizer and UBSan: twice as long.
sanitize:
	cmake --preset debug-asan >/dev/null
	cmake --build --preset debug-asan
	scripts/test debug-asan -E '^e2e/'

# Real systems on a crowded machine may miss a deadline that is not ours: a case that fails is tried once more.
e2e: all
	scripts/test release -R '^e2e/' --repeat until-pass:2

# A day of a live pipeline with a fault every minute, twice: with kills and without. Takes ten minutes.
soak: all
	build/soak_test_soak $(HOURS) $(SEED)

bench:
	cmake --preset bench >/dev/null
	cmake --build --preset bench
	scripts/bench

# New inputs for so many seconds; `make fuzz RUNS=60000`: so many inputs, the same in every run.
fuzz:
	cmake --preset fuzz >/dev/null
	cmake --build --preset fuzz
	scripts/fuzz $(if $(RUNS),--runs $(RUNS),--seconds $(SECONDS_PER_TARGET))

lint:
	scripts/lint

# What is made from the program's own tables: pages in docs/; CustomResourceDefinitions, dashboards and rules of the chart.
docs: build
	scripts/docs

install: build
	cmake --install build --prefix $(PREFIX)

package: build
	cd build && cpack -G DEB

# The container image as an archive that docker, podman and skopeo load; out of Debian's packages, without Docker and a base image.
image: package
	rm -rf build/image
	scripts/image-root build/optctl_*.deb build/image
	scripts/image build/image build/optctl-image.tar

coverage:
	cmake --preset coverage >/dev/null
	cmake --build --preset coverage
	scripts/test coverage -E '^(e2e/|cli/spec-without-rights)'
	scripts/coverage

clean:
	rm -rf build
