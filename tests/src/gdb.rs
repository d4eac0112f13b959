// SPDX-License-Identifier: Apache-2.0
//! A machine's registers and memory, by the emulator's debugger port (the GDB
//! remote serial protocol).

use anyhow::{Context, Result, anyhow, bail, ensure};
use regex::Regex;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Bytes asked for at a time.
const PIECE: usize = 2048;

/// Connected; the whole machine stands still until it is dropped.
pub struct Debugger {
    stream: UnixStream,
    /// Register numbers by name.
    registers: HashMap<String, u32>,
    processors: Vec<String>,
}

impl Debugger {
    /// Stops the machine.
    pub fn attach(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)
            .with_context(|| format!("{} can not be reached", socket.display()))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut debugger = Self {
            stream,
            registers: HashMap::new(),
            processors: Vec::new(),
        };
        debugger.ask("qSupported:xmlRegisters=i386;qXfer:features:read+")?;
        debugger.read_registers("target.xml")?;
        ensure!(debugger.ask("Qqemu.PhyMemMode:1")? == "OK");
        let mut answer = debugger.ask("qfThreadInfo")?;
        while let Some(list) = answer.strip_prefix('m') {
            debugger
                .processors
                .extend(list.split(',').map(str::to_owned));
            answer = debugger.ask("qsThreadInfo")?;
        }
        ensure!(!debugger.processors.is_empty(), "no processors");
        Ok(debugger)
    }

    pub fn processors(&self) -> usize {
        self.processors.len()
    }

    fn send(&mut self, packet: &str) -> Result<()> {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.stream
            .write_all(format!("${packet}#{sum:02x}").as_bytes())
            .context("the debugger port takes nothing")
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.stream
            .read_exact(&mut byte)
            .context("the debugger port does not answer")?;
        Ok(byte[0])
    }

    fn receive(&mut self) -> Result<String> {
        while self.byte()? != b'$' {}
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                b'#' => break,
                b'}' => text.push(self.byte()? ^ 0x20),
                byte => text.push(byte),
            }
        }
        self.byte()?;
        self.byte()?;
        self.stream.write_all(b"+")?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn ask(&mut self, packet: &str) -> Result<String> {
        self.send(packet)?;
        self.receive()
    }

    /// Learns the numbers of all registers that `document` and what it includes name.
    fn read_registers(&mut self, document: &str) -> Result<()> {
        let mut text = String::new();
        loop {
            let offset = text.len();
            let piece = self.ask(&format!("qXfer:features:read:{document}:{offset:x},800"))?;
            ensure!(
                piece.starts_with(['l', 'm']),
                "no description of registers: {piece}"
            );
            text.push_str(&piece[1..]);
            if piece.starts_with('l') {
                break;
            }
        }
        let register = Regex::new(r"<reg ([^>]*)>")?;
        let attribute = |name: &str| Regex::new(&format!("{name}=[\"']([^\"']*)[\"']"));
        let (name, number) = (attribute("name")?, attribute("regnum")?);
        for found in register.captures_iter(&text) {
            let next = self.registers.len() as u32;
            let number = match number.captures(&found[1]) {
                Some(number) => number[1].parse()?,
                None => next,
            };
            if let Some(name) = name.captures(&found[1]) {
                self.registers.insert(name[1].to_lowercase(), number);
            }
        }
        let include = Regex::new(r#"<xi:include href="([^"]*)""#)?;
        for found in include.captures_iter(&text) {
            self.read_registers(&found[1])?;
        }
        Ok(())
    }

    fn number(&self, name: &str) -> Result<u32> {
        self.registers
            .get(name)
            .copied()
            .ok_or_else(|| anyhow!("there is no register {name}"))
    }

    fn select(&mut self, processor: usize) -> Result<()> {
        let thread = self
            .processors
            .get(processor)
            .ok_or_else(|| anyhow!("no processor {processor}"))?;
        let packet = format!("Hg{thread}");
        ensure!(self.ask(&packet)? == "OK");
        Ok(())
    }

    /// A register of up to 64 bits.
    pub fn register(&mut self, processor: usize, name: &str) -> Result<u64> {
        let number = self.number(name)?;
        self.select(processor)?;
        let bytes = unhex(&self.ask(&format!("p{number:x}"))?)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    pub fn set_register(&mut self, processor: usize, name: &str, value: u64) -> Result<()> {
        let number = self.number(name)?;
        self.select(processor)?;
        let bytes: String = value
            .to_le_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        ensure!(self.ask(&format!("P{number:x}={bytes}"))? == "OK");
        Ok(())
    }

    /// Physical memory.
    pub fn memory(&mut self, address: u64, size: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < size {
            let at = address + bytes.len() as u64;
            let length = PIECE.min(size - bytes.len());
            let piece = unhex(&self.ask(&format!("m{at:x},{length:x}"))?)?;
            ensure!(piece.len() == length, "memory at {at:#x} can not be read");
            bytes.extend(piece);
        }
        Ok(bytes)
    }
}

impl Drop for Debugger {
    fn drop(&mut self) {
        // The machine goes on; if it is gone, so be it.
        let _ = self.ask("D");
    }
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    if text.starts_with('E') {
        bail!("the debugger port refuses: {text}");
    }
    (0..text.len())
        .step_by(2)
        .map(|at| {
            let digits = text.get(at..at + 2).ok_or_else(|| anyhow!("odd answer"))?;
            u8::from_str_radix(digits, 16).map_err(Into::into)
        })
        .collect()
}
