// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/hvisor: zone0's way to the separation kernel it runs on.
 *
 * hvisor describes itself in zone0's device tree by one node: a mailbox page,
 * in which it sets a bit per zone, and an interrupt that says so.
 */

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "internal.h"

DEFINE_MUTEX(hvisor_files_lock);
LIST_HEAD(hvisor_files);

static struct hvisor_mailbox *mailbox;

/* What the interrupt handler signals. */
static DEFINE_SPINLOCK(event_lock);
static struct eventfd_ctx *io_events[HVISOR_MAX_ZONES];
static LIST_HEAD(state_events);

struct hvisor_state_event {
	struct list_head link;
	struct hvisor_file *owner;
	struct eventfd_ctx *event;
};

/* An edge may find its bits taken by the one before: never IRQ_NONE. */
static irqreturn_t hvisor_interrupt(int irq, void *unused)
{
	unsigned long io = atomic64_xchg(&mailbox->io, 0);
	u64 state = atomic64_xchg(&mailbox->state, 0);
	struct hvisor_state_event *listener;
	unsigned int zone;

	spin_lock(&event_lock);
	for_each_set_bit(zone, &io, HVISOR_MAX_ZONES) {
		if (io_events[zone])
			eventfd_signal(io_events[zone]);
	}
	if (state) {
		list_for_each_entry(listener, &state_events, link)
			eventfd_signal(listener->event);
	}
	spin_unlock(&event_lock);
	return IRQ_HANDLED;
}

/* Takes over a reference to the event; NULL lets the present one go. */
void hvisor_set_io_event(struct hvisor_file *hf, struct eventfd_ctx *event)
{
	struct eventfd_ctx *old;
	unsigned long flags;

	spin_lock_irqsave(&event_lock, flags);
	old = io_events[hf->zone];
	io_events[hf->zone] = event;
	spin_unlock_irqrestore(&event_lock, flags);
	if (old)
		eventfd_ctx_put(old);
}

static int hvisor_listen(struct hvisor_file *hf, void __user *user)
{
	struct hvisor_state_event *listener;
	struct hvisor_eventfd args;
	unsigned long flags;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (args.reserved)
		return -EINVAL;
	if (READ_ONCE(hf->role) != HVISOR_MANAGER)
		return -EPERM;
	listener = kzalloc(sizeof(*listener), GFP_KERNEL_ACCOUNT);
	if (!listener)
		return -ENOMEM;
	listener->owner = hf;
	listener->event = eventfd_ctx_fdget(args.eventfd);
	if (IS_ERR(listener->event)) {
		int err = PTR_ERR(listener->event);

		kfree(listener);
		return err;
	}
	spin_lock_irqsave(&event_lock, flags);
	list_add(&listener->link, &state_events);
	spin_unlock_irqrestore(&event_lock, flags);
	return 0;
}

static void hvisor_unlisten(struct hvisor_file *hf)
{
	struct hvisor_state_event *listener, *next;
	unsigned long flags;
	LIST_HEAD(gone);

	spin_lock_irqsave(&event_lock, flags);
	list_for_each_entry_safe(listener, next, &state_events, link) {
		if (listener->owner == hf)
			list_move(&listener->link, &gone);
	}
	spin_unlock_irqrestore(&event_lock, flags);
	list_for_each_entry_safe(listener, next, &gone, link) {
		eventfd_ctx_put(listener->event);
		kfree(listener);
	}
}

static int hvisor_open(struct inode *inode, struct file *file)
{
	struct hvisor_file *hf = kzalloc(sizeof(*hf), GFP_KERNEL_ACCOUNT);

	if (!hf)
		return -ENOMEM;
	mutex_init(&hf->lock);
	INIT_LIST_HEAD(&hf->irqfds);
	hf->mapping = file->f_mapping;
	file->private_data = hf;
	mutex_lock(&hvisor_files_lock);
	list_add(&hf->link, &hvisor_files);
	mutex_unlock(&hvisor_files_lock);
	return 0;
}

static int hvisor_release(struct inode *inode, struct file *file)
{
	struct hvisor_file *hf = file->private_data;

	mutex_lock(&hvisor_files_lock);
	list_del(&hf->link);
	mutex_unlock(&hvisor_files_lock);
	hvisor_unbind(hf);
	hvisor_unlisten(hf);
	kfree(hf);
	return 0;
}

