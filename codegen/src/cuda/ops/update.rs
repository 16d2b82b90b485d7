//! The optimiser's update: one launch over the flat buffers.
//!
//! Groups of parameters that learn alike differ in two numbers, which a thread picks by its place. After a
//! loss or gradient that is not finite nothing changes. At half precision gradients come multiplied by the loss
//! scale, and steps that were skipped are no updates.

use nnc_dsl::model::OptimizerKind;

use super::super::emitter::THREADS;
use super::super::text::{Vector, Writer, fill};
use super::super::{Argument, Count, Element, Emitter, Launch, Place, Region};
use crate::optimizers::{UpdateRule, update_rule, variable_names};
use crate::plan::{Group, Tensors};
use crate::scalar::{CExpr, to_c, variables};

/// Four parameters, sixteen bytes of each buffer, are a thread's; ends of groups are multiples.
const WIDTH: usize = 4;

/// One step of the optimiser; nothing if nothing learns.
pub(in super::super) fn update(emitter: &mut Emitter, kind: OptimizerKind, tensors: &Tensors) -> Vec<Launch> {
    if tensors.trained_len == 0 {
        return Vec::new();
    }
    let UpdateRule { states, exprs } = update_rule(kind);
    let (parameters, arguments) = parts(emitter, tensors.trained_len, states).finish();
    let buffers = [&["parameter", "gradient"], states].concat();
    let written = [&["parameter"], states].concat();
    let vector = Vector::dividing(&[WIDTH]);
    let lines = |names: &[&str], function: &str| -> String {
        names.iter().map(|name| format!("    {function}({name}_at + index, {name});\n")).collect()
    };
    let arrays: Vec<String> = buffers.iter().map(|name| format!("{name}[{WIDTH}]")).collect();
    let used: Vec<usize> = exprs.iter().flat_map(variables).collect();
    let body = fill(
        include_str!("../templates/update.cu"),
        &[
            ("WIDTH", WIDTH.to_string()),
            ("LEN", tensors.trained_len.to_string()),
            ("UNIFORM", uniform(kind, &tensors.groups, &used)),
            ("ARRAYS", arrays.join(", ")),
            ("LOADS", lines(&buffers, &vector.load(Element::Float))),
            ("EXPRESSIONS", expressions(kind, &buffers, &written)),
            ("STORES", lines(&written, &vector.store(Element::Float))),
        ],
    );
    let name = format!("nn_{}", kind.name());
    let kernel = emitter.kernel(&name, THREADS.into(), &parameters, &body);
    let blocks = Count::fixed((tensors.trained_len / WIDTH).div_ceil(THREADS));
    let grid = [blocks, Count::fixed(1), Count::fixed(1)];
    vec![Launch { kernel, layer: "update".into(), grid, shared: 0, workspace: Count::fixed(0), arguments }]
}

fn parts<'a>(emitter: &'a Emitter, len: usize, states: &[&str]) -> Writer<'a> {
    let mut writer = emitter.writer();
    let place = |region| Argument::Place(Place { region, offset: 0, len });
    writer.parameter("float *__restrict__ parameter_at", place(Region::Parameter));
    writer.parameter("real *__restrict__ parameter_real_at", place(Region::ParameterReal));
    writer.parameter("const float *__restrict__ gradient_at", place(Region::Gradient));
    for (index, state) in states.iter().enumerate() {
        writer.parameter(&format!("float *__restrict__ {state}_at"), Argument::OptimizerState(index));
    }
    writer.parameter("const float *__restrict__ hyperparameters", Argument::Hyperparameters);
    writer.step();
    writer
}

/// Declares the variables that are the same for all elements of a group, as far as they are used.
fn uniform(kind: OptimizerKind, groups: &[Group], used: &[usize]) -> String {
    let hyperparameter =
        |name: &str| kind.hyperparameters().iter().position(|(found, _)| *found == name).unwrap_or_default();
    let declare = |(variable, name): (usize, &'static str)| {
        let value = match (variable, name) {
            (0 | 1, _) => return None,
            _ if !used.contains(&variable) => return None,
            (2, _) => {
                let decay = format!("hyperparameters[{}]", hyperparameter("weight_decay"));
                by_group(groups, |group| if group.decays { decay.clone() } else { "0.0f".to_owned() })
            }
            (3, _) => "(float)(updates(step) + 1)".to_owned(),
            (_, "lr") => {
                let factor = by_group(groups, |group| format!("{:?}f", group.learning_rate as f32));
                format!("hyperparameters[{}] * ({factor})", hyperparameter(name))
            }
            _ if kind.hyperparameters().iter().any(|(found, _)| *found == name) => {
                format!("hyperparameters[{}]", hyperparameter(name))
            }
            _ => return None,
        };
        Some(format!("    const float {} = {value};\n", c_name(name)))
    };
    variable_names(kind).into_iter().enumerate().filter_map(declare).collect()
}

/// What `value` says of the group of the element, by where the groups end.
fn by_group(groups: &[Group], value: impl Fn(&Group) -> String) -> String {
    let Some((last, before)) = groups.split_last() else { return "0.0f".to_owned() };
    let choice = |text: String, group: &Group| {
        let own = value(group);
        if own == text { text } else { format!("index < {} ? {own} : {text}", group.end) }
    };
    before.iter().rev().fold(value(last), choice)
}

/// New parameter and states from the old ones, then in their place.
fn expressions(kind: OptimizerKind, buffers: &[&str], written: &[&str]) -> String {
    let name = |name: &&str| if buffers.contains(name) { format!("{name}[i]") } else { c_name(name) };
    let names: Vec<String> = variable_names(kind).iter().map(name).collect();
    let CExpr { declarations, results } = to_c(&update_rule(kind).exprs, &names, "t");
    let values =
        written.iter().zip(results).map(|(name, value)| format!("const float new_{name} = {value};"));
    let stores = written.iter().map(|name| format!("{name}[i] = new_{name};"));
    let lines = declarations.into_iter().chain(values).chain(stores);
    lines.map(|line| format!("        {line}\n")).collect()
}

/// `step` is the kernel's parameter.
fn c_name(name: &str) -> String {
    if name == "step" { "step_number".to_owned() } else { name.to_owned() }
}
