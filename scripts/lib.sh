# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # most of it is for the scripts that source this file
# What the scripts share: where things lie, how they speak, and one lock at a time.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build
cache=${FERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ferry}
me=${0##*/}
jobs=$(nproc)
export LC_ALL=C.UTF-8
# A make -j above is not what the makes here are part of: they have jobs of their own.
unset MAKEFLAGS MFLAGS MAKELEVEL

# The compiler prefix that makes arm64 programs on this host.
if [ "$(uname -m)" = aarch64 ]; then cross=; else cross=aarch64-linux-gnu-; fi

say() { printf '%s: %s\n' "$me" "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# lock NAME [shared]: only one process at a time, or only those that share, works on this part of the
# cache, or of the checkout when NAME starts with build/.
lock() {
	local file=$cache/.lock-$1
	[[ $1 != build/* ]] || file=$build/.lock-${1#build/}
	mkdir -p "$cache" "$build" || die "cannot write $cache; set FERRY_CACHE to a directory that can be written"
	exec 9>"$file"
	flock -n ${2:+-s} 9 || { say "waiting for another process that works on ${1#build/}"; flock ${2:+-s} 9; }
}

# need_space GIB: building with a full disk fails in ways that don't say so.
need_space() {
	local free
	mkdir -p "$cache"
	free=$(df --output=avail -k "$cache" | tail -n 1)
	((free >= $1 << 20)) || die "$cache needs $1 GiB of free space and has $((free >> 10)) MiB; free some, or set FERRY_CACHE to another disk"
}

# run_logged LOG CMD...: quiet when it works, the end of the log when it doesn't.
run_logged() {
	local log=$1
	shift
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 </dev/null || {
		tail -n 30 "$log" >&2
		! grep -q 'No space left on device' "$log" || die "the disk is full; free some space, or set FERRY_CACHE to another disk"
		die "'${*:1:3}' failed; all of its output is in $log"
	}
}

# install_if_changed FROM TO: keeps the time stamp, and so what was built from it, of a file that is the same.
install_if_changed() {
	cmp -s "$1" "$2" && return
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.part"
	mv "$2.part" "$2"
}

# kdir_of FLAVOUR: the build directory of a guest's kernel.
kdir_of() {
	case $1 in
	fast) echo "${KDIR:-$cache/kernel/kdir}" ;;
	debug) echo "$cache/debug-kernel" ;;
	*) die "unknown guest '$1'; fast or debug" ;;
	esac
}

# copy_source DIR TO: mirror a directory of the checkout, less what git ignores, into TO/DIR.
copy_source() {
	local list=$2/.files-${1//\//-}
	mkdir -p "$2"
	git -C "$top" ls-files -co --exclude-standard -- "$1" | sort -u >"$list.new"
	rsync -a --ignore-missing-args --files-from="$list.new" "$top/" "$2/"
	[ ! -e "$list" ] || (cd "$2" && comm -23 "$list" "$list.new" | xargs -r rm -f)
	mv "$list.new" "$list"
}
