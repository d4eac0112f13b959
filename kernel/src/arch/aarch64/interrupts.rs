// SPDX-License-Identifier: Apache-2.0
//! The physical interrupt controller, as portable code sees it.

use crate::drivers::gic;
use crate::log;
use machine::Controller;

/// The shared part, once.
pub fn init(controller: &Controller) -> Result<(), gic::Error> {
    gic::init(controller)
}

/// This processor's part.
pub fn init_cpu() -> Result<(), gic::Error> {
    gic::init_cpu()
}

/// Wakes processor `index` from waiting or out of its zone.
#[inline]
pub fn kick(index: usize) {
    gic::send_kick(index);
}

/// Takes and ends all interrupts pending on this parked processor. A line that
/// is not a kick is nobody's here: it is switched off.
pub fn drain() {
    loop {
        let acknowledged = gic::acknowledge();
        let intid = gic::intid(acknowledged);
        if intid >= gic::SPURIOUS_FIRST {
            return;
        }
        if intid != gic::KICK {
            log!("interrupt {intid} on a parked processor: switched off");
            gic::enable_line(intid, false);
        }
        gic::drop_priority(acknowledged);
        gic::deactivate(acknowledged);
    }
}

/// Lets nothing but kicks be pending for this processor, or everything again.
pub fn only_kicks(only: bool) {
    gic::set_priority_mask(if only {
        gic::KICKS_ONLY
    } else {
        gic::EVERYTHING
    });
}

/// Takes a kick, if one is pending; other interrupts stay.
pub fn take_kick() {
    let before = gic::priority_mask();
    only_kicks(true);
    let acknowledged = gic::acknowledge();
    if gic::intid(acknowledged) < gic::SPURIOUS_FIRST {
        gic::drop_priority(acknowledged);
        gic::deactivate(acknowledged);
    }
    gic::set_priority_mask(before);
}
