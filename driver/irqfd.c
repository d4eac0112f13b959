// SPDX-License-Identifier: GPL-2.0
/* Interrupts of virtual devices, raised by writing to an eventfd. */

#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "internal.h"

struct hvisor_irqfd_entry {
	struct list_head link;
	struct eventfd_ctx *event;
	wait_queue_head_t *queue;
	wait_queue_entry_t wait;
	poll_table poll;
	u32 zone;
	u32 device;
};

static void hvisor_irqfd_raise(struct hvisor_irqfd_entry *entry)
{
	const u64 args[5] = { entry->zone, entry->device, 1 };

	hvisor_call(HVISOR_FN_DEVICE_INTERRUPT, args);
}

/* Called with the eventfd's wait queue locked, perhaps in an interrupt. */
static int hvisor_irqfd_wake(wait_queue_entry_t *wait, unsigned int mode,
			     int sync, void *key)
{
	struct hvisor_irqfd_entry *entry =
		container_of(wait, struct hvisor_irqfd_entry, wait);
	u64 count;

	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(entry->event, &count);
		hvisor_irqfd_raise(entry);
	}
	return 0;
}

static void hvisor_irqfd_queue(struct file *file, wait_queue_head_t *queue,
			       poll_table *poll)
{
	struct hvisor_irqfd_entry *entry =
		container_of(poll, struct hvisor_irqfd_entry, poll);

	entry->queue = queue;
	add_wait_queue_priority(queue, &entry->wait);
}

int hvisor_irqfd_add(struct hvisor_file *hf, void __user *user)
{
	struct hvisor_irqfd_entry *entry, *other;
	struct hvisor_irqfd args;
	struct file *file;
	u64 count;
	int err;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (args.reserved || args.device >= HVISOR_MAX_DEVICES)
		return -EINVAL;

	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	file = fget(args.eventfd);
	if (!file) {
		err = -EBADF;
		goto free;
	}
	entry->event = eventfd_ctx_fileget(file);
	if (IS_ERR(entry->event)) {
		err = PTR_ERR(entry->event);
		goto put_file;
	}
	entry->zone = args.zone;
	entry->device = args.device;

	mutex_lock(&hf->lock);
	if (hf->role != HVISOR_BACKEND || args.zone != hf->zone) {
		err = -EPERM;
		goto unlock;
	}
	list_for_each_entry(other, &hf->irqfds, link) {
		if (other->device == args.device) {
			err = -EBUSY;
			goto unlock;
		}
	}
	init_waitqueue_func_entry(&entry->wait, hvisor_irqfd_wake);
	init_poll_funcptr(&entry->poll, hvisor_irqfd_queue);
	if (vfs_poll(file, &entry->poll) & EPOLLIN) {
		/* Written before we listened. */
		eventfd_ctx_remove_wait_queue(entry->event, &entry->wait, &count);
		add_wait_queue_priority(entry->queue, &entry->wait);
		hvisor_irqfd_raise(entry);
	}
	list_add(&entry->link, &hf->irqfds);
	mutex_unlock(&hf->lock);
	/* The context keeps the eventfd's wait queue; its file may go. */
	fput(file);
	return 0;

unlock:
	mutex_unlock(&hf->lock);
	eventfd_ctx_put(entry->event);
put_file:
	fput(file);
free:
	kfree(entry);
	return err;
}

/* With hf->lock held. */
void hvisor_irqfd_release(struct hvisor_file *hf)
{
	struct hvisor_irqfd_entry *entry, *next;
	u64 count;

	list_for_each_entry_safe(entry, next, &hf->irqfds, link) {
		list_del(&entry->link);
		eventfd_ctx_remove_wait_queue(entry->event, &entry->wait, &count);
		eventfd_ctx_put(entry->event);
		kfree(entry);
	}
}
