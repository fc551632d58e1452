// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events: their one definition.
 */
#define CREATE_TRACE_POINTS
#include "ferry_trace.h"
