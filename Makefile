# A thin front to CMake: what to type on a machine that has only make and git. CONTRIBUTING.md has the details.
PREFIX ?= /usr/local
DESTDIR ?=
MINUTES ?= 10

# Release build of the program and the libraries, in build/release.
build: deps-build
	@test -f build/release/build.ninja || cmake --preset release >/dev/null
	@ninja -C build/release --quiet

# The reverse dictionary: real data in, answers out.
demo: deps-build deps-demo
	@test -f build/release/build.ninja || cmake --preset release >/dev/null
	@ninja -C build/release --quiet inlay
	@examples/reverse-dictionary/run.sh

test: deps-build deps-test
	@tests/run

# Whole matrices, and MINUTES of fuzzing per target.
test-full: deps-build deps-test deps-demo deps-full
	@tests/run --full --minutes $(MINUTES)

bench: deps-build deps-bench build
	@bench/run

fuzz: deps-build deps-test
	@tools/fuzz $(MINUTES)

install: build
	@cmake --install build/release --prefix $(PREFIX) >/dev/null
	@echo "installed in $(DESTDIR)$(PREFIX)"

# The man pages and completions, from the program's own tables.
man: build
	@tools/man build/release/inlay

clean:
	rm -rf build

deps-build deps-test deps-demo deps-full deps-bench:
	@tools/deps $(@:deps-%=%)

.PHONY: build demo test test-full bench fuzz install man clean deps-build deps-test deps-demo deps-full deps-bench
