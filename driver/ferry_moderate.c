// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moderation: how often the receiving direction of a port interrupts.
 */
#include <kunit/visibility.h>
#include <linux/array_size.h>

#include "ferry_compat.h"
#include "ferry_port.h"

/**
 * DOC: Moderation
 *
 * The device holds back an interrupt until COUNT completions are there, or TIME
 * has passed. That saves interrupts when there is much to receive, and is delay
 * when there is little. So, while there are interrupts, a timer counts them, and
 * sets the two as they come:
 *
 * - many: a level higher;
 * - each finds but one block, though they were held back: whoever sends waits for
 *   an answer, so holding back only delays it. None at all, for a while;
 * - few blocks: a level lower.
 *
 * At the lowest level, and without interrupts, the timer ends. The first
 * interrupts that come quickly one after another start it.
 */

#define FERRY_SAMPLE_NS		NSEC_PER_MSEC
#define FERRY_MANY_IRQS		8	/* in a sample */
#define FERRY_FEW_BLOCKS	8
#define FERRY_HOLD		64	/* samples */

static const struct {
	u16 count;
	u16 usecs;
} ferry_levels[] = {
	{ 1, 0 },
	{ 4, 30 },
	{ 16, 120 },
	{ 32, 250 },
};

/**
 * ferry_moderation_coalesce() - what a level means
 * @level: level
 *
 * Return: value of COALESCE.
 */
u32 ferry_moderation_coalesce(u32 level)
{
	level = min_t(u32, level, ARRAY_SIZE(ferry_levels) - 1);
	return FIELD_PREP(FERRY_CHAN_COALESCE_COUNT, ferry_levels[level].count) |
	       FIELD_PREP(FERRY_CHAN_COALESCE_TIME_US, ferry_levels[level].usecs);
}
EXPORT_SYMBOL_IF_KUNIT(ferry_moderation_coalesce);

/**
 * ferry_moderation_next() - the level that a sample calls for
 * @level: level while it was taken
 * @hold: samples until a higher level may be tried again
 * @blocks: blocks received
 * @irqs: interrupts
 *
 * Return: level.
 */
u32 ferry_moderation_next(u32 level, u32 *hold, u32 blocks, u32 irqs)
{
	if (*hold)
		(*hold)--;
	if (level && irqs && blocks < 2 * irqs) {
		*hold = FERRY_HOLD;
		return 0;
	}
	if (irqs >= FERRY_MANY_IRQS && !*hold && level + 1 < ARRAY_SIZE(ferry_levels))
		return level + 1;
	if (level && blocks < FERRY_FEW_BLOCKS)
		return level - 1;
	return level;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_moderation_next);

static enum hrtimer_restart ferry_moderation_sample(struct hrtimer *timer)
{
	struct ferry_moderation *mod = container_of(timer, struct ferry_moderation, timer);
	unsigned long flags;
	bool again;
	u32 level;

	spin_lock_irqsave(&mod->chan->lock, flags);
	level = ferry_moderation_next(mod->level, &mod->hold, mod->blocks, mod->irqs);
	if (level != mod->level)
		ferry_chan_moderate(mod->chan, ferry_moderation_coalesce(level));
	if (!mod->chan->live || (!level && !mod->level && !mod->irqs))
		mod->running = false;
	mod->level = level;
	mod->blocks = 0;
	mod->irqs = 0;
	again = mod->running;
	if (again)
		hrtimer_forward_now(timer, ns_to_ktime(FERRY_SAMPLE_NS));
	spin_unlock_irqrestore(&mod->chan->lock, flags);
	return again ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

/**
 * ferry_moderation_init() - at probe
 * @mod: moderation, zeroed
 * @chan: channel
 */
void ferry_moderation_init(struct ferry_moderation *mod, struct ferry_chan *chan)
{
	mod->chan = chan;
	/* Soft: it takes a lock that sleeps on PREEMPT_RT. */
	hrtimer_setup(&mod->timer, ferry_moderation_sample, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
}

/**
 * ferry_moderation_start() - the channel is about to be started
 * @mod: moderation
 * @config: settings of the port
 *
 * May sleep.
 */
void ferry_moderation_start(struct ferry_moderation *mod, const struct ferry_port_config *config)
{
	u32 count = config->coalesce_adaptive ? 1 : config->coalesce_count;
	u32 usecs = config->coalesce_adaptive ? 0 : config->coalesce_usecs;

	ferry_chan_set_coalesce(mod->chan, &count, &usecs);
	mod->adaptive = config->coalesce_adaptive;
	mod->level = 0;
	mod->hold = 0;
	mod->blocks = 0;
	mod->irqs = 0;
	mod->last = 0;
	mod->running = false;
}

/**
 * ferry_moderation_stop() - the channel was released
 * @mod: moderation
 *
 * May sleep.
 */
void ferry_moderation_stop(struct ferry_moderation *mod)
{
	hrtimer_cancel(&mod->timer);
}

/**
 * ferry_moderation_irq() - there was an interrupt
 * @mod: moderation; &ferry_chan.lock is held
 */
void ferry_moderation_irq(struct ferry_moderation *mod)
{
	ktime_t now;

	lockdep_assert_held(&mod->chan->lock);

	mod->irqs++;
	if (mod->running || !mod->adaptive)
		return;
	now = ktime_get();
	if (ktime_sub(now, mod->last) < FERRY_SAMPLE_NS) {
		mod->running = true;
		mod->blocks = 0;
		mod->irqs = 0;
		hrtimer_start(&mod->timer, ns_to_ktime(FERRY_SAMPLE_NS), HRTIMER_MODE_REL_SOFT);
	}
	mod->last = now;
}
