// SPDX-License-Identifier: Apache-2.0
//! Starts other processors: PSCI (DEN0022) or the spin-table of old firmware.
