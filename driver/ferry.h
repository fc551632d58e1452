/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ferry DMA controller: objects of the driver and what they offer each other.
 *
 * Calls go down this list, but for ferry_power_hold() and ferry_put_arg();
 * completions come up through ferry_chan_config.notify:
 *
 *	main     the device: resources, reset
 *	power    clock, reset line, suspend
 *	cdev     /dev/ferryN: open files
 *	ioctl    their ioctls
 *	queue    a channel in the hands of an open file
 *	mapped   its rings and doorbell in the hands of user space
 *	port     /dev/ferryNpK: two channels and a stream each way (ferry_port.h)
 *	buf      memory for the device, by handle
 *	mem      memory that is allocated for it
 *	pin      memory of a process, as a buffer
 *	import   memory of dma-bufs, likewise
 *	dmabuf   memory that others can use, too; knows no device
 *	list     a window of scattered memory
 *	window   the table that says what memory a file's channels may touch
 *	claim    who has which channel
 *	chan     a hardware channel: commands, interrupts
 *	ring     indices, slots and barriers; knows no device
 *
 * Lock order, outermost first. Documentation/ferry/driver.rst says why.
 *
 *	ferry_dev.srcu (read)
 *	ferry_dev.files_lock		closing or unplugging of open files
 *	ferry_queue.lock		a queue's ring; user memory is accessed
 *	ferry_port.lock			opening, closing, settings of a port
 *	ferry_rx.mutex, ferry_tx.mutex	a stream's reader or writer; likewise
 *	mmap_lock
 *	ferry_dev.bufs_lock		list and memory of buffers
 *	ferry_dev.share_lock		claiming of channels
 *	ferry_wintab.lock		rows, and which channels use them
 *	ferry_chan.cmd_lock		commands to a channel
 *	ferry_chan.lock			waiters, interrupts (in hard interrupt); what
 *					a port has received
 */
#ifndef FERRY_H
#define FERRY_H

#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/time64.h>
#include <linux/timer.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/ferry.h>

#include "ferry_regs.h"
#include "ferry_ring.h"
#include "ferry_window.h"

/*
 * The bounds in CAP_TIME are the device's time, in microseconds. The CPU, the
 * bus and whoever emulates them take theirs on top, and a busy host takes its
 * time: calling a device broken that is only slow costs a queue, while this
 * costs only who waits for a broken one. All of them sleep meanwhile.
 */
#define FERRY_SLACK_US		USEC_PER_SEC
#define FERRY_POLL_US		10

/* Rows of an open file's window table. Row 0 stays empty: address 0 fails. */
#define FERRY_FILE_ROWS		1024

/*
 * The upper half of an offset for mmap(2) says what: the handle of a buffer, then
 * four for each queue. 4096 of them fit a 32-bit mmap2().
 */
#define FERRY_MMAP_SHIFT	32
#define FERRY_MMAP_QUEUES	FERRY_FILE_ROWS

struct clk;
struct dentry;
struct dma_pool;
struct ferry_dev;
struct ferry_mem;
struct ferry_port;
struct ferry_queue;
struct page;
struct reset_control;
struct task_struct;
struct vm_area_struct;

/**
 * struct ferry_caps - the capability registers, taken apart
 * @version: VERSION
 * @channels: number of channels, 1 to 64
 * @ports: number of ports
 * @lines: number of interrupt lines, 1 to 32
 * @ops: bit n: operation n is there
 * @addr_width: bits of a bus address
 * @min_shift: least page shift of a page list
 * @max_shift: greatest page shift; 0 if there are no page lists
 * @min_order: least log2 of the size of a ring
 * @max_order: greatest log2 of the size of a ring
 * @rows: most rows of a window table
 * @bypass: channels can be given bus addresses
 * @max_len: greatest length of an entry, bytes
 * @reset_us: bound of a reset, microseconds
 * @stop_us: bound of STOP and WIN_INVALIDATE, microseconds
 */
struct ferry_caps {
	u32 version;
	u32 channels;
	u32 ports;
	u32 lines;
	u32 ops;
	u32 addr_width;
	u32 min_shift;
	u32 max_shift;
	u32 min_order;
	u32 max_order;
	u32 rows;
	bool bypass;
	u32 max_len;
	u32 reset_us;
	u32 stop_us;
};

