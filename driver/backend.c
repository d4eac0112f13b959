// SPDX-License-Identifier: GPL-2.0
/* An open file as a zone's back end: binding, windows, responses. */

#include <linux/mm.h>
#include <linux/uaccess.h>

#include "internal.h"

/*
 * Offsets of all back ends are in one address space, the device node's. The
 * driver puts the zone above the window so that one zone's mappings can be
 * found and taken away.
 */
#define HVISOR_ZONE_SHIFT	56
#define HVISOR_WINDOW_PAGES	(1UL << (HVISOR_WINDOW_SHIFT - PAGE_SHIFT))
#define HVISOR_ZONE_PAGES	(1UL << (HVISOR_ZONE_SHIFT - PAGE_SHIFT))

int hvisor_bind(struct hvisor_file *hf, void __user *user)
{
	struct hvisor_answer answer;
	struct eventfd_ctx *event;
	struct hvisor_file *other;
	struct hvisor_bind args;
	int err;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (!args.zone || args.zone >= HVISOR_MAX_ZONES)
		return -EINVAL;
	event = eventfd_ctx_fdget(args.eventfd);
	if (IS_ERR(event))
		return PTR_ERR(event);

	mutex_lock(&hvisor_files_lock);
	mutex_lock(&hf->lock);
	err = -EBUSY;
	if (hf->role != HVISOR_MANAGER)
		goto out;
	list_for_each_entry(other, &hvisor_files, link) {
		if (READ_ONCE(other->role) == HVISOR_BACKEND &&
		    other->zone == args.zone)
			goto out;
	}
	answer = hvisor_call2(HVISOR_FN_BACKEND_ATTACH, args.zone, 0);
	err = hvisor_errno(answer.status);
	if (err)
		goto out;
	hf->zone = args.zone;
	WRITE_ONCE(hf->role, HVISOR_BACKEND);
	hvisor_set_io_event(hf, event);
	/* What came before the attachment has no one else to tell of it. */
	eventfd_signal(event);
	event = NULL;
out:
	mutex_unlock(&hf->lock);
	mutex_unlock(&hvisor_files_lock);
	if (event)
		eventfd_ctx_put(event);
	return err;
}

int hvisor_respond(struct hvisor_file *hf, void __user *user)
{
	struct hvisor_respond args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	/* A role, once left, is not taken again: no lock is needed to refuse. */
	if (READ_ONCE(hf->role) != HVISOR_BACKEND || args.zone != hf->zone)
		return -EPERM;
	return hvisor_errno(hvisor_call2(HVISOR_FN_DEVICE_RESPONSE, args.zone,
					 args.vcpu).status);
}

static const struct vm_operations_struct hvisor_vm_ops = { };

int hvisor_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct hvisor_file *hf = file->private_data;
	unsigned long size = vma->vm_end - vma->vm_start;
	unsigned long index = vma->vm_pgoff / HVISOR_WINDOW_PAGES;
	unsigned long first = vma->vm_pgoff % HVISOR_WINDOW_PAGES;
	struct hvisor_window window;
	u64 start;
	int err;

	if (index >= HVISOR_MAX_WINDOWS || !(vma->vm_flags & VM_SHARED) ||
	    (vma->vm_flags & VM_EXEC))
		return -EINVAL;

	mutex_lock(&hf->lock);
	err = -EPERM;
	if (hf->role != HVISOR_BACKEND)
		goto out;
	err = hvisor_window(hf->zone, index, &window);
	if (err)
		goto out;
	err = -EINVAL;
	start = (u64)first << PAGE_SHIFT;
	if (!PAGE_ALIGNED(window.zone0) || start > window.size ||
	    size > window.size - start)
		goto out;

	vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_ops = &hvisor_vm_ops;
	vma->vm_pgoff += hf->zone * HVISOR_ZONE_PAGES;
	err = remap_pfn_range(vma, vma->vm_start,
			      PHYS_PFN(window.zone0) + first, size,
			      vma->vm_page_prot);
out:
	mutex_unlock(&hf->lock);
	return err;
}

/* With hf->lock held; the file does not become a manager again. */
static void hvisor_detach(struct hvisor_file *hf)
{
	if (hf->role != HVISOR_BACKEND)
		return;
	WRITE_ONCE(hf->role, HVISOR_REVOKED);
	hvisor_irqfd_release(hf);
	hvisor_set_io_event(hf, NULL);
	unmap_mapping_range(hf->mapping, (loff_t)hf->zone << HVISOR_ZONE_SHIFT,
			    1LL << HVISOR_ZONE_SHIFT, 1);
	hvisor_call2(HVISOR_FN_BACKEND_DETACH, hf->zone, 0);
}

void hvisor_unbind(struct hvisor_file *hf)
{
	mutex_lock(&hf->lock);
	hvisor_detach(hf);
	mutex_unlock(&hf->lock);
}

void hvisor_revoke_zone(u32 zone)
{
	struct hvisor_file *hf;

	mutex_lock(&hvisor_files_lock);
	list_for_each_entry(hf, &hvisor_files, link) {
		if (READ_ONCE(hf->role) == HVISOR_BACKEND && hf->zone == zone)
			hvisor_unbind(hf);
	}
	mutex_unlock(&hvisor_files_lock);
}

void hvisor_revoke_all(void)
{
	struct hvisor_file *hf;

	mutex_lock(&hvisor_files_lock);
	list_for_each_entry(hf, &hvisor_files, link)
		hvisor_unbind(hf);
	mutex_unlock(&hvisor_files_lock);
}
