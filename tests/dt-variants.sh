# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154 # of and for the scripts that source this file
# The device trees that tests/check-dt validates and tests/dt-boot boots: what
# QEMU writes for a device with these properties, and an edit of that.

node=/platform-bus@c000000/dma-controller@0
variants=(
	default shared-interrupt noncoherent reserved-pool channel-mask clock dtsi
	dma-32bit swiotlb-force sixty-four-channels
	broken-missing-reg broken-small-ctrl broken-small-doorbell broken-overlap broken-swapped-reg
	broken-interrupt-count broken-compatible
)

# describe VARIANT: sets
#   device, memory, append   what QEMU gets
#   edits                    "overlay FILE", "delete NODE PROPERTY", "remove NODE"
#   assertions               "NODE PROPERTY VALUE": what fdtget prints of the result
#   absent                   "NODE PROPERTY": what the result does not have
#   expect                   what the guest has to find
#   message                  broken: pattern of the one message that the driver prints
#   valid, refusal           whether the binding can tell it from a good one; what it says then
describe() {
	device='' memory=1G append='' edits=() assertions=() absent=() expect=works message='' valid=yes refusal=''
	case $1 in
	default) ;;
	shared-interrupt)
		device=num-irqs=1
		assertions=("$node interrupts 0 70 4" "$node interrupt-names line0")
		;;
	noncoherent)
		device=ports=1
		# QEMU says that it is coherent, and Linux believes whichever it sees first.
		edits=("overlay noncoherent.dtso" "delete $node dma-coherent")
		assertions=("$node dma-noncoherent ")
		absent=("$node dma-coherent")
		expect=noncoherent
		;;
	reserved-pool)
		device=ports=1
		edits=("overlay reserved-pool.dtso")
		assertions=("/reserved-memory/dma-pool@70000000 reg 0 70000000 0 2000000")
		expect=pool
		;;
	channel-mask)
		edits=("overlay channel-mask.dtso")
		assertions=("$node dma-channel-mask 7e")
		expect=mask-7e
		;;
	clock)
		edits=("overlay clock.dtso")
		assertions=("/clock-ferry clock-frequency 5f5e100")
		expect=clock
		;;
	dtsi)
		# The same device, as dts/ferry.dtsi describes it.
		edits=("remove $node" "overlay virt.dtso")
		assertions=("/dma-controller@c000000 reg 0 c000000 0 10000 0 c080000 0 80000")
		;;
	dma-32bit)
		# Most of the memory is where the device does not reach.
		device=addr-width=32,ports=1 memory=5G
		assertions=("/memory@40000000 reg 0 40000000 1 40000000")
		expect=dma-32bit
		;;
	swiotlb-force)
		device=ports=1
		append=swiotlb=force
		expect=swiotlb
		;;
	sixty-four-channels)
		device=channels=64
		assertions=("$node reg 0 10000 400000 400000")
		;;
	broken-missing-reg)
		edits=("delete $node reg")
		absent=("$node reg")
		valid=no refusal="'reg' is a required property"
		message='no register range named ctrl'
		;;
	broken-small-ctrl)
		edits=("overlay broken-small-ctrl.dtso")
		assertions=("$node reg 0 4000 80000 80000")
		message='ctrl aperture .* is too small'
		;;
	broken-small-doorbell)
		edits=("overlay broken-small-doorbell.dtso")
		assertions=("$node reg 0 10000 80000 10000")
		message='doorbell aperture .* is too small for 8 channels'
		;;
	broken-overlap)
		edits=("overlay broken-overlap.dtso")
		assertions=("$node reg 0 10000 0 80000")
		message='doorbell aperture .* is in use'
		;;
	broken-swapped-reg)
		edits=("overlay broken-swapped-reg.dtso")
		assertions=("$node reg 80000 80000 0 10000")
		message='no ferry here: ID is 0'
		;;
	broken-interrupt-count)
		edits=("overlay broken-interrupt-count.dtso")
		assertions=("$node interrupts 0 70 4 0 71 4 0 72 4")
		message='3 interrupts.*8 lines|8 lines.*3 interrupts'
		;;
	broken-compatible)
		# No driver takes it, so there is nobody to complain.
		edits=("overlay broken-compatible.dtso")
		assertions=("$node compatible qemu,barge")
		valid=no refusal='the binding matches nothing'
		message=none
		;;
	*) die "no variant '$1'" ;;
	esac
	case $1 in broken-*) expect=absent ;; esac
}

# compile SOURCE BINARY: with the kernel's headers, as a device tree in a kernel tree is.
compile() {
	cpp -nostdinc -undef -D__DTS__ -x assembler-with-cpp -I "$cache/linux/include" -I "$top/dts" "$1" |
		dtc -q -I dts -O dtb -o "$2" -
}

# dump_dtb FILE: what QEMU writes for $device and $memory.
dump_dtb() {
	local name=$me-dump-${1##*/}
	local options=(--guest fast --name "$name" --mem "$memory" --device "$device" --qemu -machine --qemu "dumpdtb=$1")
	rm -f "$1"
	# QEMU leaves when it has written the tree, so there is no guest to succeed.
	"$top/scripts/boot" "${options[@]}" -- true >"$build/log/$name.boot" 2>&1 || :
	[ -s "$1" ] || { cat "$build/log/$name.boot"; return 1; }
	# QEMU leaves a megabyte of room in it, and then more: too much for Linux, which stays silent.
	dtc -q -I dtb -O dtb -o "$1.new" "$1" && mv "$1.new" "$1"
}

# apply_edit DTB KIND ARG...
apply_edit() {
	case $2 in
	overlay)
		compile "$top/dts/$3" "${1%.dtb}.dtbo" || return
		fdtoverlay -i "$1" -o "$1.new" "${1%.dtb}.dtbo" && mv "$1.new" "$1"
		;;
	# An overlay cannot do these: fdtoverlay passes over deletions without a word.
	delete) fdtput -d "$1" "$3" "$4" ;;
	remove) fdtput -r "$1" "$3" ;;
	esac
}

# make_dtb FILE: what describe has described, and nothing else than that.
make_dtb() {
	local dtb=$1 edit at property value found
	local -A as=([compatible]='-t s' [interrupt-names]='-t s')
	dump_dtb "$dtb" || return
	fdtget -l "$dtb" "${node%/*}" | grep -qx "${node##*/}" || { echo "QEMU has written no node $node"; return 1; }
	for edit in "${edits[@]}"; do
		# shellcheck disable=SC2086 # its words
		apply_edit "$dtb" $edit || { echo "cannot $edit"; return 1; }
	done
	for edit in "${assertions[@]}"; do
		read -r at property value <<<"$edit"
		# shellcheck disable=SC2086 # $as is an option or nothing
		found=$(fdtget ${as[$property]:--t x} "$dtb" "$at" "$property") || return
		[ "$found" = "$value" ] || { echo "$at $property is <$found>, not <$value>"; return 1; }
	done
	for edit in "${absent[@]}"; do
		read -r at property <<<"$edit"
		! fdtget -p "$dtb" "$at" | grep -qx -- "$property" || { echo "$at still has $property"; return 1; }
	done
}
