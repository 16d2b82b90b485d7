//! What a check looks at.

use super::flow::{Flow, Kind, NodeId};
use crate::ast::{Ident, Item, Module, Network, Port, Setting, SettingValue, Train};
use crate::diagnostic::{Diagnostic, Span};
use crate::model::{CheckedModel, Join, Layer, Loss};

/// A network that checks.
pub(super) struct Subject<'a> {
    /// The network.
    pub(super) model: &'a CheckedModel,
    /// Its nodes.
    pub(super) flow: Flow<'a>,
    /// Its inputs as written.
    pub(super) inputs: &'a [Port],
    /// Its `train` section as written.
    pub(super) section: Option<&'a Train>,
    /// Bytes of the device's memory.
    pub(super) memory: u64,
}

/// The user's files, and what the checker saw nobody use in them.
pub(crate) struct Text<'a> {
    /// Each file's place in the whole text, with its items.
    pub(crate) files: Vec<(Span, &'a Module)>,
    /// Blocks and activations that no network uses, with what they are.
    pub(crate) unused_definitions: Vec<(&'static str, &'a Ident)>,
    /// Parameters, `let`s, loop variables and shared parts that nothing reads.
    pub(crate) unused_values: Vec<&'a Ident>,
    /// The paths of `use`s of whose files nothing is used.
    pub(crate) unused_files: Vec<Span>,
}

impl<'a> Text<'a> {
    /// The network that a model comes from.
    pub(super) fn network(&self, model: &CheckedModel) -> Option<&'a Network> {
        let items = self.files.iter().flat_map(|(_, module)| &module.items);
        let networks = items.filter_map(|item| match item {
            Item::Network(network) => Some(network),
            _ => None,
        });
        let place =
            |network: &Network| network.name.as_ref().map_or(network.signature_span, |name| name.span);
        networks.into_iter().find(|network| place(network) == model.name_span)
    }
}

/// A finding; its lint and level are added by the caller of the check.
pub(super) fn finding(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::warning("", span, message)
}

impl<'a> Subject<'a> {
    /// The setting of this name.
    pub(super) fn setting(&self, key: &str) -> Option<&'a Setting> {
        self.section?.settings.iter().find(|setting| setting.key.value == key)
    }

    /// Where a setting of this name has an argument of that one: `lr` of `optimizer sgd lr=0.1`.
    pub(super) fn argument(&self, key: &str, name: &str) -> Option<Span> {
        let settings = self.section?.settings.iter().filter(|setting| setting.key.value == key);
        settings.flat_map(|setting| &setting.values).find_map(|value| match value {
            SettingValue::Named(found, _) if found.value == name => Some(found.span),
            _ => None,
        })
    }

    /// The outputs with the loss that judges each.
    pub(super) fn judged(&self) -> impl Iterator<Item = (NodeId, &'a Loss)> {
        let terms = self.model.train.losses.iter();
        terms.filter_map(|term| Some((*self.flow.outputs.get(term.output)?, &term.loss)))
    }

    /// Whether a node lies in a branch of a product, where it is a gate.
    pub(super) fn is_gate(&self, id: NodeId) -> bool {
        let is_product = |join| matches!(self.flow.node(join).kind, Kind::Join(Join::Mul));
        self.flow.branches_around(id).any(|branch| is_product(branch.join))
    }

    /// The first layer of a kind.
    pub(super) fn first(&self, wanted: impl Fn(&Layer) -> bool) -> Option<Span> {
        self.flow.layers().find(|(_, _, layer)| wanted(layer)).map(|(_, node, _)| node.span)
    }
}
