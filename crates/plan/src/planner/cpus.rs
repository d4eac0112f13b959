// SPDX-License-Identifier: Apache-2.0
//! Which processors.

use super::*;

impl Planner<'_> {
    pub(super) fn cpus(&mut self) -> Option<Vec<GuestCpu>> {
        let asked = &self.zone.cpus;
        let free = |cpu: &Cpu| cpu.owner == owner::FREE && cpu.alive;
        let count_free = self.machine.cpus.iter().filter(|cpu| free(cpu)).count();
        let names: Vec<String> = self
            .machine
            .cpus
            .iter()
            .enumerate()
            .filter(|(_, cpu)| free(cpu))
            .map(|(at, _)| at.to_string())
            .collect();
        let advice = match names.as_slice() {
            [] => "no processor is free: give zone0 fewer at boot, or stop a zone".to_owned(),
            names => format!("free: processor {}", names.join(", ")),
        };
        let no = |asked_for: String, why: String| {
            Problem::new("cpus", asked.span.clone(), asked_for, why).advise(advice.clone())
        };
        let mut chosen: Vec<(usize, u64)> = Vec::new();
        let why = match &asked.value {
            Cpus::Any(count) => {
                if count_free < *count {
                    self.problems.push(no(
                        format!("{count} processors"),
                        format!("only {count_free} of {} are free", self.machine.cpus.len()),
                    ));
                    return None;
                }
                let last: Vec<_> = self
                    .machine
                    .cpus
                    .iter()
                    .enumerate()
                    .filter(|(_, cpu)| free(cpu))
                    .rev()
                    .take(*count)
                    .collect();
                chosen.extend(last.into_iter().rev().map(|(at, cpu)| (at, cpu.physical)));
                "the last that are free"
            }
            Cpus::These(list) => {
                for at in list {
                    match self.machine.cpus.get(*at) {
                        None => self.problems.push(no(
                            format!("processor {at}"),
                            format!(
                                "there are processors 0 to {} only",
                                self.machine.cpus.len().saturating_sub(1)
                            ),
                        )),
                        Some(cpu) if !cpu.alive => self.problems.push(no(
                            format!("processor {at}"),
                            "it did not come up at boot".into(),
                        )),
                        Some(cpu) if !free(cpu) => self.problems.push(no(
                            format!("processor {at}"),
                            format!("it belongs to {}", owner_name(cpu.owner)),
                        )),
                        Some(cpu) => chosen.push((*at, cpu.physical)),
                    }
                }
                "named in the zone file"
            }
            Cpus::Physical(list) => {
                for number in list {
                    match self
                        .machine
                        .cpus
                        .iter()
                        .enumerate()
                        .find(|(_, cpu)| cpu.physical == *number)
                    {
                        None => self.problems.push(no(
                            format!("processor {number:#x}"),
                            "the machine has none of that number".into(),
                        )),
                        Some((_, cpu)) if !free(cpu) => self.problems.push(no(
                            format!("processor {number:#x}"),
                            format!("it belongs to {}", owner_name(cpu.owner)),
                        )),
                        Some((at, cpu)) => chosen.push((at, cpu.physical)),
                    }
                }
                "named in the zone file"
            }
        };
        let mut cpus = Vec::new();
        for (index, (at, physical)) in chosen.into_iter().enumerate() {
            let guest = self.machine.architecture.guest_cpu(index);
            self.decide(
                &format!("processor {at}"),
                Some(guest),
                Some(physical),
                None,
                None,
                why,
            );
            cpus.push(GuestCpu { physical, guest });
        }
        (!cpus.is_empty()).then_some(cpus)
    }
}
