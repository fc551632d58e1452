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

# Jobs: what prints results runs side by side, one on each processor, and is
# shown in the order in which it was started. A job is a process group, and
# none outlives this script.
declare -A job_of=()	# PIDs of those that run
job_name=() job_status=()
jobs_dir='' jobs_started=0 jobs_shown=0
# A guest of 1 GiB needs that and a little more, in which its emulator works.
cpus=$(awk -v n="$jobs" '/^MemAvailable:/ { m = int($2 / 1500000); print m < 1 ? 1 : m < n ? m : n }' /proc/meminfo)

# spawn CMD...: a job, as soon as there is a processor for it.
spawn() {
	local n=$jobs_started
	if [ -z "$jobs_dir" ]; then
		mkdir -p "$build"
		jobs_dir=$(mktemp -d "$build/jobs.XXXXXX")
		trap stop_jobs EXIT
	fi
	while [ ${#job_of[@]} -ge "$cpus" ]; do end_job; done
	set -m
	("$@") >"$jobs_dir/$n" 2>&1 </dev/null &
	set +m
	job_of[$!]=$n job_name[n]="${*:1:2}" jobs_started=$((n + 1))
}

# end_job: wait for the end of any job; show what is next in order.
end_job() {
	local pid='' status=0 n
	wait -n -p pid "${!job_of[@]}" || status=$?
	n=${job_of[$pid]}
	unset "job_of[$pid]"
	job_status[n]=$status
	while [ -n "${job_status[jobs_shown]:-}" ]; do
		n=$jobs_shown
		awk -v n="$tap_count" '/^(not )?ok [0-9]+ / { sub(/ok [0-9]+/, "ok " ++n) } { print }' "$jobs_dir/$n"
		tap_count=$((tap_count + $(grep -cE '^(not )?ok [0-9]+ ' "$jobs_dir/$n" || :)))
		! grep -q '^not ok' "$jobs_dir/$n" || tap_failed=1
		[ "${job_status[n]}" = 0 ] || tap_result "${job_name[n]} ended with status ${job_status[n]}" 1
		jobs_shown=$((n + 1))
	done
}

# collect: wait for all jobs.
collect() {
	while [ ${#job_of[@]} -gt 0 ]; do end_job; done
}

stop_jobs() {
	local pid
	for pid in "${!job_of[@]}"; do kill -- "-$pid" 2>/dev/null || :; done
	wait
	rm -rf "$jobs_dir"
}

# tap_end: the plan, last, since it is known only now; then the exit status.
tap_end() {
	collect
	echo "1..$tap_count"
	exit "$tap_failed"
}

# The selftests to which it matters how long the device takes.
# shellcheck disable=SC2034 # for the scripts that source this file
timing_tests=(/selftests/ferry_{ops,queue,busy,life,pm})
# The same of ports, for a device with two.
# shellcheck disable=SC2034
port_timing_tests=(/selftests/ferry_{stream{,_poll,_packet,_wake,_life,_power},user_port{,_life}})

# prepare_guest fast|debug: all that a boot needs.
prepare_guest() {
	"$top/scripts/host-deps"
	[ -n "${QEMU:-}" ] || "$top/scripts/build-qemu"
	[ "$1" = fast ] || "$top/scripts/build-kernel"
	"$top/scripts/build-initramfs" "$1"
}

# boot_tests NAME BOOT-OPTION...: boot; the command's KTAP is one result, and what the kernel said is another.
boot_tests() {
	local name=$1 status=0 said=1 start=$SECONDS
	shift
	echo "# Subtest: $name"
	"$top/scripts/boot" --name "$name" "$@" 2>"$build/log/$name.boot" >"$build/log/$name.ktap" || status=$?
	sed 's/^/    /' "$build/log/$name.ktap"
	# The command's own status, when the kernel's complaint took the place of it.
	[ "$status" != 126 ] || said=0
	[ "$said" = 1 ] || status=$(sed -n 's/^ferry-exit: //p' "$build/log/$name.out" | tail -n 1)
	[ "${status:-1}" -lt 124 ] || sed 's/^/# /' "$build/log/$name.boot"
	echo "# $name took $((SECONDS - start)) s"
	[ "${status:-1}" = 4 ] && status=1
	tap_result "$name" "${status:-1}"
	[ "$said" = 1 ] || sed 's/^/# /' "$build/log/$name.boot"
	tap_result "$name-kernel-log-is-clean" "$((1 - said))"
}

# isolation NAME GUEST ENTRIES: a hostile process, beside those who mean well. Free pages and slabs are poisoned where
# the kernel can; the device says nothing but what -d guest_errors has it say.
isolation() {
	boot_tests "$1" --guest "$2" --timeout 7200 --device channels=12,ports=2,bandwidth=2G --append 'page_poison=1 slub_debug=FZP' \
		--qemu -d --qemu guest_errors -- env FERRY_DESCRIPTORS="$3" FERRY_TEST_TIMEOUT=7000 \
		/tests/selftests /selftests/ferry_isolation
	check "$1-device-says-only-guest-errors" only_guest_errors "$build/log/$1.qemu"
}

# What the model logs of accesses that mean nothing (a short run may have none), and a line of virtio's own.
only_guest_errors() {
	[ -e "$1" ] || return
	! grep -avE '^(ferry: (read|write) of [0-9]+ bytes at |virtio_mmio_write: attempt to write guest features)' "$1"
}