/**
 * enum ferry_role - what a channel is for; fixed at probe
 * @FERRY_ROLE_USER: QUEUE_CREATE may claim it
 * @FERRY_ROLE_PORT: belongs to a port, which need not have a node
 * @FERRY_ROLE_RESERVED: dma-channel-mask keeps it for somebody else
 * @FERRY_ROLES: number of roles
 */
enum ferry_role {
	FERRY_ROLE_USER,
	FERRY_ROLE_PORT,
	FERRY_ROLE_RESERVED,
	FERRY_ROLES,
};

/**
 * struct ferry_error - what a channel's error registers said
 * @code: FERRY_ERR_*, 0 for none
 * @halt: the channel halted
 * @index: index of the entry
 * @addr: faulting address
 */
struct ferry_error {
	u8 code;
	bool halt;
	u32 index;
	u64 addr;
};

/**
 * struct ferry_waiter - asks a channel for a call of notify
 * @node: in &ferry_chan.waiters while armed
 * @target: satisfied when every index before this one has completed
 * @task: who sleeps on it and disarms before it goes on, or NULL: notify wakes
 */
struct ferry_waiter {
	struct rb_node node;
	u32 target;
	struct task_struct *task;
};

/**
 * ferry_waiter_init() - initialise a waiter
 * @waiter: waiter
 * @task: see &struct ferry_waiter
 */
static inline void ferry_waiter_init(struct ferry_waiter *waiter, struct task_struct *task)
{
	RB_CLEAR_NODE(&waiter->node);
	waiter->task = task;
}

/**
 * ferry_waiter_is_armed() - does it wait for something?
 * @waiter: waiter; &ferry_chan.lock is held
 *
 * Return: true if it does.
 */
static inline bool ferry_waiter_is_armed(const struct ferry_waiter *waiter)
{
	return !RB_EMPTY_NODE(&waiter->node);
}

/**
 * struct ferry_chan_config - what a channel is started with
 * @tab: window table, or NULL: entries have bus addresses (BYPASS)
 * @order: log2 of the number of entries
 * @weight: quanta in a turn, 1 to 255
 * @stopped: called with &ferry_chan.cmd_lock and &ferry_chan.lock held when the
 *	channel was stopped to be suspended or parked, and is idle: what has no
 *	completion is submitted again when it goes on. NULL: its entries end by
 *	themselves, and suspend waits for them
 * @notify: called when a waiter is satisfied or the channel died, in hard or
 *	soft interrupt or process context with &ferry_chan.lock held; must not
 *	sleep
 * @restarted: instead of @notify, in the same way, when the channel was started
 *	again, and has forgotten what it was asked; may be NULL
 * @ended: called likewise when the channel was reset, or did not even answer that,
 *	and parts with its owner: the last call, before who waits is told; may be NULL
 * @owner: whose channel it is, given to @stopped, @notify, @restarted and @ended
 * @sq: memory of the SQ, or NULL: the channel allocates that of both rings
 * @sq_dma: bus address of @sq
 * @cq: memory of the CQ
 * @cq_dma: bus address of @cq
 * @hide: called with &ferry_chan.cmd_lock held: when it returns, nobody can ring
 *	before ferry_chan_may_ring() was asked again. NULL: only the kernel rings, and
 *	the indices of the ring are its own. May sleep
 * @let_go: called with @kept once the device is out of the channel's memory: by
 *	ferry_chan_release() or a ferry_chan_start() that fails, or later if it does
 *	not answer; may be NULL
 * @kept: what has to stay until then
 */
struct ferry_chan_config {
	struct ferry_wintab *tab;
	u32 order;
	u32 weight;
	void (*stopped)(void *owner);
	void (*notify)(void *owner);
	void (*restarted)(void *owner);
	void (*ended)(void *owner);
	void *owner;
	void *sq;
	dma_addr_t sq_dma;
	void *cq;
	dma_addr_t cq_dma;
	void (*hide)(void *owner);
	void (*let_go)(void *kept);
	void *kept;
};

