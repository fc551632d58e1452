/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the driver builds for, 6.12 and later.
 * Kbuild looks which one it is, by what the kernel has and not by its number.
 */
#ifndef FERRY_COMPAT_H
#define FERRY_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/module.h>

/* From 6.13 on a namespace is a string; not needed once 6.12 is gone. */
#ifdef FERRY_HAVE_STRING_NS
#define FERRY_IMPORT_NS(_ns)	MODULE_IMPORT_NS(#_ns)
#else
#define FERRY_IMPORT_NS(_ns)	MODULE_IMPORT_NS(_ns)
#endif

/* From 6.13 on there is hrtimer_setup(); not needed once 6.12 is gone. */
#ifndef FERRY_HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#endif /* FERRY_COMPAT_H */
