// SPDX-License-Identifier: Apache-2.0
//! Which RAM, and where the zone sees it.

use super::*;

impl Planner<'_> {
    pub(super) fn ram(&mut self) -> Option<Vec<Ram>> {
        let mut ram = match self.zone.layout.memory.is_empty() {
            false => self.fixed_ram(),
            true => self.chosen_ram(),
        }?;
        ram.sort_by_key(|piece| piece.guest);
        for piece in &ram {
            if let Err(other) = self.space.claim(piece.guest, piece.size, "RAM") {
                let why = format!(
                    "overlaps {} at {:#x} in the zone's addresses",
                    other.what, other.base
                );
                self.problems.push(Problem::new(
                    "guest-overlap",
                    self.zone.memory.span.clone(),
                    format!("RAM at {:#x}", piece.guest),
                    why,
                ));
            }
        }
        Some(ram)
    }

    pub(super) fn chosen_ram(&mut self) -> Option<Vec<Ram>> {
        let asked = &self.zone.memory;
        let conventions = self.machine.architecture.conventions();
        let base = self
            .zone
            .layout
            .ram
            .as_ref()
            .map_or(conventions.ram, |at| at.value);
        if !base.is_multiple_of(2 * MIB)
            || base
                .checked_add(asked.value)
                .is_none_or(|end| end > 1 << 48)
        {
            let span = self.zone.layout.ram.as_ref().and_then(|at| at.span.clone());
            self.problems.push(
                Problem::new(
                    "layout",
                    span,
                    format!("RAM at {base:#x}"),
                    "is not a multiple of 2 MiB below 2^48",
                )
                .advise(format!("leave `ram` out: it is {:#x}", conventions.ram)),
            );
            return None;
        }
        let free: Vec<Piece> = self.machine.free_memory().copied().collect();
        let Some(chosen) = memory::choose(&free, base, asked.value, MAX_MEMORY) else {
            let (all, one) = memory::available(&free);
            let why = if all < asked.value {
                format!("only {} are free", size(all))
            } else {
                format!(
                    "the free {} are in more than {MAX_MEMORY} pieces",
                    size(all)
                )
            };
            self.problems.push(
                Problem::new("memory", asked.span.clone(), format!("{} of memory", size(asked.value)), why)
                    .advise(format!("ask for at most {} (largest piece {}), give zone0 less at boot, or stop a zone", size(all), size(one))),
            );
            return None;
        };
        let mut at = base;
        let mut ram = Vec::new();
        for part in &chosen {
            let guest = if self.zone.dma.value == Dma::Identity {
                part.physical
            } else {
                at
            };
            at += part.size;
            let block = if (guest | part.physical | part.size).is_multiple_of(1 << 30) {
                "1 GiB"
            } else {
                "2 MiB"
            };
            let why = match self.zone.dma.value {
                Dma::Identity => {
                    format!("dma = \"identity\": guest addresses are physical; {block} blocks")
                }
                Dma::Refuse => format!("highest free piece that fits, in {block} blocks"),
            };
            self.decide(
                "RAM",
                Some(guest),
                Some(part.physical),
                Some(part.size),
                None,
                &why,
            );
            ram.push(Ram {
                guest,
                physical: part.physical,
                size: part.size,
            });
        }
        Some(ram)
    }

    pub(super) fn fixed_ram(&mut self) -> Option<Vec<Ram>> {
        let mut free: Vec<Piece> = self.machine.free_memory().copied().collect();
        let mut ram = Vec::new();
        for fixed in &self.zone.layout.memory {
            let one = fixed.value;
            let Some(physical) = one.physical else {
                match memory::choose(&free, one.guest, one.size, 1).as_deref() {
                    Some([chosen]) => {
                        memory::remove(&mut free, chosen.physical, chosen.size);
                        self.decide(
                            "RAM",
                            Some(one.guest),
                            Some(chosen.physical),
                            Some(one.size),
                            None,
                            "guest address fixed in the zone file; highest free piece",
                        );
                        ram.push(Ram {
                            guest: one.guest,
                            physical: chosen.physical,
                            size: one.size,
                        });
                    }
                    _ => {
                        let (_, largest) = memory::available(&free);
                        let asked = format!("{} of memory at {:#x}", size(one.size), one.guest);
                        self.problems.push(
                            Problem::new(
                                "memory",
                                fixed.span.clone(),
                                asked,
                                format!("the largest free piece has {}", size(largest)),
                            )
                            .advise("ask for less, or stop a zone"),
                        );
                    }
                }
                continue;
            };
            let range = format!("RAM {physical:#x} to {:#x}", physical + one.size);
            if !memory::contains(&free, physical, one.size) {
                let holder =
                    self.machine.memory.iter().find(|piece| {
                        piece.owner != owner::FREE && piece.overlaps(physical, one.size)
                    });
                let twice = ram.iter().any(|other: &Ram| {
                    other.physical < physical + one.size && physical < other.physical + other.size
                });
                let why = match holder {
                    Some(piece) => format!(
                        "{:#x} to {:#x} belongs to {}",
                        piece.base,
                        piece.end(),
                        owner_name(piece.owner)
                    ),
                    None if twice => "part of it is given twice".into(),
                    None => "part of it is not RAM".into(),
                };
                self.problems.push(
                    Problem::new("memory", fixed.span.clone(), range, why)
                        .advise("leave `physical` out: free memory is chosen"),
                );
                continue;
            }
            memory::remove(&mut free, physical, one.size);
            if self.zone.dma.value == Dma::Identity && one.guest != physical {
                self.problems.push(
                    Problem::new(
                        "layout",
                        fixed.span.clone(),
                        range,
                        "is at another guest address, against dma = \"identity\"",
                    )
                    .advise("leave `guest` out"),
                );
            }
            self.decide(
                "RAM",
                Some(one.guest),
                Some(physical),
                Some(one.size),
                None,
                "fixed in the zone file",
            );
            ram.push(Ram {
                guest: one.guest,
                physical,
                size: one.size,
            });
        }
        let sum: u64 = ram.iter().map(|piece| piece.size).sum();
        if !self.problems.has_errors() && sum != self.zone.memory.value {
            let why = format!("[[layout.memory]] adds up to {}", size(sum));
            self.problems.push(
                Problem::new(
                    "memory",
                    self.zone.memory.span.clone(),
                    format!("{} of memory", size(self.zone.memory.value)),
                    why,
                )
                .advise("make both the same"),
            );
        }
        if ram.len() > MAX_MEMORY {
            self.problems.push(Problem::new(
                "memory",
                self.zone.memory.span.clone(),
                format!("{} pieces of RAM", ram.len()),
                format!("a zone has at most {MAX_MEMORY}"),
            ));
        }
        (!ram.is_empty()).then_some(ram)
    }
}