/**
 * struct ferry_chan - a hardware channel
 * @fdev: the device
 * @nr: number
 * @role: what it is for
 * @regs: its block of registers
 * @doorbell: its SQ_TAIL
 * @uid: who claimed it; stable while it is claimed
 * @cmd_lock: one command at a time: start, stop, reset, invalidate; protects
 *	the members up to @lock
 * @cfg: configuration it was started with; notify and owner are read under @lock,
 *	and written under it while @live
 * @broken: a reset failed; the device may still touch its memory
 * @released: nobody owns it; if @broken, it still has its memory
 * @parked: its owner has stopped it; suspend and resume leave it alone
 * @hidden: suspended, or about to be: its doorbell is not for user space
 * @settled: it was stopped, and @stopped of @cfg called
 * @coalesce: value of COALESCE
 * @tab_node: in &ferry_wintab.chans, under &ferry_wintab.lock
 * @lock: interrupt state, the members from here on
 * @ring: the rings; indices are the owner's, memory is there while @live
 * @live: @ring may be looked at
 * @dead: halted or reset: nothing will complete any more
 * @paused: not yet started, stopped for suspend, or parked; an owner that submits
 *	in interrupts must not
 * @armed: CQ_ARM was written, and its interrupt not seen
 * @armed_index: last value of CQ_ARM
 * @late: @watch saw a completion whose interrupt had not come
 * @waiters: struct ferry_waiter by target
 * @watch: looks for lost interrupts while there are waiters
 * @error: why it halted; kept until the next start
 * @killed: why the driver gave it up, or NULL; kept until the next start
 */
struct ferry_chan {
	struct ferry_dev *fdev;
	u32 nr;
	enum ferry_role role;
	void __iomem *regs;
	void __iomem *doorbell;
	kuid_t uid;

	struct mutex cmd_lock;
	struct ferry_chan_config cfg;
	bool broken;
	bool released;
	bool parked;
	bool hidden;
	bool settled;
	u32 coalesce;
	struct list_head tab_node;

	spinlock_t lock;
	struct ferry_ring ring;
	bool live;
	bool dead;
	bool paused;
	bool armed;
	u32 armed_index;
	bool late;
	struct rb_root_cached waiters;
	struct timer_list watch;
	struct ferry_error error;
	const char *killed;
};

/**
 * struct ferry_irq - an interrupt of the platform and the lines behind it
 * @fdev: the device
 * @irq: number of the interrupt
 * @first: first line
 * @last: last line
 * @only: number of the one channel that uses it, or -1
 */
struct ferry_irq {
	struct ferry_dev *fdev;
	int irq;
	u32 first;
	u32 last;
	int only;
};

/**
 * struct ferry_dev - the device
 * @dev: class device ferryN; its release frees this structure
 * @cdev: character device; open files hold it, and so @dev
 * @parent: platform device; gone after unbind
 * @id: N of ferryN
 * @ctrl: control aperture
 * @doorbells: physical address of the doorbell aperture
 * @clk: optional clock
 * @reset: optional reset line
 * @caps: capabilities
 * @coherent: the device sees what is in the caches
 * @lists: memory of page lists
 * @nr_irqs: interrupts in @irqs
 * @irqs: interrupts
 * @role_mask: channels of each role; of ports, where the port has a node
 * @claimed: channels in use; a bit is set by whoever claims
 * @chans: channels, caps.channels of them
 * @ports: ports, by number, without those of which a channel is somebody else's;
 *	fixed at probe
 * @srcu: held by every call of user space; see ferry_dev_enter()
 * @unplugged: the device is gone, or the machine goes down; never cleared.
 *	Unbinding synchronises @srcu then
 * @files_lock: protects @files, and files against closing and unplugging at once
 * @files: list of struct ferry_file
 * @bufs_lock: protects @bufs and the memory of the buffers on it
 * @bufs: list of struct ferry_mem that have memory
 * @pinned: pages of processes that are registered
 * @share_lock: makes counting a user's queues and claiming one step
 * @max_queues: queues that a user may hold
 * @recover: tries to reset broken channels
 * @chans_kobj: sysfs directories of the channels
 * @debugfs: debugfs directory
 */
struct ferry_dev {
	struct device dev;
	struct cdev cdev;
	struct device *parent;
	int id;

