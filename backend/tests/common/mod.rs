// SPDX-License-Identifier: Apache-2.0
//! A zone without a kernel: I/O area and RAM in memory files, and the guest's
//! side of registers and rings.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod queue;

use abi::io::{IoHeader, IoRequest, REQUEST_WAITS, REQUEST_WRITE, VcpuRing};
use backend::area::Area;
use backend::device::Link;
use backend::mapping::Mapping;
use backend::memory::Memory;
use backend::zone::Zone;
use backend::{Config, DeviceConfig, DeviceKind, Devices};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::fd::FromRawFd;
use std::path::{Path, PathBuf};
use std::ptr::addr_of_mut;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

pub const RAM_BASE: u64 = 0x4000_0000;
pub const RAM_SIZE: usize = 8 << 20;
const PAGE: usize = 4096;

/// What the back end asked of the kernel.
#[derive(Default)]
pub struct Calls {
    pub levels: RefCell<[bool; 32]>,
    pub raised: Cell<usize>,
    pub responses: Cell<usize>,
    pub starts: Cell<u32>,
    pub stopped: Cell<bool>,
}

#[derive(Clone, Default)]
pub struct TestLink(pub Rc<Calls>);

impl Link for TestLink {
    fn interrupt(&self, device: u32, level: bool) {
        self.0.levels.borrow_mut()[device as usize] = level;
        self.0.raised.set(self.0.raised.get() + usize::from(level));
    }
    fn respond(&self, _vcpu: u32) {
        self.0.responses.set(self.0.responses.get() + 1);
    }
    fn starts(&self) -> u32 {
        self.0.starts.get()
    }
    fn is_stopped(&self) -> bool {
        self.0.stopped.get()
    }
}

fn memory_file(size: usize) -> File {
    // SAFETY: a new descriptor, owned by the file from here on.
    let file = unsafe { File::from_raw_fd(libc::memfd_create(c"test".as_ptr(), 0)) };
    file.set_len(size as u64).unwrap();
    file
}

/// The machine below the back end; it outlives back ends.
pub struct Machine {
    area: File,
    ram: File,
    /// The kernel's and the guest's own view.
    area_view: Mapping,
    ram_view: Mapping,
    pub calls: TestLink,
    event: EventFd,
    sequence: Cell<u32>,
    pub directory: PathBuf,
}

