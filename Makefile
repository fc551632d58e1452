# SPDX-License-Identifier: GPL-2.0-only
# Everything Ferry is asked to do from its top directory. Each target does all
# of its own set-up, and nothing twice; scripts/ and tests/ do the work.

.DEFAULT_GOAL := help
.PHONY: help demo run test lint check-dt qtest tools-test guest-test stream-test debug-test bench bench-gate soak clean deps qemu

export FILE ?=

help:
	@echo 'make demo [FILE=...]  fetch, build and boot, move a real file through the device, report'
	@echo 'make run              a shell in the guest'
	@echo 'make test             everything that CI runs: all of the following'
	@echo '  make lint           static checks of the sources'
	@echo '  make check-dt       the device-tree binding, and boots of its variants'
	@echo '  make qtest          the device model, also under sanitizers'
	@echo '  make tools-test     the library and the tool on the host'
	@echo '  make guest-test     selftests in the distribution'\''s kernel'
	@echo '  make stream-test    dd, tar, pv and others in the guest, on sockets of the host'
	@echo '  make debug-test     KUnit, selftests and cycles in a kernel full of checkers'
	@echo '  make bench-gate     instructions per operation, exact, against those of the last commit'
	@echo 'make bench            the same as a table and plots, and throughput as ratios'
	@echo 'make soak             a thousand cycles, every allocation failing, half an hour of stress: an hour or two'
	@echo 'make clean            remove what was built here; the cache of downloads and builds stays'
	@echo
	@echo 'QEMU=, KERNEL= and KDIR= override the emulator, the kernel image and its build directory;'
	@echo 'FERRY_CACHE= the cache (default: ~/.cache/ferry).'

deps:
	@scripts/host-deps

qemu: deps
	@$(if $(QEMU),:,scripts/build-qemu)

demo: qemu
	@scripts/build-initramfs demo
	@scripts/demo "$$FILE"

run: qemu
	@scripts/build-initramfs demo
	@scripts/boot --guest demo --shell

test: deps
	@tests/run

lint qtest tools-test guest-test stream-test debug-test: deps
	@tests/run $@

check-dt: deps
	@tests/run check-dt dt-boot

bench-gate: qemu
	@tests/run bench

bench: qemu
	@scripts/host-deps bench
	@scripts/build-driver fast
	@tests/bench/run

soak: deps
	@tests/debug-test --soak

clean:
	rm -rf build