static long hvisor_ioctl(struct file *file, unsigned int command,
			 unsigned long argument)
{
	struct hvisor_file *hf = file->private_data;
	void __user *user = (void __user *)argument;

	switch (command) {
	case HVISOR_CALL:
		return hvisor_ioctl_call(hf, user);
	case HVISOR_BIND:
		return hvisor_bind(hf, user);
	case HVISOR_IRQFD:
		return hvisor_irqfd_add(hf, user);
	case HVISOR_EVENTFD:
		return hvisor_listen(hf, user);
	case HVISOR_RESPOND:
		return hvisor_respond(hf, user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations hvisor_fops = {
	.owner		= THIS_MODULE,
	.open		= hvisor_open,
	.release	= hvisor_release,
	.unlocked_ioctl	= hvisor_ioctl,
	.mmap		= hvisor_mmap,
	.llseek		= noop_llseek,
};

static struct miscdevice hvisor_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "hvisor",
	.mode	= 0600,
	.fops	= &hvisor_fops,
};

/* Zones lose their devices before zone0 loses the disks behind them. */
static int hvisor_reboot(struct notifier_block *nb, unsigned long action,
			 void *unused)
{
	hvisor_revoke_all();
	return NOTIFY_DONE;
}

static struct notifier_block hvisor_reboot_notifier = {
	.notifier_call	= hvisor_reboot,
	.priority	= INT_MAX,
};

static int hvisor_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct hvisor_answer version;
	struct resource *res;
	int irq, err;

	if (mailbox)
		return dev_err_probe(dev, -EBUSY, "a second node\n");
	version = hvisor_call2(HVISOR_FN_VERSION, 0, 0);
	if (version.status || version.value != HVISOR_ABI_VERSION)
		return dev_err_probe(dev, -ENODEV,
				     "hvisor speaks ABI %lld (status %lld), this driver %d\n",
				     version.value, version.status,
				     HVISOR_ABI_VERSION);
	res = platform_get_resource(pdev, IORESOURCE_MEM, 0);
	if (!res || resource_size(res) < sizeof(*mailbox))
		return dev_err_probe(dev, -EINVAL, "no mailbox page\n");
	irq = platform_get_irq(pdev, 0);
	if (irq < 0)
		return irq;
	mailbox = devm_memremap(dev, res->start, resource_size(res), MEMREMAP_WB);
	if (IS_ERR(mailbox)) {
		err = PTR_ERR(mailbox);
		goto out;
	}
	err = -ENODEV;
	if (mailbox->magic != HVISOR_MAILBOX_MAGIC ||
	    mailbox->version != HVISOR_ABI_VERSION) {
		dev_err(dev, "the mailbox page is not hvisor's\n");
		goto out;
	}
	err = devm_request_irq(dev, irq, hvisor_interrupt, 0, "hvisor", NULL);
	if (err)
		goto out;
	err = misc_register(&hvisor_misc);
	if (err)
		goto out;
	register_reboot_notifier(&hvisor_reboot_notifier);
	dev_info(dev, "zone0, ABI %d\n", HVISOR_ABI_VERSION);
	return 0;
out:
	mailbox = NULL;
	return err;
}

/* The module is held by every open file, so none is open here. */
static void hvisor_remove(struct platform_device *pdev)
{
	unregister_reboot_notifier(&hvisor_reboot_notifier);
	misc_deregister(&hvisor_misc);
	devm_free_irq(&pdev->dev, platform_get_irq(pdev, 0), NULL);
	mailbox = NULL;
}

static const struct of_device_id hvisor_of_match[] = {
	{ .compatible = "hvisor,zone0-1" },
	{ }
};
MODULE_DEVICE_TABLE(of, hvisor_of_match);

static struct platform_driver hvisor_driver = {
	.probe	= hvisor_probe,
	.remove	= hvisor_remove,
	.driver	= {
		.name		= "hvisor",
		.of_match_table	= hvisor_of_match,
		.suppress_bind_attrs = true,
	},
};

static int __init hvisor_init(void)
{
	struct device_node *node =
		of_find_matching_node(NULL, hvisor_of_match);

	if (!node) {
		pr_info("hvisor: this system is not zone0 of hvisor\n");
		return -ENODEV;
	}
	of_node_put(node);
	return platform_driver_register(&hvisor_driver);
}
module_init(hvisor_init);

static void __exit hvisor_exit(void)
{
	platform_driver_unregister(&hvisor_driver);
}
module_exit(hvisor_exit);

MODULE_DESCRIPTION("hvisor: management and back ends in zone0");
MODULE_LICENSE("GPL");
