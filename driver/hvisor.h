/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/hvisor: what zone0's tool and back ends ask of the driver.
 *
 * The Rust side (crate backend, module driver) has the same layout; a test
 * there compiles this header and compares.
 */
#ifndef HVISOR_H
#define HVISOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HVISOR_NONE		0
#define HVISOR_TO_KERNEL	1
#define HVISOR_FROM_KERNEL	2

/* Longest buffer of one call, in bytes. */
#define HVISOR_MAX_BUFFER	(64 * 1024)

/*
 * A hypercall: args[0..arg_count), then address and length of the buffer
 * unless direction is HVISOR_NONE. The ioctl fails only if the call could not
 * be made; what hvisor answered is in status (0 or a negative error of hvisor's
 * own numbering) and value.
 */
struct hvisor_call {
	__u32 function;
	__u32 direction;
	__u64 args[4];
	__u64 buffer;
	__u32 length;
	__u32 arg_count;
	__s64 status;
	__u64 value;
};

/*
 * Makes this open file the back end of a zone until it is closed. From then on
 * it may make only the calls that this zone's devices need, and can map the
 * zone's windows at offset index << HVISOR_WINDOW_SHIFT. The eventfd is
 * signalled when the zone's I/O area says so.
 */
struct hvisor_bind {
	__u32 zone;
	__s32 eventfd;
};

/* A write to the eventfd raises a device's interrupt line. */
struct hvisor_irqfd {
	__u32 zone;
	__u32 device;
	__s32 eventfd;
	__u32 reserved;
};

/* Signalled when any zone's state changed. */
struct hvisor_eventfd {
	__s32 eventfd;
	__u32 reserved;
};

/* A response was put into this vCPU's ring. */
struct hvisor_respond {
	__u32 zone;
	__u32 vcpu;
};

#define HVISOR_CALL	_IOWR('H', 0, struct hvisor_call)
#define HVISOR_BIND	_IOW('H', 1, struct hvisor_bind)
#define HVISOR_IRQFD	_IOW('H', 2, struct hvisor_irqfd)
#define HVISOR_EVENTFD	_IOW('H', 3, struct hvisor_eventfd)
#define HVISOR_RESPOND	_IOW('H', 4, struct hvisor_respond)

#define HVISOR_WINDOW_SHIFT	40

#endif