impl Machine {
    pub fn new(name: &str) -> Self {
        let area = memory_file(3 * PAGE);
        let ram = memory_file(RAM_SIZE);
        let area_view = Mapping::shared(&area, 0, 3 * PAGE).unwrap();
        let ram_view = Mapping::shared(&ram, 0, RAM_SIZE).unwrap();
        let directory =
            std::env::temp_dir().join(format!("hvisor-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let header = area_view.address().cast::<IoHeader>().as_ptr();
        // SAFETY: nobody else has the page yet.
        unsafe {
            (*header).magic = abi::io::MAGIC;
            (*header).version = abi::VERSION;
            (*header).vcpu_count = 1;
            (*header).device_count = 8;
        }
        let calls = TestLink::default();
        calls.0.starts.set(1);
        Self {
            area,
            ram,
            area_view,
            ram_view,
            calls,
            event: EventFd::new(EFD_NONBLOCK).unwrap(),
            sequence: Cell::new(0),
            directory,
        }
    }

    pub fn config(&self, devices: Vec<DeviceKind>) -> Config {
        let devices = devices
            .into_iter()
            .enumerate()
            .map(|(index, kind)| DeviceConfig {
                index: index as u32,
                kind,
            })
            .collect();
        Config {
            zone: 1,
            name: "test".into(),
            devices,
            run_directory: self.directory.clone(),
            confine: false,
        }
    }

    /// Starts a back end, as if a process had attached.
    pub fn attach(&self, devices: Vec<DeviceKind>) -> Zone<TestLink> {
        self.attach_after(devices, || {})
    }

    /// As `attach`, with something to do before the guest is looked at.
    pub fn attach_after(&self, devices: Vec<DeviceKind>, before: impl FnOnce()) -> Zone<TestLink> {
        self.header().generation.fetch_add(1, Ordering::SeqCst);
        let devices = Devices::open(&self.config(devices)).unwrap();
        let area = Area::new(Mapping::shared(&self.area, 0, 3 * PAGE).unwrap()).unwrap();
        let ram = Mapping::shared(&self.ram, 0, RAM_SIZE).unwrap();
        let memory = Memory::new(vec![(RAM_BASE, ram)]).unwrap();
        let event = self.event.try_clone().unwrap();
        let mut zone = devices
            .serve(self.calls.clone(), area, memory, event)
            .unwrap();
        before();
        zone.begin();
        zone
    }

    /// The guest was started anew.
    pub fn restart(&self) {
        self.calls.0.starts.set(self.calls.0.starts.get() + 1);
        self.header().generation.fetch_add(1, Ordering::SeqCst);
        self.signal();
    }

    pub fn header(&self) -> &IoHeader {
        // SAFETY: mapped and aligned; the fields that change are atomics.
        unsafe { self.area_view.address().cast().as_ref() }
    }

    fn signal(&self) {
        self.header().pending.store(1, Ordering::SeqCst);
        self.event.write(1).unwrap();
    }

    /// What the kernel does for a register access.
    pub fn request(&self, mut request: IoRequest) {
        let sequence = self.sequence.get() + 1;
        self.sequence.set(sequence);
        request.sequence = sequence;
        // SAFETY: the ring page is mapped; this is its only producer.
        unsafe {
            let ring: *mut VcpuRing = self.area_view.address().add(2 * PAGE).cast().as_ptr();
            let head = (*ring).head.load(Ordering::Relaxed);
            let entry = addr_of_mut!((*ring).requests[head as usize % 64]);
            entry.write_volatile(request);
            (*ring).head.store(head.wrapping_add(1), Ordering::Release);
        }
        self.signal();
    }

    pub fn write(&self, zone: &mut Zone<TestLink>, device: u32, offset: u32, value: u64) {
        self.access(zone, device, offset, 4, Some(value));
    }

    pub fn read(&self, zone: &mut Zone<TestLink>, device: u32, offset: u32) -> u32 {
        self.access(zone, device, offset, 4, None) as u32
    }

    pub fn access(
        &self,
        zone: &mut Zone<TestLink>,
        device: u32,
        offset: u32,
        width: u8,
        value: Option<u64>,
    ) -> u64 {
        let before = self.calls.0.responses.get();
        let flags = REQUEST_WAITS | if value.is_some() { REQUEST_WRITE } else { 0 };
        let value = value.unwrap_or(0);
        self.request(IoRequest {
            device,
            offset,
            value,
            width,
            flags,
            ..Default::default()
        });
        zone.turn(1000).unwrap();
        assert_eq!(
            self.calls.0.responses.get(),
            before + 1,
            "the vCPU still waits"
        );
        // SAFETY: the ring page is mapped and these are atomics.
        unsafe {
            let ring: *mut VcpuRing = self.area_view.address().add(2 * PAGE).cast().as_ptr();
            assert_eq!(
                (*ring).response_sequence.load(Ordering::Acquire),
                self.sequence.get()
            );
            (*ring).response_value.load(Ordering::Relaxed)
        }
    }

    /// What the kernel does for QueueNotify.
    pub fn notify(&self, device: u32, queue: u32) {
        let shared = &self.header().devices[device as usize];
        shared.notified.fetch_or(1 << queue, Ordering::SeqCst);
        self.signal();
    }

    /// What the kernel does for InterruptACK: the bits that were set.
    pub fn acknowledge(&self, device: u32) -> u32 {
        let shared = &self.header().devices[device as usize];
        self.calls.0.levels.borrow_mut()[device as usize] = false;
        shared.interrupt_status.swap(0, Ordering::SeqCst)
    }

    pub fn level(&self, device: u32) -> bool {
        self.calls.0.levels.borrow()[device as usize]
    }

    pub fn line_status(&self, device: u32) -> u32 {
        self.header().devices[device as usize]
            .shadow
            .load(Ordering::SeqCst)
    }

    pub fn store(&self, address: u64, bytes: &[u8]) {
        let offset = usize::try_from(address - RAM_BASE).unwrap();
        assert!(offset + bytes.len() <= RAM_SIZE);
        for (index, byte) in bytes.iter().enumerate() {
            // SAFETY: inside the mapping.
            unsafe {
                self.ram_view
                    .address()
                    .add(offset + index)
                    .write_volatile(*byte)
            };
        }
    }

    pub fn load(&self, address: u64, length: usize) -> Vec<u8> {
        let offset = usize::try_from(address - RAM_BASE).unwrap();
        assert!(offset + length <= RAM_SIZE);
        // SAFETY: inside the mapping.
        let byte = |index| unsafe { self.ram_view.address().add(offset + index).read_volatile() };
        (0..length).map(byte).collect()
    }

    pub fn load16(&self, address: u64) -> u16 {
        u16::from_le_bytes(self.load(address, 2).try_into().unwrap())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A file of `size` zero bytes in the machine's directory.
pub fn disk(directory: &Path, name: &str, size: u64) -> PathBuf {
    let path = directory.join(name);
    File::create(&path).unwrap().set_len(size).unwrap();
    path
}