	void __iomem *ctrl;
	phys_addr_t doorbells;
	struct clk *clk;
	struct reset_control *reset;
	struct ferry_caps caps;
	bool coherent;
	struct dma_pool *lists;
	u32 nr_irqs;
	struct ferry_irq irqs[FERRY_MAX_LINES];
	u64 role_mask[FERRY_ROLES];
	DECLARE_BITMAP(claimed, FERRY_MAX_CHANNELS);
	struct ferry_chan *chans;
	struct list_head ports;

	struct srcu_struct srcu;
	bool unplugged;

	struct mutex files_lock;
	struct list_head files;

	struct mutex bufs_lock;
	struct list_head bufs;
	atomic64_t pinned;

	struct mutex share_lock;
	u32 max_queues;

	struct delayed_work recover;
	struct kobject *chans_kobj[FERRY_MAX_CHANNELS];
	struct dentry *debugfs;
};

/**
 * struct ferry_file - an open file of /dev/ferryN
 * @fdev: the device; a reference is held through the cdev
 * @node: in &ferry_dev.files
 * @down: what it had was released; under &ferry_dev.files_lock
 * @tab: window table of all its channels
 * @queues: queues by number of their channel
 * @made: queues that were made, for their handles
 * @bufs: struct ferry_buf by handle, which is the row of @tab
 * @wait: readers and pollers
 * @read_next: channel at which read(2) goes on, so that no queue starves
 * @anon: owns the address space of the mappings, so that they can be zapped
 *	without touching those of another open file
 * @maps_lock: protects @maps
 * @maps: list of struct ferry_map
 */
struct ferry_file {
	struct ferry_dev *fdev;
	struct list_head node;
	bool down;
	struct ferry_wintab *tab;
	struct ferry_queue __rcu *queues[FERRY_MAX_CHANNELS];
	atomic_t made;
	struct xarray bufs;
	wait_queue_head_t wait;
	u32 read_next;
	struct file *anon;
	spinlock_t maps_lock;
	struct list_head maps;
};

/**
 * ferry_major() - major version
 * @version: VERSION
 *
 * Return: the number.
 */
static inline u32 ferry_major(u32 version)
{
	return FIELD_GET(FERRY_VERSION_MAJOR, version);
}

/**
 * ferry_minor() - minor version
 * @version: VERSION
 *
 * Return: the number.
 */
static inline u32 ferry_minor(u32 version)
{
	return FIELD_GET(FERRY_VERSION_MINOR, version);
}

/**
 * ferry_chan_state() - state of a channel
 * @status: its STATUS
 *
 * Return: FERRY_STATE_*.
 */
static inline u32 ferry_chan_state(u32 status)
{
	return FIELD_GET(FERRY_CHAN_STATUS_STATE, status);
}

/**
 * ferry_dev_enter() - begin to use a device that may be unbound
 * @fdev: device
 * @idx: cookie for ferry_dev_exit()
 *
 * Between the two calls everything that probe set up is there. Waiting inside
 * is allowed if the wait ends when &ferry_dev.unplugged is set. A page fault on
 * user memory does not: who serves it (a FUSE file system, say) can hold up
 * unbinding until it is killed.
 *
 * Return: false if the device is gone; ferry_dev_exit() must be called anyway.
 */
static inline bool ferry_dev_enter(struct ferry_dev *fdev, int *idx)
{
	*idx = srcu_read_lock(&fdev->srcu);
	return !READ_ONCE(fdev->unplugged);
}

/**
 * ferry_dev_exit() - end the use of a device
 * @fdev: device
 * @idx: cookie of ferry_dev_enter()
 */
static inline void ferry_dev_exit(struct ferry_dev *fdev, int idx)
{
	srcu_read_unlock(&fdev->srcu, idx);
}

/* ferry_main.c */
int ferry_dev_wait(struct ferry_dev *fdev);
int ferry_dev_reset(struct ferry_dev *fdev);

/* ferry_power.c */
extern const struct dev_pm_ops ferry_pm_ops;
int ferry_power_get(struct ferry_dev *fdev);
void ferry_power_enable(struct ferry_dev *fdev);
void ferry_power_disable(struct ferry_dev *fdev);
int ferry_power_hold(struct ferry_dev *fdev);
bool ferry_power_stays(const struct ferry_dev *fdev);

