// SPDX-License-Identifier: Apache-2.0
//! `check`, `plan`, `dtb`: what a description would lead to.

use crate::cli::{CheckArgs, DtbArgs, PlanArgs};
use crate::description::{Description, machine};
use crate::failure::{Code, Failure, Result, io};
use crate::output::{Output, hex, problems_json};
use plan::planner::{Decision, Plan};
use plan::units::size;
use serde_json::{Value, json};

pub fn check(arguments: &CheckArgs, output: Output) -> Result<()> {
    let machine = machine(&arguments.machine)?;
    let workstation = arguments.machine.dtb.is_some();
    let mut results = Vec::new();
    let mut wrong = 0;
    for path in &arguments.files {
        let name = path.display().to_string();
        let checked = Description::read(path).and_then(|description| {
            description
                .plan(&machine, workstation, None)
                .map(|(_, problems)| (description, problems))
        });
        let (problems, source) = match checked {
            Ok((description, problems)) => (problems, Some(description.source())),
            Err(failure) => (failure.problems, failure.source),
        };
        wrong += usize::from(problems.has_errors());
        output.problems(&problems, source.as_ref());
        if !problems.has_errors() {
            output.done(&format!("{name}: fine on {}", machine.source));
        }
        results.push(json!({ "file": name, "fine": !problems.has_errors(), "problems": problems_json(&problems) }));
    }
    if output.json {
        output.value(&Value::from(results));
    }
    match wrong {
        0 => Ok(()),
        // Everything was said above.
        _ => Err(Failure {
            code: Code::WrongDescription,
            problems: Default::default(),
            source: None,
        }),
    }
}

pub fn plan(arguments: &PlanArgs, output: Output) -> Result<()> {
    let machine = machine(&arguments.machine)?;
    let description = Description::read(&arguments.file)?;
    let (plan, warnings) = description.plan(&machine, arguments.machine.dtb.is_some(), None)?;
    if output.json {
        output.value(&plan_json(&plan));
        return Ok(());
    }
    output.problems(&warnings, Some(&description.source()));
    output.text(&format!("zone {} on {}\n\n", plan.name, machine.source));
    output.table(
        &["what", "guest", "physical", "size", "interrupt", "why"],
        rows(&plan.decisions),
    );
    if let Some(format) = &plan.format {
        output.text(&format!("\nkernel: {format}\n"));
    }
    output.text(&format!("starts at {:#x}\n", plan.descriptor.entry));
    Ok(())
}

pub fn rows(decisions: &[Decision]) -> Vec<Vec<String>> {
    let cell = |value: Option<u64>| value.map_or_else(String::new, hex);
    decisions
        .iter()
        .map(|one| {
            vec![
                one.what.clone(),
                cell(one.guest),
                cell(one.physical),
                one.size.map_or_else(String::new, size),
                one.line.map_or_else(String::new, |line| line.to_string()),
                one.why.clone(),
            ]
        })
        .collect()
}

pub fn plan_json(plan: &Plan) -> Value {
    let descriptor = &plan.descriptor;
    json!({
        "name": plan.name,
        "entry": descriptor.entry,
        "arguments": descriptor.arguments,
        "kernel": plan.format,
        "cpus": descriptor.cpus().iter().map(|cpu| json!({ "physical": cpu.physical, "guest": cpu.guest })).collect::<Value>(),
        "memory": descriptor.memory().iter().map(|one| json!({ "guest": one.guest, "physical": one.physical, "size": one.size })).collect::<Value>(),
        "mmio": descriptor.mmio().iter().map(|one| json!({ "guest": one.guest, "physical": one.physical, "size": one.size })).collect::<Value>(),
        "lines": descriptor.lines().iter().map(|line| line.physical).collect::<Value>(),
        "devices": plan.devices,
        "loads": plan.loads.iter().map(|load| json!({ "what": load.what, "guest": load.guest, "size": load.bytes.len() })).collect::<Value>(),
        "decisions": plan.decisions,
    })
}

pub fn dtb(arguments: &DtbArgs, output: Output) -> Result<()> {
    let machine = machine(&arguments.machine)?;
    let description = Description::read(&arguments.file)?;
    let (plan, warnings) = description.plan(&machine, arguments.machine.dtb.is_some(), None)?;
    output.problems(&warnings, Some(&description.source()));
    match &arguments.output {
        Some(path) => {
            std::fs::write(path, &plan.dtb).map_err(io(format!("write {}", path.display())))?;
            output.done(&format!(
                "{}: {}",
                path.display(),
                size(plan.dtb.len() as u64)
            ));
        }
        None => match plan::tree::source(&plan.dtb) {
            Some(source) => output.text(&source),
            None => {
                return Err(Failure::refused(
                    "show the tree as text",
                    "a name copied from the board's is out of the specification",
                )
                .advise("write it with -o and read it with dtc"));
            }
        },
    }
    Ok(())
}
