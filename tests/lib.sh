# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash source-path=SCRIPTDIR/../scripts
# TAP for checks that are commands.
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

tap_count=0
tap_failed=0

# tap_result NAME STATUS [SKIP-REASON]: 0 passed, 4 skipped, as in the kernel's selftests.
tap_result() {
	tap_count=$((tap_count + 1))
	case $2 in
	0) echo "ok $tap_count - $1" ;;
	4) echo "ok $tap_count - $1 # SKIP ${3:-}" ;;
	*) tap_failed=1; echo "not ok $tap_count - $1" ;;
	esac
}

# check NAME CMD...: one result; what the command says is the reason.
check() {
	local name=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	[ "$status" = 0 ] || [ -z "$output" ] || printf '# %s\n' "${output//$'\n'/$'\n# '}"
	tap_result "$name" "$status" "${output##*$'\n'}"
}

# tap_end: the plan, last, since it is known only now; then the exit status.
tap_end() {
	echo "1..$tap_count"
	exit "$tap_failed"
}

# The selftests to which it matters how long the device takes.
# shellcheck disable=SC2034 # for the scripts that source this file
timing_tests=(/selftests/ferry_{ops,queue,busy,life,pm})

# prepare_guest fast|debug: all that a boot needs.
prepare_guest() {
	"$top/scripts/host-deps"
	[ -n "${QEMU:-}" ] || "$top/scripts/build-qemu"
	[ "$1" = fast ] || "$top/scripts/build-kernel"
	"$top/scripts/build-initramfs" "$1"
}

# boot_tests NAME BOOT-OPTION...: boot; the command's KTAP is one result, and what the kernel said is another.
boot_tests() {
	local name=$1 status=0 said=1
	shift
	echo "# Subtest: $name"
	"$top/scripts/boot" --name "$name" "$@" 2>"$build/log/$name.boot" >"$build/log/$name.ktap" || status=$?
	sed 's/^/    /' "$build/log/$name.ktap"
	# The command's own status, when the kernel's complaint took the place of it.
	[ "$status" != 126 ] || said=0
	[ "$said" = 1 ] || status=$(sed -n 's/^ferry-exit: //p' "$build/log/$name.out" | tail -n 1)
	[ "${status:-1}" -lt 124 ] || sed 's/^/# /' "$build/log/$name.boot"
	[ "${status:-1}" = 4 ] && status=1
	tap_result "$name" "${status:-1}"
	[ "$said" = 1 ] || sed 's/^/# /' "$build/log/$name.boot"
	tap_result "$name-kernel-log-is-clean" "$((1 - said))"
}
