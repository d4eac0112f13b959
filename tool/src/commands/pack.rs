// SPDX-License-Identifier: Apache-2.0
//! `pack`: the boot bundle.

use crate::cli::PackArgs;
use crate::description::Description;
use crate::failure::{Failure, Result, io};
use crate::output::Output;
use plan::pack::Zone0Files;
use plan::units::size;
use serde_json::json;

pub fn pack(arguments: &PackArgs, output: Output) -> Result<()> {
    if arguments.kernel.is_none() && arguments.zones.is_empty() {
        return Err(
            Failure::refused("pack a bundle", "there is neither a zone0 nor a zone in it")
                .advise("give --kernel, --zone or both"),
        );
    }
    let zone0 = arguments.kernel.as_ref().map(|kernel| Zone0Files {
        kernel: kernel.clone(),
        initrd: arguments.initrd.clone(),
        cmdline: arguments.cmdline.clone(),
        cpus: arguments.cpus,
        memory: arguments.memory,
    });
    let mut zones = Vec::new();
    for path in &arguments.zones {
        let description = Description::read(path)?;
        output.problems(&description.warnings, Some(&description.source()));
        zones.push((description.zone.clone(), description.base()));
    }
    let dtb = arguments
        .dtb
        .as_ref()
        .map(|path| std::fs::read(path).map_err(io(format!("read {}", path.display()))))
        .transpose()?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Failure::refused("random numbers", error.to_string()))?;
    let (bundle, plans) = plan::pack::pack(zone0.as_ref(), &zones, dtb.as_deref(), Some(seed))?;
    std::fs::write(&arguments.output, &bundle)
        .map_err(io(format!("write {}", arguments.output.display())))?;
    if output.json {
        let zones: Vec<_> = plans.iter().map(super::describe::plan_json).collect();
        output.value(&json!({ "bundle": arguments.output, "size": bundle.len(), "zones": zones }));
    } else {
        let what = match (zone0.is_some(), plans.len()) {
            (true, 0) => "zone0".to_owned(),
            (true, count) => format!("zone0 and {count} zones"),
            (false, count) => format!("{count} zones, no zone0"),
        };
        output.done(&format!(
            "{}: {what}, {}",
            arguments.output.display(),
            size(bundle.len() as u64)
        ));
    }
    Ok(())
}
