// SPDX-License-Identifier: Apache-2.0
//! Builds device-tree nodes.

use dtoolkit::ToPropertyValue;
use dtoolkit::model::{DeviceTreeNode, DeviceTreeProperty};

/// A node under construction.
#[derive(Clone)]
pub struct Builder(DeviceTreeNode);

impl Builder {
    pub fn new(name: impl Into<String>) -> Self {
        Self(DeviceTreeNode::new_unchecked(name))
    }

    pub fn prop<T: ToPropertyValue>(mut self, name: &str, value: T) -> Self {
        self.0
            .add_property(DeviceTreeProperty::new_unchecked(name, value));
        self
    }

    pub fn cells(self, name: &str, cells: &[u32]) -> Self {
        self.prop(name, cells)
    }

    pub fn flag(self, name: &str) -> Self {
        self.prop(name, Vec::<u8>::new())
    }

    /// NUL-terminated strings, one after the other.
    pub fn strings<S: AsRef<str>>(self, name: &str, list: &[S]) -> Self {
        let mut value = Vec::new();
        for text in list {
            value.extend_from_slice(text.as_ref().as_bytes());
            value.push(0);
        }
        self.prop(name, value)
    }

    /// `reg` with two address and two size cells.
    pub fn reg(self, ranges: &[(u64, u64)]) -> Self {
        let value: Vec<u8> = ranges
            .iter()
            .flat_map(|(base, size)| [base.to_be_bytes(), size.to_be_bytes()].concat())
            .collect();
        self.prop("reg", value)
    }

    /// A property of another tree, if it is there.
    pub fn copy(self, from: &DeviceTreeNode, name: &str) -> Self {
        match crate::tree::bytes(from, name) {
            Some(value) => self.prop(name, value.to_vec()),
            None => self,
        }
    }

    pub fn child(mut self, child: impl Into<DeviceTreeNode>) -> Self {
        self.0.add_child(child.into());
        self
    }
}

impl From<Builder> for DeviceTreeNode {
    fn from(builder: Builder) -> Self {
        builder.0
    }
}
