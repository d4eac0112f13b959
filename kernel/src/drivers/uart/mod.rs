// SPDX-License-Identifier: Apache-2.0
//! Output on the firmware's UART, as it was left set up.