/* ferry_cdev.c */
int ferry_cdev_init(void);
void ferry_cdev_exit(void);
struct ferry_dev *ferry_cdev_alloc(struct device *parent);
int ferry_cdev_add(struct ferry_dev *fdev);
void ferry_cdev_set_node(struct device *dev, const struct ferry_dev *fdev, u32 port);
void ferry_cdev_announce(struct ferry_dev *fdev);
void ferry_cdev_shutdown(struct ferry_dev *fdev);
void ferry_cdev_unplug(struct ferry_dev *fdev);

/* ferry_ioctl.c */
long ferry_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);
int ferry_put_arg(void __user *arg, const void *from, size_t size, size_t user_size);

/* ferry_port.c */
int ferry_ports_init(struct ferry_dev *fdev);
int ferry_ports_add(struct ferry_dev *fdev);
void ferry_ports_del(struct ferry_dev *fdev);
void ferry_ports_wake(struct ferry_dev *fdev);
void ferry_ports_unplug(struct ferry_dev *fdev);
void ferry_ports_free(struct ferry_dev *fdev);
void ferry_port_set_idle_time(struct ferry_port *port, u32 usecs);

/* ferry_loan.c */
struct ferry_chan *ferry_port_lend(struct ferry_dev *fdev, int fd, fmode_t dir,
				   struct ferry_port **portp);

/* ferry_queue.c */
long ferry_queue_create(struct ferry_file *file, struct ferry_queue_create *cmd,
			void __user *arg);
long ferry_queue_destroy(struct ferry_file *file, struct ferry_queue_handle *cmd);
long ferry_queue_flush(struct ferry_file *file, struct ferry_queue_handle *cmd);
long ferry_queue_cancel(struct ferry_file *file, struct ferry_queue_handle *cmd);
void ferry_queue_wake_all(struct ferry_file *file);
void ferry_queue_destroy_all(struct ferry_file *file);

/* ferry_mapped.c */
int ferry_mapped_init(void);
void ferry_mapped_exit(void);
long ferry_queue_wait_seq(struct ferry_file *file, struct ferry_queue_wait *cmd);
long ferry_queue_arm(struct ferry_file *file, struct ferry_queue_arm *cmd);
int ferry_queue_mmap(struct ferry_file *file, struct vm_area_struct *vma);

/* ferry_submit.c */
long ferry_queue_submit(struct ferry_file *file, struct ferry_submit *cmd,
			struct ferry_submit __user *arg);
long ferry_queue_wait(struct ferry_file *file, struct ferry_submit *cmd,
		      struct ferry_submit __user *arg);

/* ferry_event.c */
ssize_t ferry_queue_read(struct ferry_file *file, struct iov_iter *to, bool nonblock);
__poll_t ferry_queue_poll(struct ferry_file *file, bool arm);

/* ferry_buf.c */
long ferry_buf_free(struct ferry_file *file, struct ferry_buf_free *cmd);
int ferry_buf_mmap(struct ferry_file *file, struct vm_area_struct *vma);
u32 ferry_buf_count(struct ferry_file *file, u64 *pinned);
void ferry_buf_free_all(struct ferry_file *file);

/* ferry_mem.c */
long ferry_buf_alloc(struct ferry_file *file, struct ferry_buf_alloc *cmd,
		     void __user *arg);
void ferry_mem_zap(struct ferry_file *file);
void ferry_mem_unplug(struct ferry_dev *fdev, bool quiet);
struct ferry_mem *ferry_mem_create_ring(struct ferry_dev *fdev, size_t size, struct page *spare,
					bool read_only, void **cpu, dma_addr_t *dma);
void ferry_mem_put(struct ferry_mem *mem);
int ferry_mem_map(struct ferry_file *file, struct ferry_mem *mem, struct vm_area_struct *vma);

/* ferry_pin.c */
long ferry_buf_register(struct ferry_file *file, struct ferry_buf_register *cmd,
			void __user *arg);

/* ferry_import.c */
long ferry_buf_import(struct ferry_file *file, struct ferry_buf_import *cmd,
		      void __user *arg);
