// SPDX-License-Identifier: Apache-2.0
//! Fields of supervisor and hypervisor CSRs, and the numbers of those that
//! assemblers do not all know by name.

/// `sstatus` and `vsstatus`.
pub mod sstatus {
    pub const SIE: u64 = 1 << 1;
    pub const SPIE: u64 = 1 << 5;
    pub const SPP: u64 = 1 << 8;
    pub const VS_SHIFT: u32 = 9;
    pub const FS_SHIFT: u32 = 13;
    pub const SUM: u64 = 1 << 18;
    pub const MXR: u64 = 1 << 19;
    pub const FS_MASK: u64 = 3 << FS_SHIFT;
    pub const VS_MASK: u64 = 3 << VS_SHIFT;
    pub const FS_INITIAL: u64 = 1 << FS_SHIFT;
    pub const VS_INITIAL: u64 = 1 << VS_SHIFT;
}

/// `hstatus`.
pub mod hstatus {
    /// The trap wrote a guest virtual address to `stval`.
    pub const GVA: u64 = 1 << 6;
    /// The trap came from (and `sret` goes to) virtualisation mode.
    pub const SPV: u64 = 1 << 7;
    /// HLV and HSV act as VS-mode, not VU-mode.
    pub const SPVP: u64 = 1 << 8;
    pub const HU: u64 = 1 << 9;
    pub const VGEIN_SHIFT: u32 = 12;
    pub const VGEIN_MASK: u64 = 0x3f << VGEIN_SHIFT;
    pub const VTVM: u64 = 1 << 20;
    /// WFI in VS-mode traps (after a bounded time).
    pub const VTW: u64 = 1 << 21;
    pub const VTSR: u64 = 1 << 22;
    pub const VSXL_64: u64 = 2 << 32;
}

/// `henvcfg`.
pub mod henvcfg {
    pub const FIOM: u64 = 1 << 0;
    /// CBO.INVAL executes as a flush.
    pub const CBIE_FLUSH: u64 = 1 << 4;
    pub const CBCFE: u64 = 1 << 6;
    pub const CBZE: u64 = 1 << 7;
    pub const ADUE: u64 = 1 << 61;
    pub const PBMTE: u64 = 1 << 62;
    pub const STCE: u64 = 1 << 63;
}

/// `hstateen0`.
pub mod hstateen0 {
    pub const IMSIC: u64 = 1 << 58;
    pub const AIA: u64 = 1 << 59;
    /// siselect, sireg*.
    pub const CSRIND: u64 = 1 << 60;
    pub const ENVCFG: u64 = 1 << 62;
    pub const SE0: u64 = 1 << 63;
}

/// `hgatp` and `satp`.
pub mod atp {
    pub const MODE_SHIFT: u32 = 60;
    pub const SV39: u64 = 8;
    pub const SV48: u64 = 9;
    pub const SV57: u64 = 10;
    pub const VMID_SHIFT: u32 = 44;
    pub const VMID_MASK: u64 = 0x3fff;
    pub const PPN_MASK: u64 = (1 << 44) - 1;
}

/// `hcounteren`.
pub mod counteren {
    pub const CY: u64 = 1 << 0;
    pub const TM: u64 = 1 << 1;
    pub const IR: u64 = 1 << 2;
}

/// Numbers.
pub mod number {
    pub const STIMECMP: u16 = 0x14d;
    pub const VSTIMECMP: u16 = 0x24d;
    pub const SISELECT: u16 = 0x150;
    pub const SIREG: u16 = 0x151;
    pub const STOPEI: u16 = 0x15c;
    pub const STOPI: u16 = 0xdb0;
    pub const VSISELECT: u16 = 0x250;
    pub const VSIREG: u16 = 0x251;
    pub const HSTATEEN0: u16 = 0x60c;
    pub const SSTATEEN0: u16 = 0x10c;
    pub const HVICTL: u16 = 0x609;
    pub const HVIEN: u16 = 0x608;
    pub const SENVCFG: u16 = 0x10a;
    pub const SCOUNTOVF: u16 = 0xda0;
    pub const CYCLE: u16 = 0xc00;
    pub const TIME: u16 = 0xc01;
    pub const INSTRET: u16 = 0xc02;
    pub const HPMCOUNTER31: u16 = 0xc1f;
}

/// Registers behind `siselect` (AIA, 3.8).
pub mod imsic {
    pub const EIDELIVERY: u64 = 0x70;
    pub const EITHRESHOLD: u64 = 0x72;
    pub const EIP0: u64 = 0x80;
    pub const EIE0: u64 = 0xc0;
    /// Registers of `EIP` and `EIE` on RV64: the even ones of 64.
    pub const BITMAP_REGISTERS: u64 = 64;
}
