// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCG plugin: what the guest executes between two marker hints.
 *
 * hint #0x70 begins a bracket and hint #0x71 ends it; between hint #0x72 and hint #0x73
 * in it nothing counts. All are NOPs to every CPU. Each bracket becomes a line in the file named by out=: instructions,
 * svc instructions, MMIO writes and MMIO reads of the regions whose names begin
 * with ferry or virtio, and interrupts acknowledged (reads of ICC_IAR1_EL1, so
 * GICv3). One vCPU.
 *
 * A plugin changes nothing that the guest can see; tests/bench/gate checks that.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "qemu-plugin.h"

#define HINT_BEGIN	0xd5032e1f	/* hint #0x70 */
#define HINT_END	0xd5032e3f	/* hint #0x71 */
#define HINT_PAUSE	0xd5032e5f	/* hint #0x72 */
#define HINT_GO_ON	0xd5032e7f	/* hint #0x73 */
#define SVC		0xd4000001
#define SVC_MASK	0xffe0001f
#define READ_IAR	0xd538cc00	/* mrs Xt, icc_iar1_el1 */
#define READ_IAR_MASK	0xffffffe0

enum { INSN, SVCS, MMIO_W, MMIO_R, IRQS, NR_COUNTS };

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct qemu_plugin_scoreboard *counts;
static uint64_t begin[NR_COUNTS], pause[NR_COUNTS];
static bool counting;
static FILE *out;

static qemu_plugin_u64 count(int which)
{
	return (qemu_plugin_u64) { counts, which * sizeof(uint64_t) };
}

static void begin_cb(unsigned int cpu, void *opaque)
{
	for (int i = 0; i < NR_COUNTS; i++)
		begin[i] = qemu_plugin_u64_get(count(i), cpu);
	counting = true;
}

static void end_cb(unsigned int cpu, void *opaque)
{
	counting = false;
	for (int i = 0; i < NR_COUNTS; i++) {
		uint64_t n = qemu_plugin_u64_get(count(i), cpu) - begin[i];

		/* The ending hint has been counted; the beginning one had been, too. */
		fprintf(out, "%" PRIu64 "%c", i == INSN ? n - 1 : n, i == IRQS ? '\n' : ' ');
	}
}

static void pause_cb(unsigned int cpu, void *opaque)
{
	counting = false;
	for (int i = 0; i < NR_COUNTS; i++)
		pause[i] = qemu_plugin_u64_get(count(i), cpu);
}

/* What has passed meanwhile is as if it had been before the bracket, with the one hint. */
static void go_on_cb(unsigned int cpu, void *opaque)
{
	for (int i = 0; i < NR_COUNTS; i++)
		begin[i] += qemu_plugin_u64_get(count(i), cpu) - pause[i];
	begin[INSN]++;
	counting = true;
}

static void mem_cb(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *opaque)
{
	struct qemu_plugin_hwaddr *hwaddr;
	const char *name;

	if (!counting)
		return;
	hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
	if (!hwaddr || !qemu_plugin_hwaddr_is_io(hwaddr))
		return;
	name = qemu_plugin_hwaddr_device_name(hwaddr);
	if (!g_str_has_prefix(name, "ferry") && !g_str_has_prefix(name, "virtio"))
		return;
	qemu_plugin_u64_add(count(qemu_plugin_mem_is_store(info) ? MMIO_W : MMIO_R), cpu, 1);
}

static void count_insn(struct qemu_plugin_insn *insn, int which)
{
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							    count(which), 1);
}

static void translate_cb(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t opcode = 0;

		qemu_plugin_insn_data(insn, &opcode, sizeof(opcode));
		opcode = GUINT32_FROM_LE(opcode);
		count_insn(insn, INSN);
		if ((opcode & SVC_MASK) == SVC)
			count_insn(insn, SVCS);
		if ((opcode & READ_IAR_MASK) == READ_IAR)
			count_insn(insn, IRQS);
		if (opcode == HINT_BEGIN || opcode == HINT_END)
			qemu_plugin_register_vcpu_insn_exec_cb(insn,
				opcode == HINT_BEGIN ? begin_cb : end_cb,
				QEMU_PLUGIN_CB_NO_REGS, NULL);
		if (opcode == HINT_PAUSE || opcode == HINT_GO_ON)
			qemu_plugin_register_vcpu_insn_exec_cb(insn,
				opcode == HINT_PAUSE ? pause_cb : go_on_cb,
				QEMU_PLUGIN_CB_NO_REGS, NULL);
		qemu_plugin_register_vcpu_mem_cb(insn, mem_cb, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, NULL);
	}
}

static void exit_cb(qemu_plugin_id_t id, void *opaque)
{
	fclose(out);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	const char *path = NULL;

	for (int i = 0; i < argc; i++) {
		if (g_str_has_prefix(argv[i], "out="))
			path = argv[i] + strlen("out=");
		else
			path = NULL;
	}
	out = path ? fopen(path, "w") : NULL;
	if (!out || strcmp(info->target_name, "aarch64")) {
		fprintf(stderr, "plugin: needs out=FILE, and an aarch64 guest\n");
		return -1;
	}
	counts = qemu_plugin_scoreboard_new(NR_COUNTS * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate_cb);
	qemu_plugin_register_atexit_cb(id, exit_cb, NULL);
	return 0;
}