long ferry_buf_export(struct ferry_file *file, struct ferry_buf_export *cmd,
		      void __user *arg);
long ferry_buf_alloc_export(struct ferry_file *file, struct ferry_buf_alloc *cmd,
			    void __user *arg);

/* ferry_claim.c */
struct ferry_chan *ferry_chan_claim(struct ferry_dev *fdev, kuid_t uid);
int ferry_chan_claim_port(struct ferry_chan *chan, kuid_t uid);
void ferry_chan_unclaim(struct ferry_chan *chan);
u32 ferry_chan_held(struct ferry_dev *fdev, kuid_t uid);

/* ferry_chan.c */
void ferry_chan_init(struct ferry_chan *chan, struct ferry_dev *fdev, u32 nr,
		     void __iomem *doorbell);
int ferry_chan_start(struct ferry_chan *chan, const struct ferry_chan_config *cfg);
void ferry_chan_release(struct ferry_chan *chan);
int ferry_chan_cancel(struct ferry_chan *chan);
int ferry_chan_invalidate(struct ferry_chan *chan, u32 row);
void ferry_chan_recover(struct work_struct *work);
bool ferry_chan_unplug(struct ferry_chan *chan, bool quiet);
int ferry_chan_set_coalesce(struct ferry_chan *chan, const u32 *count, const u32 *usecs);
/* The steps of a command, with cmd_lock held */
int ferry_chan_reset(struct ferry_chan *chan);
int ferry_chan_program(struct ferry_chan *chan);
int ferry_chan_stop(struct ferry_chan *chan);
void ferry_chan_adopt(struct ferry_chan *chan);
bool ferry_chan_may_ring(struct ferry_chan *chan, const void *owner);

/* ferry_pause.c */
int ferry_chan_park(struct ferry_chan *chan);
void ferry_chan_unpark(struct ferry_chan *chan);
int ferry_chan_suspend(struct ferry_chan *chan);
void ferry_chan_resume(struct ferry_chan *chan);

/* ferry_irq.c */
int ferry_chan_done(struct ferry_chan *chan, u32 target, const void *owner);
int ferry_chan_arm(struct ferry_chan *chan, struct ferry_waiter *waiter, u32 target,
		   const void *owner);
bool ferry_chan_arm_locked(struct ferry_chan *chan, struct ferry_waiter *waiter, u32 target);
void ferry_chan_moderate(struct ferry_chan *chan, u32 coalesce);
void ferry_chan_arm_next(struct ferry_chan *chan, struct ferry_waiter *waiter, const void *owner);
void ferry_chan_disarm(struct ferry_chan *chan, struct ferry_waiter *waiter);
void ferry_chan_disarm_locked(struct ferry_chan *chan, struct ferry_waiter *waiter);
void ferry_chan_rearm(struct ferry_chan *chan);
void ferry_chan_kill(struct ferry_chan *chan, const char *why);
void ferry_chan_orphan(struct ferry_chan *chan);
void ferry_chan_watch(struct timer_list *timer);
irqreturn_t ferry_irq_handler(int irq, void *data);

/* ferry_error.c */
const char *ferry_error_name(u32 code);
void ferry_error_decode(struct ferry_error *error, u32 status, u32 index, u32 lo, u32 hi);
void ferry_error_read(struct ferry_chan *chan, struct ferry_error *error);

/* ferry_sysfs.c */
extern const struct attribute_group *ferry_dev_groups[];
extern const struct attribute_group *ferry_port_groups[];
int ferry_sysfs_add(struct ferry_dev *fdev);
void ferry_sysfs_remove(struct ferry_dev *fdev);

/* ferry_debugfs.c */
#ifdef CONFIG_DEBUG_FS
void ferry_debugfs_init(void);
void ferry_debugfs_exit(void);
void ferry_debugfs_add(struct ferry_dev *fdev);
void ferry_debugfs_remove(struct ferry_dev *fdev);
#else
static inline void ferry_debugfs_init(void) { }
static inline void ferry_debugfs_exit(void) { }
static inline void ferry_debugfs_add(struct ferry_dev *fdev) { }
static inline void ferry_debugfs_remove(struct ferry_dev *fdev) { }
#endif

#endif /* FERRY_H */
