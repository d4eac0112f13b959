// SPDX-License-Identifier: GPL-2.0
/* Hypercalls, and HVISOR_CALL. */

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "internal.h"

#if defined(CONFIG_ARM64)

#include <linux/arm-smccc.h>

/* SMCCC fast call, 64 bit, vendor-specific hypervisor service. */
#define HVISOR_AARCH64_BASE	0xC6001000UL

struct hvisor_answer hvisor_call(u32 function, const u64 args[5])
{
	struct arm_smccc_res res;

	arm_smccc_1_1_hvc(HVISOR_AARCH64_BASE + function, args[0], args[1],
			  args[2], args[3], args[4], &res);
	return (struct hvisor_answer){ .status = res.a0, .value = res.a1 };
}

#elif defined(CONFIG_RISCV)

#include <asm/sbi.h>

#define HVISOR_RISCV_EXTENSION	0x0A485653

struct hvisor_answer hvisor_call(u32 function, const u64 args[5])
{
	struct sbiret ret = sbi_ecall(HVISOR_RISCV_EXTENSION, function, args[0],
				      args[1], args[2], args[3], args[4], 0);

	return (struct hvisor_answer){ .status = ret.error, .value = ret.value };
}

#else
#error "hvisor has no hypercall on this architecture yet"
#endif

struct hvisor_answer hvisor_call2(u32 function, u64 first, u64 second)
{
	const u64 args[5] = { first, second };

	return hvisor_call(function, args);
}

/* For calls that the driver makes itself; abi::Error has the numbers. */
int hvisor_errno(s64 status)
{
	switch (-status) {
	case 0:
		return 0;
	case 1:		/* NotSupported */
		return -EOPNOTSUPP;
	case 2:		/* NotPermitted */
		return -EPERM;
	case 5:		/* NoSuchZone */
		return -ENXIO;
	case 6:		/* WrongState */
	case 19:	/* Busy */
		return -EBUSY;
	case 17:	/* OutOfMemory */
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

int hvisor_window(u32 zone, u32 index, struct hvisor_window *window)
{
	struct hvisor_window *bounce;
	struct hvisor_answer answer;
	u64 args[5] = { zone, index };

	bounce = (void *)get_zeroed_page(GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	args[2] = virt_to_phys(bounce);
	args[3] = sizeof(*bounce);
	answer = hvisor_call(HVISOR_FN_ZONE_WINDOW, args);
	*window = *bounce;
	free_page((unsigned long)bounce);
	return hvisor_errno(answer.status);
}

/* What a file with this role may ask for. */
static bool hvisor_may_call(const struct hvisor_file *hf,
			    const struct hvisor_call *call)
{
	switch (hf->role) {
	case HVISOR_MANAGER:
		/* Attaching goes with HVISOR_BIND, which undoes it on close. */
		return call->function != HVISOR_FN_BACKEND_ATTACH &&
		       call->function != HVISOR_FN_BACKEND_DETACH;
	case HVISOR_BACKEND:
		switch (call->function) {
		case HVISOR_FN_VERSION:
			return true;
		case HVISOR_FN_ZONE_STATUS:
		case HVISOR_FN_ZONE_WINDOW:
		case HVISOR_FN_DEVICE_INTERRUPT:
			return call->arg_count && call->args[0] == hf->zone;
		default:
			return false;
		}
	default:
		return false;
	}
}

static int hvisor_call_bounced(struct hvisor_call *call)
{
	void __user *buffer = u64_to_user_ptr(call->buffer);
	u64 args[5] = { };
	struct hvisor_answer answer;
	void *bounce = NULL;
	int err = 0;

	memcpy(args, call->args, call->arg_count * sizeof(args[0]));
	if (call->direction != HVISOR_NONE) {
		bounce = alloc_pages_exact(call->length, GFP_KERNEL | __GFP_ZERO);
		if (!bounce)
			return -ENOMEM;
		args[call->arg_count] = virt_to_phys(bounce);
		args[call->arg_count + 1] = call->length;
	}
	if (call->direction == HVISOR_TO_KERNEL &&
	    copy_from_user(bounce, buffer, call->length)) {
		err = -EFAULT;
		goto out;
	}
	answer = hvisor_call(call->function, args);
	call->status = answer.status;
	call->value = answer.value;
	if (call->direction == HVISOR_FROM_KERNEL && !answer.status &&
	    copy_to_user(buffer, bounce, call->length))
		err = -EFAULT;
out:
	if (bounce)
		free_pages_exact(bounce, call->length);
	return err;
}

int hvisor_ioctl_call(struct hvisor_file *hf, void __user *user)
{
	struct hvisor_call call;
	u32 words;
	int err;

	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;
	if (call.direction > HVISOR_FROM_KERNEL || call.arg_count > 4)
		return -EINVAL;
	words = call.arg_count + (call.direction ? 2 : 0);
	if (words > 5)
		return -EINVAL;
	if (call.direction && (!call.length || call.length > HVISOR_MAX_BUFFER))
		return -EINVAL;

	mutex_lock(&hf->lock);
	err = hvisor_may_call(hf, &call) ? 0 : -EPERM;
	mutex_unlock(&hf->lock);
	if (err)
		return err;

	/* No back end may still map memory that is about to be given away. */
	if (call.function == HVISOR_FN_ZONE_DESTROY && call.arg_count)
		hvisor_revoke_zone(call.args[0]);
	err = hvisor_call_bounced(&call);
	if (err)
		return err;
	return copy_to_user(user, &call, sizeof(call)) ? -EFAULT : 0;
}
