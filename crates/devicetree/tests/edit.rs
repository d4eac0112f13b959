// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod support;

use devicetree::{Action, Edit, Error, Node, Tree, Writer, edit};
use support::sample;

struct Nothing;
impl Edit<'_> for Nothing {}

/// Names, properties and structure as text.
fn describe(bytes: &[u8]) -> Vec<String> {
    let tree = Tree::new(bytes).unwrap();
    tree.nodes()
        .flat_map(|node| {
            let path = format!("{}{}", "  ".repeat(node.depth()), node.name());
            let properties = node
                .properties()
                .map(|(name, value)| format!("{name} = {value:x?}"));
            std::iter::once(path).chain(properties).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_copy_equals_its_source() {
    let source = sample();
    let tree = Tree::new(&source).unwrap();
    let mut out = vec![0; source.len() + 64];
    let writer = Writer::new(&mut out, &tree, tree.reservations()).unwrap();
    let length = edit(&tree, &mut Nothing, writer).unwrap();
    assert_eq!(describe(&out[..length]), describe(&source));
    let copy = Tree::new(&out[..length]).unwrap();
    assert_eq!(copy.reservations().collect::<Vec<_>>(), [(0x1000, 0x2000)]);
}

struct Changes;

impl<'a> Edit<'a> for Changes {
    fn node(&mut self, node: &Node<'a>) -> Action {
        if node.base_name() == "bus" {
            Action::Drop
        } else {
            Action::Keep
        }
    }

    fn property(
        &mut self,
        _: &Node<'a>,
        name: &'a str,
        _: &'a [u8],
        out: &mut Writer<'_, 'a>,
    ) -> Result<Action, Error> {
        match name {
            "interrupt-parent" => Ok(Action::Drop),
            "stdout-path" => {
                out.property_text(name, "/intc")?;
                Ok(Action::Drop)
            }
            _ => Ok(Action::Keep),
        }
    }

    fn after_properties(&mut self, node: &Node<'a>, out: &mut Writer<'_, 'a>) -> Result<(), Error> {
        if node.depth() == 0 {
            out.begin_node("new@1")?;
            out.property_cells("reg", &[0, 1, 0, 2])?;
            out.property_text("brand-new", "yes")?;
            out.property_text("newer", "yes")?;
            out.property_text("brand-new", "twice")?;
            out.end_node()?;
        }
        Ok(())
    }
}

#[test]
fn nodes_and_properties_come_and_go() {
    let source = sample();
    let tree = Tree::new(&source).unwrap();
    let mut out = vec![0xaa; 4096];
    let writer = Writer::new(&mut out, &tree, [(1, 2), (3, 4)].into_iter()).unwrap();
    let length = edit(&tree, &mut Changes, writer).unwrap();
    let edited = Tree::new(&out[..length]).unwrap();
    let names: Vec<_> = edited.nodes().map(|node| node.name()).collect();
    assert_eq!(
        names,
        ["", "new@1", "aliases", "chosen", "intc@8000", "gpio@9000"]
    );
    assert!(!edited.root().has("interrupt-parent"));
    assert_eq!(
        edited.find("/chosen").unwrap().text("stdout-path"),
        Some("/intc")
    );
    let new = edited.find("/new").unwrap();
    let properties: Vec<_> = new.properties().map(|(name, _)| name).collect();
    assert_eq!(properties, ["reg", "brand-new", "newer", "brand-new"]);
    assert_eq!(edited.reservations().collect::<Vec<_>>(), [(1, 2), (3, 4)]);
}

#[test]
fn a_full_buffer_is_an_error_at_every_length() {
    let source = sample();
    let tree = Tree::new(&source).unwrap();
    let mut out = vec![0; 4096];
    let needed = edit(
        &tree,
        &mut Changes,
        Writer::new(&mut out, &tree, tree.reservations()).unwrap(),
    )
    .unwrap();
    for length in 0..needed {
        let result = Writer::new(&mut out[..length], &tree, tree.reservations())
            .and_then(|writer| edit(&tree, &mut Changes, writer));
        assert_eq!(result, Err(Error::OutputFull), "{length} of {needed} bytes");
    }
}
