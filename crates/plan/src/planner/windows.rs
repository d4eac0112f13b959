// SPDX-License-Identifier: Apache-2.0
//! Windows of the modelled interrupt controller and of passed-through devices.

use super::*;

impl Planner<'_> {
    pub(super) fn controller(&mut self, cpus: usize) -> Option<Controller> {
        let architecture = self.machine.architecture;
        let holes = &architecture.conventions().holes;
        let mut controller = Controller {
            kind: self.machine.controller,
            lines: 0,
            regions: Default::default(),
        };
        for (index, window) in architecture
            .controller_windows(self.machine.controller, cpus)
            .into_iter()
            .enumerate()
        {
            let by_hand = self.zone.layout.controller.get(index).cloned();
            let base = match &by_hand {
                Some(at) => self.claim_fixed(at, window.size, window.what, window.align),
                None => self.space.place(
                    window.preferred,
                    window.size,
                    window.align,
                    holes,
                    window.what,
                ),
            };
            let Some(base) = base else {
                if by_hand.is_none() {
                    self.problems.push(
                        Problem::new(
                            "layout",
                            None,
                            window.what,
                            "finds no room beside the zone's RAM",
                        )
                        .advise("set `ram` in [layout]"),
                    );
                }
                return None;
            };
            if let Some(region) = controller.regions.get_mut(index) {
                *region = GuestRange {
                    base,
                    size: window.size,
                };
            }
            let why = if by_hand.is_some() {
                "fixed in the zone file"
            } else if base == window.preferred {
                "customary address"
            } else {
                "first hole"
            };
            self.decide(
                &format!("{} (modelled)", window.what),
                Some(base),
                None,
                Some(window.size),
                None,
                why,
            );
        }
        Some(controller)
    }

    pub(super) fn claim_fixed(
        &mut self,
        at: &At<u64>,
        length: u64,
        what: &str,
        align: u64,
    ) -> Option<u64> {
        let asked = format!("{what} at {:#x}", at.value);
        if !at.value.is_multiple_of(align)
            || at.value.checked_add(length).is_none_or(|end| end > 1 << 48)
        {
            self.problems.push(
                Problem::new(
                    "layout",
                    at.span.clone(),
                    asked,
                    format!("is not a multiple of {align:#x} below 2^48"),
                )
                .advise("leave it out: an address is chosen"),
            );
            return None;
        }
        if let Err(other) = self.space.claim(at.value, length, what) {
            let why = format!(
                "overlaps {} at {:#x} in the zone's addresses",
                other.what, other.base
            );
            self.problems.push(
                Problem::new("guest-overlap", at.span.clone(), asked, why)
                    .advise("leave it out: an address is chosen"),
            );
            return None;
        }
        Some(at.value)
    }

    /// Windows of passed-through devices and of those fixed by hand.
    pub(super) fn windows(&mut self, found: &[Found]) -> Vec<GuestPassthrough> {
        let fixed = self.fixed_windows(found);
        let mut passed: Vec<GuestPassthrough> = found
            .iter()
            .map(|device| GuestPassthrough {
                device: device.clone(),
                windows: Vec::new(),
            })
            .collect();
        let holes = &self.machine.architecture.conventions().holes;
        // Devices that share pages are given together, the pages once.
        let all: Vec<(u64, u64)> = found
            .iter()
            .flat_map(|device| device.windows.iter().copied())
            .collect();
        for (physical, length) in passthrough::windows_of(&all).unwrap_or_default() {
            let inside = |device: &Found| {
                device
                    .windows
                    .iter()
                    .any(|(base, _)| (physical..physical + length).contains(base))
            };
            let names: Vec<&str> = found
                .iter()
                .filter(|device| inside(device))
                .map(|device| device.path.as_str())
                .collect();
            let name = names.join(" and ");
            let Some(guest) = self
                .space
                .place(physical, length, abi::PAGE_SIZE, holes, &name)
            else {
                let obstacle = "its registers find no room in the zone's addresses";
                self.problems.push(Problem::new(
                    "layout",
                    None,
                    format!("pass {name} through"),
                    obstacle,
                ));
                continue;
            };
            let why = if guest == physical {
                "where it physically is"
            } else {
                "its own address is taken in the zone: first hole"
            };
            self.decide(&name, Some(guest), Some(physical), Some(length), None, why);
            if let Some(first) = passed.iter_mut().find(|one| inside(&one.device)) {
                first.windows.push(MmioRegion {
                    guest,
                    physical,
                    size: length,
                });
            }
        }
        passed.extend(fixed.into_iter().map(GuestPassthrough::by_hand));
        let count: usize = passed.iter().map(|one| one.windows.len()).sum();
        if count > MAX_MMIO {
            let obstacle = format!("a zone has at most {MAX_MMIO}");
            self.problems.push(Problem::new(
                "too-many",
                None,
                format!("{count} windows of device registers"),
                obstacle,
            ));
        }
        passed
    }

    fn fixed_windows(&mut self, found: &[Found]) -> Vec<MmioRegion> {
        let mut windows: Vec<MmioRegion> = Vec::new();
        for fixed in &self.zone.layout.mmio {
            let one = fixed.value;
            let (base, size) = (one.physical, one.size);
            let overlaps = |other: u64, length: u64| base < other + length && other < base + size;
            let problem = |code, obstacle: String| {
                let asked = format!("registers {base:#x} to {:#x}", base + size);
                let problem = Problem::new(code, fixed.span.clone(), asked, obstacle);
                if one.optional {
                    problem.advise("it is left out").as_warning()
                } else {
                    problem
                }
            };
            let holder = self.machine.taken_mmio.iter().find(|piece| {
                piece.owner != 0 && piece.owner != owner::FREE && piece.overlaps(base, size)
            });
            let console = passthrough::zone0_console(self.machine, &self.firmware).filter(|at| {
                self.firmware
                    .reg(*at)
                    .unwrap_or_default()
                    .iter()
                    .any(|(other, length)| overlaps(*other, *length))
            });
            let twice = windows
                .iter()
                .any(|other| overlaps(other.physical, other.size))
                || found
                    .iter()
                    .flat_map(|device| &device.windows)
                    .any(|(other, length)| overlaps(*other, *length));
            let refused = if self
                .machine
                .memory
                .iter()
                .any(|piece| piece.overlaps(base, size))
            {
                Some(problem("device-is-ram", "is RAM".into()).advise("use [[layout.memory]]"))
            } else if let Some(piece) = holder {
                Some(problem(
                    "device-taken",
                    format!("belongs to {}", owner_name(piece.owner)),
                ))
            } else if console.is_some() {
                Some(problem("zone0-console", "is zone0's console".into()))
            } else if twice {
                Some(problem("twice", "is given twice".into()))
            } else {
                self.space
                    .claim(one.guest, size, "a window fixed in the zone file")
                    .err()
                    .map(|other| {
                        problem(
                            "guest-overlap",
                            format!(
                                "overlaps {} at {:#x} in the zone's addresses",
                                other.what, other.base
                            ),
                        )
                        .advise("set `guest` to a free address")
                    })
            };
            match refused {
                Some(problem) => self.problems.push(problem),
                None => {
                    self.decide(
                        "registers",
                        Some(one.guest),
                        Some(base),
                        Some(size),
                        None,
                        "fixed in the zone file",
                    );
                    windows.push(MmioRegion {
                        guest: one.guest,
                        physical: base,
                        size,
                    });
                }
            }
        }
        windows
    }
}
