// SPDX-License-Identifier: Apache-2.0
//! Debian packages from any suite and architecture, unpacked below the cache.
//!
//! Each suite has an apt configuration of its own with its own lists and an
//! empty dpkg database, so that nothing of the live system changes. apt
//! verifies signatures and hashes.

use crate::command;
use crate::paths;
use crate::progress::Step;
use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Lists that this run of the program has fetched, as `SUITE-ARCHITECTURE`.
static FETCHED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The private apt of one suite and architecture, its lists fetched.
pub struct Apt {
    suite: String,
    name: String,
    configuration: PathBuf,
    packages: PathBuf,
}

impl Apt {
    /// Fetches the lists, once per run of this program. Each architecture is
    /// by itself, for a mirror may be out of step with itself in one of them.
    pub fn open(suite: &str, architecture: &str) -> Result<Self> {
        if paths::find_program("apt-get").is_none() {
            bail!(
                "this machine has no apt-get; setting up by itself needs Debian or a relative of it"
            );
        }
        let name = format!("{suite}-{architecture}");
        let root = paths::cache().join("apt").join(&name);
        let packages = paths::cache().join("apt/packages");
        for directory in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(root.join(directory))?;
        }
        fs::create_dir_all(&packages)?;
        let source = format!(
            "deb [signed-by={KEYRING} check-valid-until=no arch={architecture}] {} {suite} main\n",
            mirror()?
        );
        fs::write(root.join("sources.list"), source)?;
        fs::write(root.join("status"), "")?;
        let configuration = root.join("apt.conf");
        fs::write(&configuration, configuration_text(&root, architecture))?;
        let apt = Self {
            suite: suite.to_owned(),
            name: name.clone(),
            configuration,
            packages,
        };
        let mut fetched = FETCHED.lock().unwrap_or_else(PoisonError::into_inner);
        if !fetched.contains(&name) {
            command::run(apt.command("apt-get").args(["--quiet=2", "update"]))
                .with_context(|| format!("Debian's list of packages in {name} can not be had"))?;
            fetched.push(name);
        }
        Ok(apt)
    }

    /// Does `work` with the first of `suites` where it succeeds; `into` is
    /// emptied between tries.
    pub fn first(
        suites: &[&str],
        architecture: &str,
        into: &Path,
        work: impl Fn(&Self) -> Result<()>,
    ) -> Result<()> {
        let mut failures = Vec::new();
        for suite in suites {
            match Self::open(suite, architecture).and_then(|apt| work(&apt)) {
                Ok(()) => return Ok(()),
                Err(error) => failures.push(format!("{suite}: {error:#}")),
            }
            fs::remove_dir_all(into)?;
            fs::create_dir_all(into)?;
        }
        bail!(
            "tried {} of Debian's suites:\n{}",
            suites.len(),
            failures.join("\n")
        )
    }

    pub fn suite(&self) -> &str {
        &self.suite
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(&self.configuration)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// The newest version of `package` that `accept` likes.
    pub fn version(&self, package: &str, accept: impl Fn(&str) -> bool) -> Result<String> {
        let table = command::output(self.command("apt-cache").args(["madison", package]))?;
        table
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(str::trim)
            .find(|version| accept(version))
            .map(str::to_owned)
            .ok_or_else(|| anyhow!("{} has no fitting version of {package}", self.name))
    }

    /// What the meta package `package` stands for: its first dependency that starts with `prefix`.
    pub fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let text = command::output(self.command("apt-cache").args(["show", package]))?;
        text.lines()
            .find_map(|line| line.strip_prefix("Depends: "))
            .and_then(|line| {
                line.split(", ")
                    .filter_map(|dependency| dependency.split_whitespace().next())
                    .find(|name| name.starts_with(prefix))
            })
            .map(str::to_owned)
            .ok_or_else(|| anyhow!("{package} in {} depends on no {prefix}*", self.name))
    }

    /// Those of `packages` that the suite has.
    pub fn known<'a>(&self, packages: &[&'a str]) -> Result<Vec<&'a str>> {
        let text = command::output(
            self.command("apt-cache")
                .args(["show", "--no-all-versions"])
                .args(packages),
        )
        .or_else(|_| command::output(self.command("apt-cache").arg("pkgnames")))?;
        let names: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix("Package: ").unwrap_or(line))
            .collect();
        Ok(packages
            .iter()
            .copied()
            .filter(|package| names.contains(package))
            .collect())
    }

    /// Downloads `packages` (`NAME[=VERSION]`) and unpacks them below `into`.
    pub fn unpack(&self, step: &Step, packages: &[String], into: &Path) -> Result<()> {
        for archive in self.download(step, packages)? {
            step.doing(&format!("unpacking {}", file_name(&archive)));
            command::run(
                Command::new("dpkg-deb")
                    .arg("--extract")
                    .arg(&archive)
                    .arg(into),
            )?;
            fs::remove_file(&archive)?;
        }
        Ok(())
    }

    fn download(&self, step: &Step, packages: &[String]) -> Result<Vec<PathBuf>> {
        let text = command::output(
            self.command("apt-get")
                .args(["download", "--print-uris"])
                .args(packages),
        )
        .with_context(|| format!("{} does not have all of {}", self.name, packages.join(", ")))?;
        // Lines are: 'URI' NAME SIZE HASH
        let mut archives = Vec::new();
        let mut total = 0;
        for line in text.lines().filter(|line| line.starts_with('\'')) {
            let mut fields = line.split_whitespace().skip(1);
            if let (Some(name), Some(size)) = (fields.next(), fields.next()) {
                archives.push(self.packages.join(name));
                total += size.parse::<u64>().unwrap_or(0);
            }
        }
        step.bytes(total);
        let mut child = self
            .command("apt-get")
            .args(["--quiet=2", "download"])
            .args(packages)
            .current_dir(&self.packages)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("apt-get does not start")?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            step.at(archives
                .iter()
                .filter_map(|archive| fs::metadata(archive).ok())
                .map(|data| data.len())
                .sum());
            thread::sleep(Duration::from_millis(100));
        };
        if !status.success() {
            bail!(
                "these packages of {} could not be downloaded: {}",
                self.name,
                packages.join(", ")
            );
        }
        for archive in &archives {
            if !archive.is_file() {
                bail!(
                    "apt-get reported success, but left no {}",
                    archive.display()
                );
            }
        }
        Ok(archives)
    }
}

