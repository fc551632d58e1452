#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the tests of the ferry command: a directory of their own, and what they check with.
# shellcheck disable=SC2015,SC2034,SC2317 # tests are called by name; some variables are theirs

dir=$(mktemp -d /tmp/ferry.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
count=0 failed=0

# test_that NAME FUNCTION: 0 passes, 4 skips; what the function says goes before its result.
test_that() {
	count=$((count + 1))
	"$2" >log 2>&1
	result=$?
	[ $result = 0 ] || sed 's/^/# /' log
	case $result in
	0) echo "ok $count $1" ;;
	4) echo "ok $count $1 # SKIP $(tail -n 1 log)" ;;
	*) echo "not ok $count $1"; failed=1 ;;
	esac
}

# expect STATUS ARG...: run ferry; its output is in out and err.
expect() {
	want=$1
	shift
	timeout 120 ferry "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || { echo "ferry $*: exit status $got, not $want"; cat err; return 1; }
}

# complains STATUS TEXT ARG...: fails so, with one line that has the text.
complains() {
	status=$1 text=$2
	shift 2
	expect "$status" "$@" || return
	[ "$(wc -l <err)" = 1 ] && grep -q "$text" err || { echo "not one line with '$text':"; cat err; return 1; }
}

# member NAME: of the JSON object in out.
member() { sed -n "s/^{.*\"$1\":\"\{0,1\}\([^\",}]*\).*}\$/\1/p" out; }

# until_true COMMAND...: try it again and again, for 30 s at most.
until_true() {
	n=0
	until "$@"; do
		n=$((n + 1))
		[ $n -lt 300 ] || return
		usleep 100000
	done
}

# attribute_is FILE TEXT, wait_for FILE TEXT: it is what the file says, or will be.
attribute_is() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

wait_for() { until_true attribute_is "$1" "$2" || { echo "$1 is '$(cat "$1")', not '$2'"; return 1; }; }

# The buffers of a port and its own memory are empty. A writer may go on for a while: both are read anew.
is_drained() {
	attributes=/sys/class/ferry/ferry0p$1
	attribute_is "$attributes/opened" r && [ "$(cat "$attributes/statistics/rx_bytes")" = "$(cat "$attributes/statistics/tx_bytes")" ] && attribute_is "$attributes/rx_waiting" 0
}

# read_away PORT: of one in loopback, what a writer that is gone has left behind, in its buffers and in the port.
read_away() {
	ferry recv --quiet --port="$1" >/dev/null &
	reader=$!
	until_true is_drained "$1"
	result=$?
	[ $result = 0 ] || grep . "$attributes"/opened "$attributes"/rx_waiting "$attributes"/statistics/?x_bytes
	kill $reader
	wait $reader
	return $result
}

# Lines that differ from each other, so that no block is in the wrong place unseen.
seq 1 100000 >lines
bytes() { cat lines lines lines lines lines lines | head -c "$1"; }

as_nobody() { start-stop-daemon -S -q -c nobody:nogroup -x /bin/ferry -- "$@" >out 2>err </dev/null; }

can_be_nobody() {
	start-stop-daemon -S -q -c nobody:nogroup -x /bin/ferry -- --version >/dev/null || { echo 'start-stop-daemon cannot change the user'; return 4; }
}
