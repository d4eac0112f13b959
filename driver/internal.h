/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVISOR_INTERNAL_H
#define HVISOR_INTERNAL_H

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "hvisor.h"

/* The ABI's numbers; crates/abi defines them. */
#define HVISOR_ABI_VERSION	1
#define HVISOR_MAX_ZONES	16
#define HVISOR_MAX_DEVICES	32
#define HVISOR_MAX_WINDOWS	64

enum hvisor_function {
	HVISOR_FN_VERSION		= 0,
	HVISOR_FN_ZONE_DESTROY		= 10,
	HVISOR_FN_ZONE_STATUS		= 11,
	HVISOR_FN_ZONE_WINDOW		= 12,
	HVISOR_FN_BACKEND_ATTACH	= 16,
	HVISOR_FN_BACKEND_DETACH	= 17,
	HVISOR_FN_DEVICE_INTERRUPT	= 18,
	HVISOR_FN_DEVICE_RESPONSE	= 19,
};

/* abi::status::ZoneWindow */
struct hvisor_window {
	__u32 kind;
	__u32 reserved;
	__u64 zone0;
	__u64 guest;
	__u64 size;
};

/* abi::io::Mailbox */
struct hvisor_mailbox {
	__u32 magic;
	__u32 version;
	atomic64_t io;
	atomic64_t state;
};

#define HVISOR_MAILBOX_MAGIC	0x4f495648	/* "HVIO" */

struct hvisor_answer {
	s64 status;
	u64 value;
};

enum hvisor_role {
	HVISOR_MANAGER,		/* any call */
	HVISOR_BACKEND,		/* what its zone's devices need */
	HVISOR_REVOKED,		/* was a back end; nothing any more */
};

/* An open file. */
struct hvisor_file {
	struct mutex lock;		/* role, zone, irqfds */
	enum hvisor_role role;
	u32 zone;
	struct address_space *mapping;
	struct list_head irqfds;
	struct list_head link;		/* in hvisor_files */
};

/* call.c */
struct hvisor_answer hvisor_call(u32 function, const u64 args[5]);
struct hvisor_answer hvisor_call2(u32 function, u64 first, u64 second);
int hvisor_errno(s64 status);
int hvisor_ioctl_call(struct hvisor_file *hf, void __user *user);
int hvisor_window(u32 zone, u32 index, struct hvisor_window *window);

/* irqfd.c */
int hvisor_irqfd_add(struct hvisor_file *hf, void __user *user);
void hvisor_irqfd_release(struct hvisor_file *hf);

/* backend.c */
int hvisor_bind(struct hvisor_file *hf, void __user *user);
int hvisor_respond(struct hvisor_file *hf, void __user *user);
int hvisor_mmap(struct file *file, struct vm_area_struct *vma);
void hvisor_unbind(struct hvisor_file *hf);
void hvisor_revoke_zone(u32 zone);
void hvisor_revoke_all(void);

/* main.c */
extern struct mutex hvisor_files_lock;
extern struct list_head hvisor_files;
void hvisor_set_io_event(struct hvisor_file *hf, struct eventfd_ctx *event);

#endif