/// Debian's name of the machine we run on.
pub fn host_architecture() -> Result<String> {
    Ok(
        command::output(Command::new("dpkg").arg("--print-architecture"))?
            .trim()
            .to_owned(),
    )
}

/// The archive from which this machine's own apt has its main suite.
fn mirror() -> Result<String> {
    let uris = command::output(Command::new("apt-get").args(["update", "--print-uris"]))?;
    uris.lines()
        .filter_map(|line| line.trim_start_matches('\'').split_once("/dists/"))
        .map(|(archive, _)| archive)
        .find(|archive| archive.ends_with("/debian"))
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("apt on this machine knows no Debian archive; other suites are taken from the same one"))
}

fn configuration_text(root: &Path, architecture: &str) -> String {
    let root = root.display();
    format!(
        "Dir::State \"{root}/state\";\n\
         Dir::State::status \"{root}/status\";\n\
         Dir::Cache \"{root}/cache\";\n\
         Dir::Etc::sourcelist \"{root}/sources.list\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         #clear APT::Architectures;\n\
         APT::Architecture \"{architecture}\";\n\
         APT::Architectures {{ \"{architecture}\"; }};\n\
         APT::Sandbox::User \"\";\n\
         APT::Default-Release \"\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\n\
         #clear Acquire::IndexTargets;\n\
         Acquire::IndexTargets::deb::Packages {{\n\
         MetaKey \"$(COMPONENT)/binary-$(ARCHITECTURE)/Packages\";\n\
         flatMetaKey \"Packages\";\n\
         ShortDescription \"Packages\";\n\
         Description \"$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages\";\n\
         Optional \"false\";\n\
         }};\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         #clear APT::Update::Post-Invoke;\n"
    )
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
